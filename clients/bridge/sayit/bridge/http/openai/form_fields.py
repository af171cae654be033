"""A call of OpenAI's audio API: form fields as `openai` clients send them, and SayIt's options from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError
from pydantic.json_schema import SkipJsonSchema

from sayit.bridge.http import json_text
from sayit.bridge.http.documents import Document
from sayit.bridge.http.openapi import REF, form_content
from sayit.bridge.http.options import LISTS, OptionsDocument, SubtitlesDocument
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.language_names import AUTO, normal_language
from sayit.speech.options import MAX_PROMPT_CHARS, OPTIONS, Options, Task
from sayit.speech.rendering import BROADCASTERS, SubtitleStyle


class ResponseFormat(StrEnum):
    """How the transcript is answered."""

    #: The text and what it cost.
    JSON = "json"
    #: The bare text.
    TEXT = "text"
    #: SubRip subtitles.
    SRT = "srt"
    #: Segments, and words where they were asked for.
    VERBOSE_JSON = "verbose_json"
    #: WebVTT subtitles.
    VTT = "vtt"
    #: Segments with speakers.
    DIARIZED_JSON = "diarized_json"


@dataclass(frozen=True, kw_only=True)
class AudioRequest:
    """One call, valid."""

    #: How to transcribe; `model` is still the name that the caller knows.
    options: Options
    #: How `srt` and `vtt` are cut.
    style: SubtitleStyle = BROADCASTERS
    response_format: ResponseFormat = ResponseFormat.JSON
    #: Whether `verbose_json` has segments; always, unless only words were asked for.
    segments: bool = True
    #: Whether `verbose_json` has words.
    words: bool = False
    #: Whether the text is wanted as server-sent events.
    stream: bool = False
    #: Whether log probabilities are wanted.
    logprobs: bool = False


#: Formats that can be streamed: events carry text, and segments with speakers.
_STREAMABLE = frozenset({ResponseFormat.JSON, ResponseFormat.TEXT, ResponseFormat.DIARIZED_JSON})
_CHUNKING = "chunking_strategy"


def _checked_chunking(value: str) -> str:
    """Accepts a field without effect: SayIt cuts every recording at pauses."""
    try:
        strategy = json_text.parsed(value)
    except ValueError:
        strategy = None
    if value != "auto" and not (isinstance(strategy, dict) and strategy.get("type") == "server_vad"):
        raise ValueError("neither auto nor an object of type server_vad")
    return value


class AudioForm(Document):
    """The fields beside the file. Lists may be written with brackets; what is empty counts as not given."""

    model: str = Field(default="", description="A name of GET /v1/models; empty: the default.")
    language: str = Field(default="", description="BCP-47 language; empty: detected.")
    languages: tuple[str, ...] = Field(default=(), description="What may be detected; one is taken as it is.")
    prompt: str = Field(default="", description=f"{OPTIONS['prompt'].text} Of a long one the end counts.")
    temperature: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | SkipJsonSchema[None] = None
    response_format: ResponseFormat = ResponseFormat.JSON
    timestamp_granularities: tuple[Literal["word", "segment"], ...] = ()
    include: tuple[Literal["logprobs"], ...] = ()
    keywords: tuple[str, ...] = Field(default=(), description=OPTIONS["hotwords"].text)
    chunking_strategy: Annotated[str, AfterValidator(_checked_chunking)] = Field(
        default="auto", description="Accepted; recordings are always cut at pauses."
    )
    stream: bool = False


class _Own(OptionsDocument, SubtitlesDocument):
    """What SayIt takes."""


#: SayIt's options that OpenAI's API does not have.
_OWN = frozenset(_Own.model_fields) - frozenset(AudioForm.model_fields) - {"task"}
_KNOWN = _OWN | frozenset(AudioForm.model_fields)
_SEVERAL = frozenset(name for name, field in AudioForm.model_fields.items() if field.default == ())
#: OpenAI's fields for speakers, who are not recognised here.
_SPEAKERS = frozenset({"known_speaker_names", "known_speaker_references"})


def audio_request(fields: Mapping[str, Sequence[str]], task: Task) -> AudioRequest:
    """The request that these fields make.

    Args:
        fields: the form's fields without the file, as they came.
        task: TRANSCRIBE or TRANSLATE, by the address that was called.

    Raises:
        SayItError: INVALID_OPTION or INVALID_LANGUAGE with the field at fault.
    """
    form, given = _parsed(fields)
    own = given.options()
    granularities = form.timestamp_granularities
    language, languages = languages_of(form.language, form.languages)
    request = AudioRequest(
        options=replace(
            own,
            language=language,
            languages=languages,
            task=task,
            model=form.model,
            # As OpenAI does: of a long prompt the end is what the model sees.
            prompt=form.prompt[-MAX_PROMPT_CHARS:],
            hotwords=", ".join([*form.keywords, *([own.hotwords] if own.hotwords else [])]),
            word_timestamps=own.word_timestamps or "word" in granularities or bool(form.include),
            # 0 means to OpenAI what an unset temperature means here: 0 first, more where thresholds fail.
            temperature=form.temperature or None,
        ).normalised(),
        style=given.style(),
        response_format=form.response_format,
        segments="segment" in granularities or not granularities,
        words="word" in granularities,
        stream=form.stream,
        logprobs=bool(form.include),
    )
    if granularities and form.response_format is not ResponseFormat.VERBOSE_JSON:
        raise _invalid("timestamp_granularities", "they need response_format=verbose_json")
    if form.include and form.response_format is not ResponseFormat.JSON:
        raise _invalid("include", "logprobs need response_format=json")
    if form.stream and form.response_format not in _STREAMABLE:
        raise _invalid("stream", f"{form.response_format} cannot be streamed; json, text and diarized_json can")
    if task is Task.TRANSLATE and form.response_format is ResponseFormat.DIARIZED_JSON:
        raise _invalid("response_format", "translations have no diarized_json")
    return request


def with_model(request: AudioRequest, model: str) -> AudioRequest:
    """The same request for the model of this name."""
    return replace(request, options=replace(request.options, model=model))


def audio_form(task: Task) -> dict[str, Any]:
    """The documentation of the form."""
    schema = AudioForm.model_json_schema()
    formats = [form for form in ResponseFormat if (form, task) != (ResponseFormat.DIARIZED_JSON, Task.TRANSLATE)]
    schema["properties"]["response_format"] = {"type": "string", "enum": formats, "default": ResponseFormat.JSON}
    own = _Own.model_json_schema(ref_template=REF)["properties"]
    own = {name: {**one, "description": f"SayIt's own. {one.get('description', '')}"} for name, one in own.items()}
    fields = {f"{name}[]" if name in _SEVERAL else name: one for name, one in schema["properties"].items()}
    fields |= {name: one for name, one in own.items() if name in _OWN}
    return {"requestBody": {"required": True, "content": form_content(fields)}}


def _parsed(fields: Mapping[str, Sequence[str]]) -> tuple[AudioForm, _Own]:
    """OpenAI's fields, and SayIt's own options, which clients send as `extra_body`."""
    given: dict[str, Any] = {}
    own: dict[str, Any] = {}
    for written, values in fields.items():
        name = written.removesuffix("[]")
        said = [value.strip() for value in values if value.strip()]
        if name in _SPEAKERS and said:
            raise _invalid("known_speaker_names", "speakers are not recognised here")
        if name in _SPEAKERS or written.startswith(f"{_CHUNKING}["):
            continue
        if name in _SEVERAL or name in LISTS:
            (given if name in _SEVERAL else own).setdefault(name, []).extend(said)
            continue
        if len(values) > 1:
            raise _invalid(written[:64], "given more than once")
        if said or written not in _KNOWN:
            (own if written in _OWN else given)[written] = "".join(said)
    try:
        return AudioForm.model_validate(given), _Own.model_validate(own)
    except ValidationError as error:
        first = error.errors()[0]
        raise _invalid(str(first["loc"][0])[:64], first["msg"]) from None


def languages_of(language: str, several: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The one language that is possible; AUTO where there are none or more, and then those that it may be."""
    if language and several:
        raise _invalid("languages", "give either language or languages")
    possible = tuple(dict.fromkeys(normal_language(each) for each in ([language] if language else several)))
    return (possible[0], ()) if len(possible) == 1 else (AUTO, () if AUTO in possible else possible)


def _invalid(field: str, reason: str) -> SayItError:
    return SayItError(ErrorKind.INVALID_OPTION, field=field, reason=reason)
