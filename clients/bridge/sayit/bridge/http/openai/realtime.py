"""`WS /v1/realtime`: OpenAI's Realtime API for transcription sessions, in today's schema and the one before."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, WebSocket
from starlette.responses import Response

from sayit.bridge.gateway_client import Gateway
from sayit.bridge.http import json_text
from sayit.bridge.http.dependencies import Caller, Deps, Parts
from sayit.bridge.http.live_socket import LiveSocket
from sayit.bridge.http.openai import errors
from sayit.bridge.http.openai.models import resolve
from sayit.bridge.http.openai.realtime_items import Items
from sayit.bridge.http.openai.realtime_session import from_older, updated
from sayit.bridge.http.problems import Fault, fault_for
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.live import LiveEvent, LiveFinished, LiveProgress, LiveStarted

#: The subprotocols of clients in browsers: OpenAI's own, and the one that asks for the older schema.
_PROTOCOL, _OLDER_PROTOCOL = "realtime", "openai-beta.realtime-v1"
#: Characters of an event's id that a client may choose, as OpenAI has it.
_LONGEST_ID = 512

routes = APIRouter()


@routes.websocket("/v1/realtime")
async def realtime(
    websocket: WebSocket,
    deps: Parts,
    gateway: Caller,
    resume: str = "",
    next_utterance: Annotated[int | None, Query(ge=0)] = None,
) -> None:
    """A transcription session.

    SayIt's own: `resume` is the job of a session whose connection broke, to go on with it, `next_utterance` what the
    last completed item that arrived said.
    """
    offered = {name.strip() for name in websocket.headers.get("sec-websocket-protocol", "").split(",")}
    older = _OLDER_PROTOCOL in offered or websocket.headers.get("openai-beta", "").startswith("realtime=")
    going_on = {"resume_job_id": resume[:128], "next_utterance": next_utterance} if resume else {}
    socket = _Realtime(websocket, deps, gateway, older=older, going_on=going_on)
    await socket.serve(subprotocol=_PROTOCOL if _PROTOCOL in offered else None)


class _MessageError(SayItError):
    """Something is wrong with a message; `code` is OpenAI's for it, where it has one."""

    def __init__(self, field: str, reason: str, code: str = "") -> None:
        super().__init__(ErrorKind.INVALID_ARGUMENT, field=field, reason=reason)
        self.openai_code = code


