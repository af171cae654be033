"""What a call of OpenAI's audio API asks for: form fields as `openai` clients send them, and ours from them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.options import AUTO, Options, Task, normal_language


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
#: Fields with one value.
_SINGLE = frozenset({"model", "language", "prompt", "response_format", "temperature", "stream"})
#: Fields with any number of values; clients write them with and without brackets.
_SEVERAL = frozenset(
    {"timestamp_granularities", "include", "keywords", "languages", "known_speaker_names", "known_speaker_references"}
)
#: SayIt cuts every recording at pauses, whatever is said here.
_CHUNKING = "chunking_strategy"


def audio_request(fields: Mapping[str, Sequence[str]], task: Task) -> AudioRequest:
    """The request that these fields make.

    Args:
        fields: the form's fields without the file, as they came.
        task: TRANSCRIBE or TRANSLATE, by the address that was called.

    Raises:
        SayItError: INVALID_OPTION or INVALID_LANGUAGE with the field at fault.
    """
    single, several = _sorted(fields)
    if several["known_speaker_names"] or several["known_speaker_references"]:
        raise _invalid("known_speaker_names", "speakers are not recognised here")
    form = _choice(ResponseFormat, "response_format", single.get("response_format") or ResponseFormat.JSON.value)
    granularities = frozenset(several["timestamp_granularities"])
    logprobs = bool(several["include"])
    language, languages = _languages(single.get("language", ""), several["languages"])
    request = AudioRequest(
        options=Options(
            language=language,
            languages=languages,
            task=task,
            model=single.get("model", ""),
            prompt=single.get("prompt", ""),
            hotwords=", ".join(several["keywords"]),
            word_timestamps="word" in granularities or logprobs,
            temperature=_temperature(single.get("temperature", "")),
        ).normalised(),
        response_format=form,
        segments="segment" in granularities or not granularities,
        words="word" in granularities,
        stream=_flag("stream", single.get("stream", "")),
        logprobs=logprobs,
    )
    _check_combination(request, granularities, several["include"])
    return request


def with_model(request: AudioRequest, model: str) -> AudioRequest:
    """The same request for the model of this name."""
    return replace(request, options=replace(request.options, model=model))


def _sorted(fields: Mapping[str, Sequence[str]]) -> tuple[dict[str, str], dict[str, list[str]]]:
    single: dict[str, str] = {}
    several: dict[str, list[str]] = {name: [] for name in _SEVERAL}
    for written, values in fields.items():
        name = written.removesuffix("[]")
        if name in _SEVERAL:
            several[name] += [value.strip() for value in values if value.strip()]
        elif written in _SINGLE:
            if len(values) > 1:
                raise _invalid(written, "given more than once")
            single[written] = values[0].strip()
        elif written == _CHUNKING:
            for value in values:
                _check_chunking(value.strip())
        elif not written.startswith(f"{_CHUNKING}["):
            raise _invalid(written[:64], "there is no such field")
    return single, several


def _check_combination(request: AudioRequest, granularities: frozenset[str], include: list[str]) -> None:
    if unknown := granularities - {"word", "segment"}:
        raise _invalid("timestamp_granularities", f"'{min(unknown)[:32]}' is neither word nor segment")
    if granularities and request.response_format is not ResponseFormat.VERBOSE_JSON:
        raise _invalid("timestamp_granularities", "they need response_format=verbose_json")
    if unknown := frozenset(include) - {"logprobs"}:
        raise _invalid("include", f"'{min(unknown)[:32]}' is not logprobs")
    if include and request.response_format is not ResponseFormat.JSON:
        raise _invalid("include", "logprobs need response_format=json")
    if request.stream and request.response_format not in _STREAMABLE:
        raise _invalid("stream", f"{request.response_format} cannot be streamed; json, text and diarized_json can")
    if request.options.task is Task.TRANSLATE and request.response_format is ResponseFormat.DIARIZED_JSON:
        raise _invalid("response_format", "translations have no diarized_json")


def _check_chunking(value: str) -> None:
    if value in {"", "auto"}:
        return
    try:
        strategy = json.loads(value)
    except ValueError:
        strategy = None
    if not (isinstance(strategy, dict) and strategy.get("type") == "server_vad"):
        raise _invalid(_CHUNKING, "neither auto nor an object of type server_vad")


def _languages(language: str, several: list[str]) -> tuple[str, tuple[str, ...]]:
    """The one language that is possible; AUTO where there are none or more, and then those that it may be."""
    if language and several:
        raise _invalid("languages", "give either language or languages")
    possible = tuple(dict.fromkeys(normal_language(each) for each in ([language] if language else several)))
    return (possible[0], ()) if len(possible) == 1 else (AUTO, () if AUTO in possible else possible)


def _temperature(value: str) -> float | None:
    """None for 0 as well, which means to OpenAI what nothing means here: 0 first, more where thresholds fail."""
    if not value:
        return None
    try:
        temperature = float(value)
    except ValueError:
        temperature = math.nan
    if not 0 <= temperature <= 1:
        raise _invalid("temperature", f"'{value[:32]}' is not between 0 and 1")
    return temperature or None


def _flag(field: str, value: str) -> bool:
    known = {"": False, "false": False, "0": False, "true": True, "1": True}
    if value.lower() not in known:
        raise _invalid(field, f"'{value[:32]}' is neither true nor false")
    return known[value.lower()]


def _choice(choices: type[ResponseFormat], field: str, value: str) -> ResponseFormat:
    if value not in set(choices):
        raise _invalid(field, f"'{value[:32]}' is not one of {', '.join(choices)}")
    return choices(value)


def _invalid(field: str, reason: str) -> SayItError:
    return SayItError(ErrorKind.INVALID_OPTION, field=field, reason=reason)
