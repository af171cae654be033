"""`WS /v1/listen`: Deepgram's streaming API."""

from __future__ import annotations

import hashlib
import struct
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, WebSocket
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import QueryParams
from starlette.responses import Response

from sayit.bridge.gateway_client import Gateway
from sayit.bridge.http import json_text
from sayit.bridge.http.deepgram_ends import Ends, Mark, ResultsEnd, Stalled, WordsEnded
from sayit.bridge.http.dependencies import Caller, Deps, Parts
from sayit.bridge.http.live_socket import LiveSocket
from sayit.bridge.http.openai.models import resolve
from sayit.bridge.http.problems import Fault, fault_for, response
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.language_names import AUTO
from sayit.speech.live import (
    LiveEncoding,
    LiveEvent,
    LiveFinished,
    LiveOptions,
    LiveProgress,
    LiveSpeech,
    LiveText,
    TurnDetection,
)
from sayit.speech.options import Options
from sayit.speech.rendering.documents import seconds
from sayit.speech.transcript import Word

_ENCODINGS = {
    "linear16": LiveEncoding.LINEAR16,
    "mulaw": LiveEncoding.MULAW,
    "alaw": LiveEncoding.ALAW,
    "ogg-opus": LiveEncoding.OGG_OPUS,
}
#: How compressed audio begins, which says what it is.
_CONTAINERS = {b"OggS": LiveEncoding.OGG_OPUS, b"\x1a\x45\xdf\xa3": LiveEncoding.WEBM_OPUS}
#: Families of Deepgram's models; here they stand for the default one.
_MODELS = frozenset({"nova", "enhanced", "base", "whisper", "general", "meeting", "phonecall", "conversationalai"})
#: What would have to be answered otherwise and cannot be; false means that it is not asked for.
_REFUSED = ("callback", "detect_entities", "diarize", "diarize_model", "multichannel", "redact", "replace", "search")
_LEAST_SILENCE_S, _SILENCE_S, _MOST_SILENCE_S = 0.2, 0.5, 5.0
#: Longer silences are none that a client means.
_MOST_MS = 3_600_000
#: Deepgram's codes in the answer to a refused connection, by status.
_CODES = {
    400: "INVALID_QUERY_PARAMETER",
    401: "INVALID_AUTH",
    403: "INSUFFICIENT_PERMISSIONS",
    429: "TOO_MANY_REQUESTS",
}
#: The subprotocols of clients in browsers; the key is the one behind it.
_PROTOCOLS = ("token", "bearer")

routes = APIRouter()


@routes.websocket("/v1/listen")
async def listen(websocket: WebSocket, deps: Parts, gateway: Caller) -> None:
    """Audio in, `Results` out."""
    offered = [name.strip() for name in websocket.headers.get("sec-websocket-protocol", "").split(",")]
    subprotocol = next((name for name in offered if name.lower() in _PROTOCOLS), None)
    await _Listen(websocket, deps, gateway).serve(subprotocol=subprotocol)


