"""Settings of a process: `SAYIT_*` variables, a file of them, or constructor arguments; all described.

A setting marked `RELOADABLE` takes effect while the process runs, see `reload`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
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


#: Some of something in a time, see `quotas.limits_of`.
Limit = Annotated[str, AfterValidator(_checked_limit)]


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


def read_settings_file(path: Path) -> dict[str, str]:
    """Reads NAME=VALUE lines: empty lines and those that begin with # are skipped, quotes around a value removed.

    All parts of a suite may share one file, so that names which belong to others are no error.

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
        name, value = name.strip(), value.strip()
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
    if default is PydanticUndefined or default is None:
        return ""
    if isinstance(default, SecretStr):
        return str(default.get_secret_value())
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, tuple | list | frozenset):
        return ",".join(str(item) for item in default)
    return str(default)


def _type_text(annotation: Any) -> str:
    arguments = get_args(annotation)
    if not arguments:
        name = str(annotation.__name__)
        return {"SecretStr": "secret", "Path": "path"}.get(name, name)
    if all(isinstance(argument, str) for argument in arguments):
        return "one of " + ", ".join(arguments)
    return " or ".join(_type_text(argument) for argument in arguments if argument is not type(None))
