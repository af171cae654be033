"""OpenAI's forms for the OpenAPI document. Answers are plain objects; a test holds them against these."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class DurationUsage(BaseModel):
    """What a call is charged by."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["duration"]
    #: Seconds of audio.
    seconds: float = Field(description="Seconds of audio.")


class LanguageCode(BaseModel):
    """A language that was heard."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(examples=["ko"])


class WordLogprob(BaseModel):
    """A word with the logarithm of its probability."""

    model_config = ConfigDict(extra="forbid")

    token: str
    logprob: float
    bytes: list[int]


class TranscriptionJson(BaseModel):
    """`json`."""

    model_config = ConfigDict(extra="forbid")

    text: str
    languages: list[LanguageCode]
    usage: DurationUsage
    logprobs: list[WordLogprob] | None = None


class VerboseSegment(BaseModel):
    """A segment of `verbose_json`; `tokens` is always empty and `seek` the segment's own place."""

    model_config = ConfigDict(extra="forbid")

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


class VerboseWord(BaseModel):
    """A word of `verbose_json`."""

    model_config = ConfigDict(extra="forbid")

    word: str
    start: float
    end: float


class TranscriptionVerboseJson(BaseModel):
    """`verbose_json`."""

    model_config = ConfigDict(extra="forbid")

    task: Literal["transcribe", "translate"]
    language: str = Field(examples=["korean"])
    duration: float
    text: str
    usage: DurationUsage
    segments: list[VerboseSegment] | None = None
    words: list[VerboseWord] | None = None


class DiarizedSegment(BaseModel):
    """A segment of `diarized_json`; the speaker is empty as long as nobody diarizes."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["transcript.text.segment"]
    id: str
    start: float
    end: float
    speaker: str
    text: str


class TranscriptionDiarizedJson(BaseModel):
    """`diarized_json`."""

    model_config = ConfigDict(extra="forbid")

    task: Literal["transcribe"]
    duration: float
    text: str
    segments: list[DiarizedSegment]
    usage: DurationUsage


class OpenAIModel(BaseModel):
    """A name that can be asked for; `default`, `transcribers` and `stands_for` are SayIt's."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(examples=["small"])
    object: Literal["model"]
    created: int
    owned_by: str
    default: bool
    transcribers: int
    stands_for: str | None = None


class OpenAIModelList(BaseModel):
    """All names that can be asked for."""

    model_config = ConfigDict(extra="forbid")

    object: Literal["list"]
    data: list[OpenAIModel]


class OpenAIErrorDetail(BaseModel):
    """What happened."""

    model_config = ConfigDict(extra="forbid")

    message: str
    type: str
    param: str | None
    code: str = Field(examples=["INVALID_FORMAT"])


class OpenAIError(BaseModel):
    """An error in OpenAI's shape."""

    model_config = ConfigDict(extra="forbid")

    error: OpenAIErrorDetail


def error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The documentation of these statuses."""
    return {status: {"model": OpenAIError, "description": "An error in OpenAI's shape."} for status in statuses}


def audio_form(*, translation: bool) -> dict[str, Any]:
    """The documentation of the form."""
    formats = ["json", "text", "srt", "verbose_json", "vtt"] + ([] if translation else ["diarized_json"])
    properties: dict[str, Any] = {
        "file": {"type": "string", "format": "binary", "description": "The recording."},
        "model": {"type": "string", "description": "A name of GET /v1/models; empty: the default."},
        "language": {"type": "string", "description": "BCP-47 language; empty: detected."},
        "languages[]": {"type": "array", "items": {"type": "string"}, "description": "Taken where it is one."},
        "prompt": {"type": "string", "maxLength": 2000},
        "temperature": {"type": "number", "minimum": 0, "maximum": 1},
        "response_format": {"type": "string", "enum": formats, "default": "json"},
        "timestamp_granularities[]": {"type": "array", "items": {"type": "string", "enum": ["word", "segment"]}},
        "include[]": {"type": "array", "items": {"type": "string", "enum": ["logprobs"]}},
        "keywords[]": {"type": "array", "items": {"type": "string"}, "description": "Words to expect."},
        "chunking_strategy": {"type": "string", "description": "Accepted; recordings are always cut at pauses."},
        "stream": {"type": "boolean", "default": False},
    }
    schema = {"type": "object", "required": ["file"], "properties": properties}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}