class _Query(BaseModel):
    """The query. What it does not name has no effect."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    encoding: Literal["linear16", "mulaw", "alaw", "ogg-opus"] | None = None
    sample_rate: int | None = Field(default=None, ge=8_000, le=48_000)
    channels: int = Field(default=1, ge=1, le=2)
    model: str = ""
    language: str = AUTO
    language_hint: tuple[str, ...] = ()
    keyterm: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    interim_results: bool = False
    #: Milliseconds of silence; false: an end of speech is not told.
    endpointing: Annotated[int, Field(ge=0, le=_MOST_MS)] | Literal["true", "false"] | None = None
    utterance_end_ms: int | None = Field(default=None, ge=1_000, le=10_000)
    vad_events: bool = False
    smart_format: bool = False
    numerals: bool = False
    profanity_filter: bool = False

    def live(self) -> LiveOptions:
        """The audio, and what is to be told."""
        silence_s = self.endpointing / 1000 if isinstance(self.endpointing, int) else None
        if silence_s is not None:
            silence_s = min(max(silence_s, _LEAST_SILENCE_S), _MOST_SILENCE_S)
        return LiveOptions(
            encoding=_ENCODINGS[self.encoding or "linear16"],
            sample_rate_hz=self.sample_rate or 0,
            channels=self.channels,
            # Without them the end of an utterance is only known with the text of the next one.
            interim_results=self.interim_results or self.utterance_end_ms is not None,
            turn_detection=TurnDetection(silence_s=silence_s),
        ).checked()

    def ends(self) -> Ends:
        """Which ends of speech are to be told."""
        pause_s = None if self.endpointing == "false" else self.live().turn_detection.silence_s or _SILENCE_S
        return Ends(pause_s=pause_s, gap_s=self.utterance_end_ms and self.utterance_end_ms / 1000)

    def options(self) -> Options:
        """How to transcribe; `model` is the name that the client knows."""
        expected = [*self.keyterm, *(each.partition(":")[0] for each in self.keywords)]
        return Options(
            language=AUTO if self.language == "multi" else self.language,
            languages=self.language_hint,
            model=self.model,
            hotwords=", ".join(expected),
            word_timestamps=True,
            formatting=self.smart_format or self.numerals,
            mask_profanity=self.profanity_filter,
        ).normalised()


def _parsed(query: QueryParams) -> _Query:
    for name in _REFUSED:
        if query.get(name, "false").lower() != "false":
            raise SayItError(ErrorKind.INVALID_OPTION, field=name, reason="this is not possible here")
    several = ("language_hint", "keyterm", "keywords")
    given = {name: query.getlist(name) if name in several else value for name, value in query.items()}
    try:
        asked = _Query.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise SayItError(ErrorKind.INVALID_OPTION, field=str(first["loc"][0]), reason=first["msg"]) from None
    if asked.encoding == "linear16" and asked.sample_rate is None:
        raise SayItError(ErrorKind.INVALID_OPTION, field="sample_rate", reason="Field required")
    return asked


@dataclass(kw_only=True)
class _Sent:
    """The audio so far."""

    live: LiveOptions
    digest: Any
    size: int = 0
    #: Seconds that were heard of compressed audio.
    heard_s: float = 0.0

    @property
    def place_s(self) -> float | None:
        """Its length; None of compressed audio, some of which is still to be decoded."""
        return self.size / self.live.frame_bytes / self.live.rate_hz if self.live.frame_bytes else None

    @property
    def seconds(self) -> float:
        """Its length, as far as is known."""
        return self.heard_s if self.place_s is None else self.place_s


class _Listen(LiveSocket):
    """One client. Its session begins with the connection, or with the first audio where that says what it is."""

    def __init__(self, websocket: WebSocket, deps: Deps, gateway: Gateway) -> None:
        super().__init__(websocket, deps, gateway)
        self._id = str(uuid.uuid4())
        self._created = datetime.now(UTC)
        self._asked = _Query()
        self._options = Options()
        self._sent: _Sent | None = None
        self._ends = self._asked.ends()
        #: Where speech ended, or began, last.
        self._stopped_s = -1.0

    async def prepare(self) -> None:
        """Reads the query."""
        self._asked = _parsed(self.websocket.query_params)
        self._ends = self._asked.ends()
        options = self._asked.options()
        if options.model.partition("-")[0] in _MODELS:
            models = {model.name for model in await self.gateway.models()}
            options = replace(options, model=options.model if options.model in models else "")
        elif options.model:
            model = resolve(options.model, await self.gateway.models(), self.deps.aliases)
            options = replace(options, model=model)
        self._options = options
        if self._asked.encoding is not None:
            await self._begin(self._asked.live())

    async def welcome(self) -> None:
        """Nothing is said before there is something to say."""

    async def heard(self, message: str | bytes) -> None:
        """Takes audio, or a control message."""
        if isinstance(message, bytes):
            await self._hear(message)
            return
        try:
            event = json_text.parsed(message)
        except ValueError:
            event = None
        match event:
            case {"type": "KeepAlive"}:
                await self.keep_alive()
            case {"type": "Finalize"}:
                await self._finalize()
            case {"type": "CloseStream"}:
                await self._close()
            case _:
                reason = "the messages are KeepAlive, Finalize and CloseStream"
                raise SayItError(ErrorKind.INVALID_ARGUMENT, field="type", reason=reason)

    async def wrong(self, error: SayItError) -> None:
        """An error message; the session goes on."""
        fault = fault_for(error, self.websocket)
        await self.say({"type": "Error", "variant": "SchemaError", "description": fault.message, "code": fault.code})

    async def said(self, event: LiveEvent) -> None:
        """As Results and what goes with them."""
        match event:
            case LiveSpeech():
                await self._mark(self._ends.speech(event))
                # A long utterance is divided within speech.
                goes_on, self._stopped_s = event.begins and event.offset_s == self._stopped_s, event.offset_s
                if event.begins and self._asked.vad_events and not goes_on:
                    await self.say({"type": "SpeechStarted", "channel": [0, 1], "timestamp": seconds(event.offset_s)})
            case LiveText(is_final=True):
                await self._tell_final(event)
            case LiveText():
                await self._mark(self._ends.interim(event))
                transcript = event.committed + event.tentative
                if transcript and self._asked.interim_results:
                    await self.say(self._results(event, transcript, (), event.stability))
            case LiveProgress() if self._sent is not None:
                self._sent.heard_s = event.committed_s + event.lag_s
                await self._mark(self._ends.progress(event))
            case LiveFinished():
                if self._sent is not None:
                    self._sent.heard_s = event.job.progress.audio_total_s or self._sent.heard_s
                    await self._mark(self._ends.finished(self._sent.seconds))
                await self.say(self._metadata())

    async def failed(self, fault: Fault) -> None:
        """An error message, the last one."""
        await self.say({"type": "Error", "variant": fault.code, "description": fault.message, "code": fault.code})

    def refusal(self, fault: Fault) -> Response:
        """As Deepgram's."""
        code = _CODES.get(fault.status, fault.code)
        answer = response(fault, {"err_code": code, "err_msg": fault.message, "request_id": self._id})
        answer.headers["dg-request-id"] = self._id
        answer.headers["dg-error"] = fault.code
        return answer

    async def _begin(self, live: LiveOptions) -> _Sent:
        await self.begin(live, self._options)
        self._sent = _Sent(live=live, digest=hashlib.sha256())
        return self._sent

    async def _hear(self, audio: bytes) -> None:
        if not audio:  # the older way to close
            await self._close()
            return
        sent = self._sent
        if sent is None:
            live, audio = _named(audio, self._asked.live())
            sent = await self._begin(live)
        sent.digest.update(audio)
        sent.size += len(audio)
        await self.send(audio)

    async def _finalize(self) -> None:
        await self.commit()
        await self._mark(self._ends.finalize(self._sent.place_s if self._sent else 0.0))

    async def _close(self) -> None:
        if self._sent is None:
            await self.say(self._metadata())
        await self.finish()

    async def _tell_final(self, text: LiveText) -> None:
        words = [word for segment in text.segments for word in segment.words]
        confidence = sum(word.probability for word in words) / len(words) if words else 0.0
        await self._mark(self._ends.before(text, words))
        ending = self._ends.final(text, words)
        await self.say(self._results(text, text.committed, words, confidence, ending))
        await self._mark(self._ends.after())

    async def _mark(self, marks: Iterable[Mark]) -> None:
        for mark in list(marks):  # what is said meanwhile must not find half of it
            match mark:
                case ResultsEnd(at_s=at_s):
                    nothing = LiveText(utterance=0, committed="", is_final=True, start_s=at_s, end_s=at_s)
                    await self.say(self._results(nothing, "", (), 0.0, mark))
                case WordsEnded(last_word_s=last_s):
                    await self.say({"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": seconds(last_s)})
                case Stalled():
                    await self.commit()

    def _results(
        self,
        text: LiveText,
        transcript: str,
        words: Sequence[Word],
        confidence: float,
        ending: ResultsEnd | None = None,
    ) -> dict[str, Any]:
        alternative = {
            "transcript": transcript,
            "confidence": round(confidence, 4),
            "words": [_word(word) for word in words],
        }
        if text.language:
            alternative["languages"] = [text.language]
        return {
            "type": "Results",
            "channel_index": [0, 1],
            "start": seconds(text.start_s),
            "duration": seconds(text.duration_s),
            "is_final": text.is_final,
            "speech_final": ending is not None and ending.speech_final,
            "from_finalize": ending is not None and ending.from_finalize,
            "channel": {"alternatives": [alternative]},
            "metadata": {"request_id": self._id, "model_info": self._model(), "model_uuid": self._id},
        }

    def _metadata(self) -> dict[str, Any]:
        sent = self._sent
        return {
            "type": "Metadata",
            "transaction_key": "deprecated",
            "request_id": self._id,
            "sha256": (sent.digest if sent else hashlib.sha256()).hexdigest(),
            "created": self._created.isoformat().replace("+00:00", "Z"),
            "duration": seconds(sent.seconds if sent else 0.0),
            "channels": 1,
            "models": [self._id],
            "model_info": {self._id: self._model()},
            "job_id": self.job_id,
        }

    def _model(self) -> dict[str, str]:
        return {"name": self._options.model or "default", "version": "", "arch": "whisper"}


