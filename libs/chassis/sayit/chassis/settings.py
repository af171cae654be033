"""Settings of a process: `SAYIT_*` variables, a file of them, or constructor arguments; all described.

A setting marked `RELOADABLE` takes effect while the process runs, see `reload`. A name that is no setting of any
process is an error, which says the nearest one that is.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Field, SecretStr, field_validator
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

#: Every setting's variable starts with it.
PREFIX = "SAYIT_"

#: Given to a field as `json_schema_extra`: a change of it takes effect while the process runs.
RELOADABLE: JsonDict = {"reloadable": True}
#: Beside it, in `json_schema_extra`: the variable's former name, which is still read where the present one is not set.
FORMERLY = "formerly"

#: Names the file of settings; it can only be a variable.
SETTINGS_FILE_VARIABLE = f"{PREFIX}SETTINGS_FILE"


def _checked_limit(text: str) -> str:
    if text:
        from sayit.chassis.quotas import limits_of  # noqa: PLC0415 - takes a while, and most have no limits

        limits_of(text)
    return text


def secrets_of(value: SecretStr) -> tuple[str, ...]:
    """The secrets of a setting, the newest first; none where it is empty."""
    return tuple(value.get_secret_value().split())


def _checked_secrets(value: SecretStr) -> SecretStr:
    secrets = secrets_of(value)
    if len(secrets) > 2 or any(len(secret) < 32 for secret in secrets):
        raise ValueError("write one secret of at least 32 characters, or the new one and the old one")
    return value


#: A secret of at least 32 characters, or a new one and the old one, with a space between.
Secrets = Annotated[SecretStr, AfterValidator(_checked_secrets)]

#: Some of something in a time, see `quotas.limits_of`.
Limit = Annotated[str, AfterValidator(_checked_limit)]

#: Whose settings there are: `sayit.NAME.settings.NameSettings`. All may share one environment and one file.
_PROCESSES = ("gateway", "scheduler", "transcriber", "bridge")

#: Variables that are no process's settings: the command line's and its supervisor's, deploy/compose.yaml's, the tests'.
_OTHER_VARIABLES = frozenset(
    f"{PREFIX}{name}"
    for name in (
        *(
            "SERVER",
            "SERVER_TLS",
            "API_KEY",
            "API_KEY_FILE",
            "ROOT_CERTIFICATES",
            "CLIENT_CERTIFICATE",
            "LANG",
            "MODELS_DIR",
            "PARENT_FD",
        ),
        *("PUBLISH", "PUBLISH_HTTP", "SECOND_MODEL", "BACKUP_EVERY", "BACKUP_KEEP"),
        *("FAULTS", "FAULTS_REPORT", "FAULTS_SEED"),
    )
)
#: Then `sayit up` has looked at the variables, once for all of its parts. `parent_watch` takes this one away.
_IS_PART_OF_A_SUITE = f"{PREFIX}PARENT_FD" in os.environ

#: What Kubernetes sets in every container for services whose names begin with `sayit-`.
_SERVICE_LINK = re.compile(r"_(SERVICE_(HOST|PORT\w*)|PORT(_\d+_\w+)?)$")

#: A user's name and password in a URL.
_PASSWORD = re.compile(r"://[^/@\s]*@")


class ServiceSettings(BaseSettings):
    """What every process of SayIt can be told. A service's settings derive from it; every field has a description.

    A constructor argument wins over a variable, a variable over the file of settings. A field of type `SecretStr` is
    also read from the file that `SAYIT_<NAME>_FILE` names, as container platforms mount secrets. An empty variable
    counts as unset.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True, validate_default=False
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe level that is logged.", json_schema_extra=RELOADABLE
    )
    settings_file: Path | None = Field(
        default=None,
        description="File of settings, one NAME=VALUE a line; variables win. Read at the start and again on SIGHUP.",
    )
    log_format: Literal["auto", "console", "json"] = Field(
        default="auto", description="Form of the log on standard error; auto: console on a terminal, JSON otherwise."
    )
    otlp_endpoint: str = Field(
        default="",
        description="OTLP collector (gRPC) that traces are sent to, such as http://localhost:4317; empty: none.",
    )
    metrics_listen: str = Field(
        default="", description="host:port on which /metrics answers in Prometheus' text format; empty: nowhere."
    )
    grace_s: float = Field(
        default=30.0, ge=0, description="Seconds that running calls may take to end when the process is told to stop."
    )
    internal_secret: SecretStr = Field(
        default=SecretStr(""),
        description="Shared by all services; internal calls without it are refused. Empty: not checked.",
    )
    internal_certificate: Path | None = Field(
        default=None,
        description="PEM file of a certificate chain for the name sayit-internal and its private key: with it services "
        "call each other over mutual TLS. All of them need one; they may share it.",
    )
    internal_ca_file: Path | None = Field(
        default=None,
        description="PEM file of SAYIT_INTERNAL_CERTIFICATE's authorities; who has one of theirs is a service.",
    )

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic-settings passes all four by name
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then variables, then secret files, then the file of settings; no .env file is looked for."""
        path = os.environ.get(SETTINGS_FILE_VARIABLE, "")
        said = read_settings_file(Path(path)) if path else {}
        check_names([*(() if _IS_PART_OF_A_SUITE else os.environ), *said], settings_cls)  # type: ignore[arg-type]  # it is this class
        of_file = _Source(settings_cls, lambda variable, field: said.get(variable) or said.get(formerly(field)))
        of_former_name = _Source(settings_cls, lambda _, field: os.environ.get(formerly(field)))
        return (init_settings, env_settings, of_former_name, _Source(settings_cls, _of_secret_file), of_file)


class _Source(PydanticBaseSettingsSource):
    """What `value_of` gives for each field."""

    def __init__(self, settings_cls: type[BaseSettings], value_of: Callable[[str, FieldInfo], str | None]) -> None:
        super().__init__(settings_cls)
        self._value_of = value_of

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return self._value_of(_variable(field_name), field) or None, field_name, self.field_is_complex(field)

    def __call__(self) -> dict[str, Any]:
        values = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in values.items() if value is not None}


def _of_secret_file(variable: str, field: FieldInfo) -> str | None:
    """What the file of `SAYIT_<NAME>_FILE` holds, or a secret that was a variable."""
    path = os.environ.get(f"{variable}_FILE", "") if _is_secret(field) else ""
    if not path:
        return _forgotten.get(variable)
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SettingsError(f"{variable}_FILE names {path}, which cannot be read: {reason}") from None


#: Secrets that were variables, for when the settings are read again.
_forgotten: dict[str, str] = {}


def forget_secrets(settings: ServiceSettings) -> None:
    """Takes the secrets of a program that has its settings out of its environment, which every child would have."""
    for name, field in type(settings).model_fields.items():
        if _is_secret(field) and (value := os.environ.pop(_variable(name), "")):
            _forgotten[_variable(name)] = value


def check_names(names: Iterable[str], own: type[ServiceSettings] | None = None) -> None:
    """Refuses `SAYIT_*` names that are no setting of any process.

    Args:
        names: variables, or names of a file.
        own: the process's settings, where it is one.

    Raises:
        SettingsError: naming each, with the nearest setting there is.
    """
    asked = {name for name in names if name.startswith(PREFIX) and not _SERVICE_LINK.search(name)}
    unknown = asked - _OTHER_VARIABLES - (_names(own) if own else set())
    if not unknown:
        return
    # Loaded only for names of other processes, because it takes 40 ms.
    known = set(_OTHER_VARIABLES).union(*map(_names, every_process().values()), _names(own) if own else ())
    wrong = []
    bare = [name.removeprefix(PREFIX) for name in known]  # the prefix alone would make any two names alike
    for name in sorted(unknown - known):
        near = difflib.get_close_matches(name.removeprefix(PREFIX), bare, n=1)
        wrong.append(f"{name} is no setting" + (f": did you mean {PREFIX}{near[0]}?" if near else ""))
    if wrong:
        raise SettingsError("; ".join(wrong))


def every_process() -> dict[str, type[ServiceSettings]]:
    """The settings of each kind of process, by its name."""
    return {
        name: getattr(import_module(f"sayit.{name}.settings"), f"{name.capitalize()}Settings") for name in _PROCESSES
    }


def _names(settings: type[ServiceSettings]) -> set[str]:
    found = set()
    for name, field in settings.model_fields.items():
        found |= {_variable(name), formerly(field)} | ({f"{_variable(name)}_FILE"} if _is_secret(field) else set())
    return found - {""}


def read_settings_file(path: Path) -> dict[str, str]:
    """Reads NAME=VALUE lines: empty lines and those that begin with # are skipped, quotes around a value removed.

    A line may begin with `export`, as in files that shells read, too.

    Raises:
        SettingsError: it cannot be read, or a line is none of these; the line's number is named, not its content.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SettingsError(f"{SETTINGS_FILE_VARIABLE} names {path}, which cannot be read: {reason}") from None
    values: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        name, value = name.removeprefix("export ").strip(), value.strip()
        if not equals or not name.startswith(PREFIX):
            raise SettingsError(f"{path}, line {number}: write {PREFIX}NAME=VALUE")
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        values[name] = value
    return values


