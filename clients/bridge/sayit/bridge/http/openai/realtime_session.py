"""How a Realtime transcription session is to be: OpenAI's schema, its older one, and SayIt's options from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sayit.bridge.http.documents import Document
from sayit.bridge.http.openai.form_fields import languages_of
from sayit.bridge.http.options import OptionsDocument
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.live import LiveEncoding, LiveOptions, TurnDetection
from sayit.speech.options import MAX_PROMPT_CHARS, Options

#: What clients name to be told of probabilities, and, of ours alone, of the session's job and how much is stored.
LOGPROBS, PROGRESS = "item.input_audio_transcription.logprobs", "sayit.progress"
_ENCODINGS = {
    "audio/pcm": LiveEncoding.LINEAR16,
    "audio/pcmu": LiveEncoding.MULAW,
    "audio/pcma": LiveEncoding.ALAW,
}
_PCM_RATE_HZ, _TELEPHONE_RATE_HZ = 24_000, 8_000
#: The older schema's formats.
_OLDER_FORMATS = {"pcm16": "audio/pcm", "g711_ulaw": "audio/pcmu", "g711_alaw": "audio/pcma"}
_OLDER_NAMES = {
    "input_audio_transcription": "transcription",
    "input_audio_noise_reduction": "noise_reduction",
    "turn_detection": "turn_detection",
}
#: Silence that ends an utterance, in seconds, by semantic turn detection's eagerness.
_EAGERNESS_S = {"low": 1.2, "medium": 0.7, "auto": 0.7, "high": 0.4}
_Model = TypeVar("_Model", bound=BaseModel)
_LEAST_SILENCE_S, _MOST_SILENCE_S = 0.2, 5.0
_LEAST_THRESHOLD, _MOST_THRESHOLD = 0.05, 0.95


class _Format(Document):
    type: Literal["audio/pcm", "audio/pcmu", "audio/pcma"] = "audio/pcm"
    #: OpenAI's is always 24000; others are SayIt's.
    rate: int | None = Field(default=None, ge=8_000, le=48_000)


class _Transcription(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")

    model: str | None = None
    language: str | None = None
    languages: tuple[str, ...] | None = None
    prompt: str | None = None
    keywords: tuple[str, ...] | None = None
    #: Without effect: text comes as soon as it is certain.
    delay: Any = None


class _TurnDetection(Document):
    type: Literal["server_vad", "semantic_vad"] = "server_vad"
    threshold: float | None = Field(default=None, ge=0, le=1)
    silence_duration_ms: int | None = Field(default=None, ge=0, le=3_600_000)
    eagerness: Literal["low", "medium", "high", "auto"] | None = None
    #: Without effect: speech is cut with as much before it as it needs, and transcription sessions have no responses.
    prefix_padding_ms: Any = None
    idle_timeout_ms: Any = None
    create_response: Any = None
    interrupt_response: Any = None


class _Input(Document):
    format: _Format = _Format()
    transcription: _Transcription | None = None
    turn_detection: _TurnDetection | None = _TurnDetection()
    #: Without effect.
    noise_reduction: Any = None


class _Audio(Document):
    input: _Input = _Input()


class _Session(Document):
    type: Literal["transcription"] = "transcription"
    audio: _Audio = _Audio()
    include: tuple[Literal["item.input_audio_transcription.logprobs", "sayit.progress"], ...] | None = None
    #: SayIt's own: what the job is called.
    filename: str = Field(default="", max_length=255)
    #: SayIt's own: whether all of it is decoded again at the end.
    refine: bool = False


@dataclass(frozen=True, kw_only=True)
class RealtimeSession:
    """A session as it was asked for; made by `updated`, valid."""

    #: OpenAI's form of it: what clients asked for, put together.
    asked: Mapping[str, Any]
    live: LiveOptions
    #: `model` is still the name that the client knows.
    options: Options
    filename: str
    turns: bool
    logprobs: bool
    progress: bool

    def document(self) -> dict[str, Any]:
        """The session as clients are told of it."""
        given = _Session.model_validate(self.asked).model_dump(exclude_none=True, exclude={"filename", "refine"})
        audio_input = given["audio"]["input"]
        audio_input["format"].setdefault("rate", self.live.rate_hz)
        for name in ("transcription", "noise_reduction", "turn_detection"):
            audio_input.setdefault(name, None)
        return {"object": "realtime.transcription_session", **given}

    def older_document(self) -> dict[str, Any]:
        """The same in the older schema."""
        given = self.document()["audio"]["input"]
        names = {new: old for old, new in _OLDER_NAMES.items()}
        form = given.pop("format")["type"]
        older_form = next(old for old, new in _OLDER_FORMATS.items() if new == form)
        moved = {names[name]: value for name, value in given.items()}
        return {"object": "realtime.transcription_session", "input_audio_format": older_form, **moved}


def updated(asked: Mapping[str, Any], change: Any) -> RealtimeSession:
    """The session after an update of it: what the update leaves out stays.

    Args:
        asked: what was asked for before; {} at the beginning.
        change: the update's `session`.

    Raises:
        SayItError: INVALID_OPTION or INVALID_LANGUAGE with the field at fault.
    """
    if not isinstance(change, dict):
        raise SayItError(ErrorKind.INVALID_OPTION, field="session", reason="Input should be a valid object")
    merged = {**asked, **change}
    audio, before = change.get("audio"), asked.get("audio", {})
    if isinstance(audio, dict) and isinstance(audio.get("input"), dict):
        merged["audio"] = {**audio, "input": {**before.get("input", {}), **audio["input"]}}
    elif audio is None:
        merged["audio"] = before
    session = _validated(_Session, merged, "session")
    spoken = session.audio.input
    transcription = spoken.transcription or _Transcription()
    own = _validated(OptionsDocument, transcription.model_extra or {}, "session.audio.input.transcription").options()
    include = session.include or ()
    return RealtimeSession(
        asked=merged,
        live=_live(spoken, refine=session.refine),
        options=_options(transcription, own, words=LOGPROBS in include),
        filename=session.filename,
        turns=spoken.turn_detection is not None,
        logprobs=LOGPROBS in include,
        progress=PROGRESS in include,
    )


def from_older(change: Any) -> Any:
    """An update in the older schema as one in today's."""
    if not isinstance(change, dict):
        return change
    spoken = {new: change[old] for old, new in _OLDER_NAMES.items() if old in change}
    if "input_audio_format" in change:
        form = change["input_audio_format"]
        spoken["format"] = {"type": _OLDER_FORMATS.get(form, form) if isinstance(form, str) else form}
    # A key is only made for sessions that are created over REST, and transcription has one modality.
    others = {"input_audio_format", "modalities", "client_secret", *_OLDER_NAMES}
    return {name: value for name, value in change.items() if name not in others} | {"audio": {"input": spoken}}