class _Realtime(LiveSocket):
    """One client. Its session begins with its first audio, and keeps its format and options from then on."""

    def __init__(
        self, websocket: WebSocket, deps: Deps, gateway: Gateway, *, older: bool, going_on: dict[str, Any]
    ) -> None:
        super().__init__(websocket, deps, gateway)
        self._id = f"sess_{uuid.uuid4().hex}"
        self._older = older
        self._going_on = going_on
        self._asked = updated({}, {})
        self._items: Items | None = None
        #: Bytes of audio so far.
        self._bytes = 0
        #: The client's id of the event that is being handled.
        self._event_id: Any = None
        self._takes: Mapping[str, Callable[[dict[str, Any]], Awaitable[None]]] = {
            "session.update": self._update,
            "transcription_session.update": self._update,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._commit,
            "input_audio_buffer.clear": self._clear,
            "sayit.finish": self._finish,
        }

    async def prepare(self) -> None:
        """Nothing is asked of the service before there is audio."""

    async def welcome(self) -> None:
        """The session as it is without an update."""
        await self._tell_session("created")

    async def heard(self, message: str | bytes) -> None:
        """Takes a client event."""
        self._event_id = None
        try:
            event = json_text.parsed(message)
        except ValueError:
            raise _MessageError("event", "this is not JSON") from None
        kind: Any = ""
        if isinstance(event, dict):
            kind, event_id = event.get("type"), event.get("event_id")
            self._event_id = event_id if isinstance(event_id, str) and len(event_id) <= _LONGEST_ID else None
        if not isinstance(kind, str) or kind not in self._takes:
            raise _MessageError("type", f"a transcription session takes {', '.join(self._takes)}", "invalid_value")
        await self._takes[kind](event)

    async def wrong(self, error: SayItError) -> None:
        """An error event; the session goes on."""
        await self._tell_error(fault_for(error, self.websocket), getattr(error, "openai_code", ""))

    async def said(self, event: LiveEvent) -> None:
        """As items and their text; beside them, for clients that asked for it, how much is stored."""
        if self._items is not None:
            await self._emit(*self._items.take(event))
        if not self._asked.progress:
            return
        match event:
            case LiveStarted() | LiveProgress():
                lag_s = event.lag_s if isinstance(event, LiveProgress) else 0.0
                place = {"received_samples": event.received_samples, "lag_s": lag_s}
                await self._emit({"type": "sayit.progress", "job_id": self.job_id, **place})
            case LiveFinished(job=job):
                await self._emit({"type": "sayit.finished", "job_id": job.id})

    async def failed(self, fault: Fault) -> None:
        """What waits for its text, and the error itself."""
        self._event_id = None
        if self._items is not None:
            await self._emit(*self._items.failed(errors.body(fault)["error"]))
        await self._tell_error(fault)

    def refusal(self, fault: Fault) -> Response:
        """As OpenAI's REST API."""
        return errors.refusal(fault)

    async def _update(self, event: dict[str, Any]) -> None:
        change = event.get("session")
        if event["type"] != "session.update":
            self._older, change = True, from_older(change)
        asked = updated(self._asked.asked, change)
        if asked.options.model:
            model = resolve(asked.options.model, await self.gateway.models(), self.deps.aliases)
            asked = replace(asked, options=replace(asked.options, model=model))
        if self._items is not None and (asked.live, asked.options) != (self._asked.live, self._asked.options):
            raise _MessageError("session", "there is audio already: its format and its options stay as they are")
        self._asked = asked
        await self._tell_session("updated")

    async def _append(self, event: dict[str, Any]) -> None:
        try:
            audio = base64.b64decode(event["audio"], validate=True)
        except (KeyError, TypeError, ValueError):
            raise _MessageError("audio", "the value of audio is not base64") from None
        if self._items is None:
            asked = self._asked
            received = await self.begin(asked.live, asked.options, filename=asked.filename, **self._going_on)
            self._bytes = received * asked.live.frame_bytes
            self._items = Items(turns=asked.turns, logprobs=asked.logprobs, at_s=self._at_s)
        self._bytes += len(audio)
        await self.send(audio)

    async def _commit(self, _event: dict[str, Any]) -> None:
        said = self._items.commit(self._at_s) if self._items else None
        if said is None:
            reason = "there is less than 100 ms of audio since the last commit"
            raise _MessageError("event", reason, "input_audio_buffer_commit_empty")
        await self.commit()
        await self._emit(*said)

    async def _clear(self, _event: dict[str, Any]) -> None:
        if self._items is None:
            await self._emit({"type": "input_audio_buffer.cleared"})
            return
        said = self._items.clear(self._at_s)
        await self.commit()
        await self._emit(*said)

    async def _finish(self, _event: dict[str, Any]) -> None:
        if self._items is None:
            raise _MessageError("event", "there is no audio")
        await self.finish()

    @property
    def _at_s(self) -> float:
        """How much audio there is, in seconds."""
        live = self._asked.live
        return self._bytes / live.frame_bytes / live.rate_hz

    async def _tell_session(self, what: str) -> None:
        name = f"transcription_session.{what}" if self._older else f"session.{what}"
        document = self._asked.older_document() if self._older else self._asked.document()
        await self._emit({"type": name, "session": {"id": self._id, **document}})

    async def _tell_error(self, fault: Fault, code: str = "") -> None:
        error = errors.body(fault)["error"]
        await self._emit(
            {"type": "error", "error": error | {"event_id": self._event_id, "code": code or error["code"]}}
        )

    async def _emit(self, *messages: Mapping[str, Any]) -> None:
        for message in messages:
            await self.say({"event_id": f"event_{uuid.uuid4().hex[:24]}", **message})