def _word(word: Word) -> dict[str, Any]:
    written = word.text.strip()
    return {
        "word": written.strip(".,!?:;…\"'“”‘’。、！？").lower() or written,
        "start": seconds(word.start_s),
        "end": seconds(word.end_s),
        "confidence": round(word.probability, 4),
        "punctuated_word": written,
    }


def _named(audio: bytes, live: LiveOptions) -> tuple[LiveOptions, bytes]:
    """What audio says that it is, Opus in Ogg or WebM as it is, or WAV without its header.

    Raises:
        SayItError: INVALID_OPTION, if it is neither, or WAV without 16-bit samples, µ-law or A-law.
    """
    if (container := _CONTAINERS.get(audio[:4])) is not None:
        return replace(live, encoding=container, sample_rate_hz=0, channels=0).checked(), audio
    form, data = audio.find(b"fmt "), audio.find(b"data")
    kind, channels, rate_hz, bits = 0, 0, 0, 0
    if audio.startswith(b"RIFF") and 0 < form <= data - 24:
        kind, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", audio, form + 8)
    encoding = {(1, 16): LiveEncoding.LINEAR16, (7, 8): LiveEncoding.MULAW, (6, 8): LiveEncoding.ALAW}.get((kind, bits))
    if encoding is None:
        raise SayItError(
            ErrorKind.INVALID_OPTION,
            field="encoding",
            reason="audio that does not name one must be WAV, or Opus in Ogg or WebM",
        )
    return replace(live, encoding=encoding, sample_rate_hz=rate_hz, channels=channels).checked(), audio[data + 8 :]
