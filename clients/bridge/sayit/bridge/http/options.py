"""The options of a job in JSON, in a query and in a form: `sayit.speech.options` as one flat document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, get_args, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model

from sayit.speech.options import DECODING, OPTIONS, DecodingOverrides, Options, Rule
from sayit.speech.rendering import BROADCASTERS, SUBTITLES, SubtitleStyle

#: Options that are lists: commas separate their values in a query and in a form, or they come several times.
LISTS = frozenset(name for rules in (OPTIONS, DECODING) for name, rule in rules.items() if rule.values is not None)
#: What is added to an option's description.
_SEPARATE = " Commas separate several in a query or a form."
_SEE = {"model": " See `GET /v1/models`.", "vocabulary": " See `/v1/vocabularies`."}


def _separated(value: object) -> object:
    """One value of a query or a form, separated by commas, as several."""
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list | tuple):
        return value
    return [part for one in values for part in (one.split(",") if isinstance(one, str) else [one])]


def _field(kind: Any, default: Any, rule: Rule, see: str) -> tuple[Any, Any]:
    """The type and the field of an option."""
    limits: dict[str, Any] = {"max_length": rule.chars}
    if rule.limits is not None:
        limits = {"ge": rule.limits[0], "le": rule.limits[1], "allow_inf_nan": False}
    more: dict[str, Any] = {"default": default, "description": rule.text + see, "examples": [*rule.examples] or None}
    if rule.values is None:
        return kind, Field(**limits, **more)
    values: Any = tuple[Annotated[get_args(kind)[0], Field(**limits)], ...]  # type: ignore[misc]  # known at run time
    return Annotated[values, BeforeValidator(_separated)], Field(max_length=rule.values, **more)


def _fields(*sources: tuple[Any, Mapping[str, Rule]]) -> dict[str, Any]:
    return {
        name: _field(kinds[name], getattr(values, name), rule, _SEPARATE if name in LISTS else _SEE.get(name, ""))
        for values, rules in sources
        for kinds in (get_type_hints(type(values)),)
        for name, rule in rules.items()
    }


class SubtitlesDocument(create_model("Cuts", **_fields((BROADCASTERS, SUBTITLES)))):  # type: ignore[misc]  # made above
    """How subtitles are cut; broadcasters' where nothing is said."""

    def style(self) -> SubtitleStyle:
        """As our values."""
        return SubtitleStyle(**{name: getattr(self, name) for name in SUBTITLES})


class Writing(SubtitlesDocument):
    """How a transcript is written, as query parameters."""

    raw: bool = Field(
        default=False, description="Without what `formatting` and `mask_profanity` do to the model's text."
    )
    suppressed: bool = Field(
        default=False,
        description="Whether forms for reading show what was removed, where it stood, as `[reason: text]`. "
        "`json` always lists it.",
    )


class _Flat(BaseModel):
    """To and from the values that it stands for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def options(self) -> Options:
        """As our values."""
        decoding = DecodingOverrides(**{name: getattr(self, name) for name in DECODING})
        return Options(**{name: getattr(self, name) for name in OPTIONS}, decoding=decoding)


_SOURCES = ((Options(), OPTIONS), (DecodingOverrides(), DECODING))


class OptionsDocument(create_model("Fields", __base__=_Flat, **_fields(*_SOURCES)), _Flat):  # type: ignore[misc]  # made above
    """How to transcribe. Every field has a useful default."""

    @classmethod
    def of(cls, options: Options) -> OptionsDocument:
        """Options that a job has."""
        values = {name: getattr(options, name) for name in OPTIONS} | asdict(options.decoding)
        return OptionsDocument.model_construct(None, **values)
