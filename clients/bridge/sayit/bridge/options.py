"""The options of a job in JSON, in a query and in a form; the same names everywhere."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from sayit.speech.options import (
    AUTO,
    MAX_LANGUAGES,
    MAX_PROMPT_CHARS,
    Channels,
    Context,
    DecodingOverrides,
    Guard,
    Options,
    Task,
)
from sayit.speech.presets import LIMITS, MAX_SUPPRESSED_TOKENS, MAX_TEMPERATURES, MAX_TOKEN

#: Options that are lists: commas separate their values in a query and in a form, or they come several times.
LISTS = frozenset({"languages", "temperatures", "suppress_tokens"})
#: Options of the decoder alone; flat here, for a query or a form has no other way to say them.
_DECODING = frozenset(field.name for field in fields(DecodingOverrides))


def _separated(value: object) -> object:
    """What a query or a form says in one value, separated by commas, as several."""
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list | tuple):
        return value
    return [part for one in values for part in (one.split(",") if isinstance(one, str) else [one])]


_Listed = BeforeValidator(_separated)


def _figure(name: str, description: str) -> Any:
    """A field for a number in place of the preset's, within its limits."""
    low, high = LIMITS[name]
    return Field(default=None, ge=low, le=high, allow_inf_nan=False, description=description)


class OptionsDocument(BaseModel):
    """How to transcribe. Every field has a useful default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    language: str = Field(
        default=AUTO,
        max_length=32,
        description='BCP-47 tag such as "ko" or "en-US"; "auto" detects it.',
        examples=["ko"],
    )
    task: Task = Field(default=Task.TRANSCRIBE, description="`translate` writes English.")
    model: str = Field(default="", max_length=200, description="See `GET /v1/models`; empty takes the default.")
    prompt: str = Field(default="", max_length=MAX_PROMPT_CHARS, description="Text that precedes the audio in spirit.")
    hotwords: str = Field(default="", max_length=MAX_PROMPT_CHARS, description="Words to expect.")
    word_timestamps: bool = Field(default=False, description="Whether segments carry words with times.")
    beam_size: int = Field(default=0, ge=0, le=10, description="0 takes the language's preset.")
    temperature: float | None = Field(
        default=None, ge=0, le=1, allow_inf_nan=False, description="One fixed temperature without fallback."
    )
    max_tokens_per_window: int = Field(default=0, ge=0, le=224, description="0: no limit but the model's.")
    languages: Annotated[tuple[Annotated[str, Field(max_length=32)], ...], _Listed] = Field(
        default=(),
        max_length=MAX_LANGUAGES,
        description="Where the language is detected: what it may be; empty means Korean and English, `*` any. "
        "Commas separate several in a query or a form.",
        examples=[["ko", "en", "ja"]],
    )
    context: Context = Field(
        default=Context.WITHIN_CHUNK,
        description="Earlier text that speech is decoded with. `sequential`: one chunk after the other.",
    )
    channels: Channels = Field(
        default=Channels.MIX, description="`split` transcribes each audio channel by itself, as of a recorded call."
    )
    vocabulary: str = Field(default="", max_length=64, description="Name of a vocabulary, see `/v1/vocabularies`.")
    guard: Guard = Field(default=Guard.STANDARD, description="How strictly text goes that probably nobody said.")
    formatting: bool = Field(default=False, description="Numbers as digits, spaces and punctuation made uniform.")
    mask_profanity: bool = Field(default=False, description="Swear words behind asterisks.")
    temperatures: Annotated[tuple[Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)], ...], _Listed] = Field(
        default=(),
        max_length=MAX_TEMPERATURES,
        description="Tried in order until a result passes the thresholds, in place of the preset's; 0 means beam "
        "search. Commas separate several in a query or a form.",
        examples=[[0, 0.4]],
    )
    best_of: int | None = _figure("best_of", "Samples at temperatures above 0, in place of the preset's.")
    patience: float | None = _figure("patience", "Of the beam search, in place of the preset's.")
    compression_ratio_threshold: float | None = _figure(
        "compression_ratio_threshold", "Above it a result is repetitive and fails."
    )
    logprob_threshold: float | None = _figure("logprob_threshold", "Below it a result is doubtful and fails.")
    no_speech_threshold: float | None = _figure("no_speech_threshold", "Above it a doubtful result is silence.")
    suppress_tokens: Annotated[tuple[Annotated[int, Field(ge=0, le=MAX_TOKEN)], ...], _Listed] = Field(
        default=(),
        max_length=MAX_SUPPRESSED_TOKENS,
        description="Ids of tokens that are never written. Commas separate several in a query or a form.",
    )

    @classmethod
    def of(cls, options: Options) -> OptionsDocument:
        """Options that a job has."""
        decoding = {name: getattr(options.decoding, name) for name in _DECODING}
        own = {name: getattr(options, name) for name in OptionsDocument.model_fields if name not in _DECODING}
        return OptionsDocument.model_construct(**own, **decoding)

    def options(self) -> Options:
        """As our values."""
        decoding = DecodingOverrides(**{name: getattr(self, name) for name in _DECODING})
        own = {name: getattr(self, name) for name in OptionsDocument.model_fields if name not in _DECODING}
        return Options(**own, decoding=decoding)
