"""Settings of a process: `SAYIT_*` variables or constructor arguments, secrets also from files, all described."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field, SecretStr, field_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

#: Every setting's variable starts with it.
PREFIX = "SAYIT_"


class ServiceSettings(BaseSettings):
    """What every process of SayIt can be told. A service's settings derive from it; every field has a description.

    A constructor argument wins over a variable. A field of type `SecretStr` is also read from the file that
    `SAYIT_<NAME>_FILE` names, as container platforms mount secrets. An empty variable counts as unset.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True, validate_default=False
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe level that is logged."
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
        """Arguments, then variables, then secret files; no .env file is looked for."""
        return (init_settings, env_settings, _SecretFiles(settings_cls))


class _SecretFiles(PydanticBaseSettingsSource):
    """Reads `SAYIT_<NAME>_FILE` for every secret field."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        if not _is_secret(field):
            return None, field_name, False
        variable = _variable(field_name) + "_FILE"
        path = os.environ.get(variable, "")
        if not path:
            return None, field_name, False
        try:
            return Path(path).read_text(encoding="utf-8").strip(), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise SettingsError(f"{variable} names {path}, which cannot be read: {reason}") from None

    def __call__(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, field in self.settings_cls.model_fields.items():
            value, key, _ = self.get_field_value(field, name)
            if value is not None:
                found[key] = value
        return found


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
        )
        for name, field in settings.model_fields.items()
    )


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