def told(environment: Mapping[str, str]) -> dict[str, str]:
    """All that an environment and its file of settings say; variables win, empty ones count as unset.

    For tools that only report settings: an unreadable file counts as empty here; its process refuses to start.
    """
    said: dict[str, str] = {}
    if environment.get(SETTINGS_FILE_VARIABLE):
        with contextlib.suppress(SettingsError):
            said = read_settings_file(Path(environment[SETTINGS_FILE_VARIABLE]))
    said |= {name: value for name, value in environment.items() if value}
    return {name: value for name, value in said.items() if value}


def in_force(setting: SettingDoc, environment: Mapping[str, str]) -> tuple[str, str]:
    """A setting's value as text, `***` for a secret, and where it is from: `variable`, a file's path, or `default`.

    Raises:
        SettingsError: the file of settings cannot be read.
    """
    file = environment.get(SETTINGS_FILE_VARIABLE, "")
    said = read_settings_file(Path(file)) if file else {}
    places = (
        (environment.get(setting.name) or environment.get(setting.formerly), "variable"),
        (environment.get(f"{setting.name}_FILE") if setting.secret else None, environment.get(f"{setting.name}_FILE")),
        (said.get(setting.name) or said.get(setting.formerly), file),
    )
    value, source = next(((value, str(source)) for value, source in places if value), (setting.default, "default"))
    return ("***" if setting.secret and value else value), source


