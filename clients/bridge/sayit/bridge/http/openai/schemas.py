"""OpenAI's forms for the OpenAPI document. Answers are plain objects; a test compares them with these."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from sayit.bridge.http.documents import Document, SuppressedDocument


class DurationUsage(Document):
    """What a call is charged by."""

    type: Literal["duration"]
    #: Seconds of audio.
    seconds: float = Field(description="Seconds of audio.")


class LanguageCode(Document):
    """A language that was heard."""

    code: str = Field(examples=["ko"])


class WordLogprob(Document):
    """A word with the logarithm of its probability."""

    token: str
    logprob: float
    bytes: list[int]


class TranscriptionJson(Document):
    """`json`."""

    text: str
    languages: list[LanguageCode]
    usage: DurationUsage
    logprobs: list[WordLogprob] | None = None


class VerboseSegment(Document):
    """A segment of `verbose_json`; `tokens` is always empty and `seek` the segment's own place."""

    id: int
    seek: int
    start: float
    end: float
    text: str
    tokens: list[int]
    temperature: float
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float


class VerboseWord(Document):
    """A word of `verbose_json`."""

    word: str
    start: float
    end: float


class TranscriptionVerboseJson(Document):
    """`verbose_json`."""

    task: Literal["transcribe", "translate"]
    language: str = Field(examples=["korean"])
    duration: float
    text: str
    usage: DurationUsage
    suppressed: list[SuppressedDocument] = Field(description="SayIt's: what was removed as probably not said.")
    segments: list[VerboseSegment] | None = None
    words: list[VerboseWord] | None = None


class DiarizedSegment(Document):
    """A segment of `diarized_json`; the speaker is empty, because SayIt does not tell speakers apart."""

    type: Literal["transcript.text.segment"]
    id: str
    start: float
    end: float
    speaker: str
    text: str


class TranscriptionDiarizedJson(Document):
    """`diarized_json`."""

    task: Literal["transcribe"]
    duration: float
    text: str
    segments: list[DiarizedSegment]
    usage: DurationUsage


class OpenAIModel(Document):
    """A name that can be asked for; `default`, `transcribers` and `stands_for` are SayIt's."""

    id: str = Field(examples=["small"])
    object: Literal["model"]
    created: int
    owned_by: str
    default: bool
    transcribers: int
    stands_for: str | None = None


class OpenAIModelList(Document):
    """All names that can be asked for."""

    object: Literal["list"]
    data: list[OpenAIModel]


class OpenAIErrorDetail(Document):
    """What happened."""

    message: str
    type: str
    param: str | None
    code: str = Field(examples=["INVALID_FORMAT"])


class OpenAIError(Document):
    """An error in OpenAI's shape."""

    error: OpenAIErrorDetail


def error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The documentation of these statuses."""
    return {status: {"model": OpenAIError, "description": "An error in OpenAI's shape."} for status in statuses}