def _validated(model: type[_Model], value: Any, place: str) -> _Model:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in (place, *first["loc"]))[:100]
        raise SayItError(ErrorKind.INVALID_OPTION, field=field, reason=first["msg"]) from None


def _live(spoken: _Input, *, refine: bool) -> LiveOptions:
    encoding = _ENCODINGS[spoken.format.type]
    usual = _PCM_RATE_HZ if encoding is LiveEncoding.LINEAR16 else _TELEPHONE_RATE_HZ
    return LiveOptions(
        encoding=encoding,
        sample_rate_hz=spoken.format.rate or usual,
        interim_results=True,
        turn_detection=_turns(spoken.turn_detection),
        refine=refine,
    ).checked()


def _turns(turns: _TurnDetection | None) -> TurnDetection:
    if turns is None:
        return TurnDetection(off=True)
    if turns.type == "semantic_vad":
        return TurnDetection(silence_s=_EAGERNESS_S[turns.eagerness or "auto"])
    silence_s = None if turns.silence_duration_ms is None else turns.silence_duration_ms / 1000
    return TurnDetection(
        silence_s=None if silence_s is None else min(max(silence_s, _LEAST_SILENCE_S), _MOST_SILENCE_S),
        threshold=None if turns.threshold is None else min(max(turns.threshold, _LEAST_THRESHOLD), _MOST_THRESHOLD),
    )


def _options(asked: _Transcription, own: Options, *, words: bool) -> Options:
    language, languages = languages_of(asked.language or "", asked.languages or ())
    return replace(
        own,
        language=language,
        languages=languages,
        model=asked.model or "",
        prompt=(asked.prompt or "")[-MAX_PROMPT_CHARS:],
        hotwords=", ".join([*(asked.keywords or ()), *([own.hotwords] if own.hotwords else [])]),
        word_timestamps=own.word_timestamps or words,
    ).normalised()