def held(settings: ServiceSettings) -> Iterator[tuple[SettingDoc, str, str]]:
    """What a running process goes by: each setting, its value as text and where it is from, as `in_force` tells both.

    Passwords in URLs are told as `***`, too. A file that cannot be read any more counts as if it said nothing.
    """
    for one, name in zip(describe(type(settings)), type(settings).model_fields, strict=True):
        value = getattr(settings, name)
        secret = isinstance(value, SecretStr)
        text = ("***" if value.get_secret_value() else "") if secret else _PASSWORD.sub("://***@", _text(value))
        try:
            _, source = in_force(one, {**os.environ, **_forgotten})
        except SettingsError:
            source = os.environ.get(SETTINGS_FILE_VARIABLE, "")
        yield one, text, source


@dataclass(frozen=True, kw_only=True)
class SettingDoc:
    """One setting, as the documentation shows it."""

    #: The variable, such as SAYIT_LISTEN.
    name: str
    #: The default as one would write it into the variable; empty for none.
    default: str
    #: The type in a few words, such as "int" or "one of auto, console, json".
    type: str
    description: str
    #: Whether it is a secret; then `<name>_FILE` may name a file that holds it.
    secret: bool
    #: Whether the process does not start without it.
    required: bool
    #: Whether a change takes effect while the process runs.
    reloadable: bool
    #: The variable's former name, which is still read; empty for none.
    formerly: str = ""


def describe(settings: type[ServiceSettings]) -> tuple[SettingDoc, ...]:
    """All settings of a class in order of definition, those of `ServiceSettings` first."""
    return tuple(
        SettingDoc(
            name=_variable(name),
            default=_default_text(field),
            type=_type_text(field.annotation),
            description=field.description or "",
            secret=_is_secret(field),
            required=field.is_required(),
            reloadable=is_reloadable(field),
            formerly=formerly(field),
        )
        for name, field in settings.model_fields.items()
    )


def is_reloadable(field: FieldInfo) -> bool:
    """Whether a change of this field takes effect while the process runs."""
    return isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("reloadable") is True


def formerly(field: FieldInfo) -> str:
    """The former name of its variable; empty for none."""
    extra = field.json_schema_extra
    return str(extra.get(FORMERLY, "")) if isinstance(extra, dict) else ""


def _variable(field_name: str) -> str:
    return PREFIX + field_name.upper()


def _is_secret(field: FieldInfo) -> bool:
    return field.annotation is SecretStr or SecretStr in get_args(field.annotation)


def _default_text(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(default, SecretStr):
        return str(default.get_secret_value())
    return "" if default is PydanticUndefined else _text(default)


def _text(value: object) -> str:
    """A value as one would write it into a variable."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list | frozenset):
        return ",".join(str(item) for item in value)
    return str(value)


def _type_text(annotation: Any) -> str:
    arguments = get_args(annotation)
    if not arguments:
        name = str(annotation.__name__)
        return {"SecretStr": "secret", "Path": "path"}.get(name, name)
    if all(isinstance(argument, str) for argument in arguments):
        return "one of " + ", ".join(arguments)
    return " or ".join(_type_text(argument) for argument in arguments if argument is not type(None))
