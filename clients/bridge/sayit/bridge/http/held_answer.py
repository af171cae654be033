"""Calls that stay open until their job has ended, and answer then or while it runs."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sayit.bridge.gateway_client import Gateway
from sayit.bridge.http.dependencies import Deps
from sayit.bridge.http.job_wait import events_and_beats
from sayit.bridge.http.problems import Form, fault_for
from sayit.chassis import background_tasks, telemetry
from sayit.client.pages import error_of_job
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import Completed, Failed, Job, JobEvent, JobState, StateChanged
from sayit.speech.transcript import Transcript

#: Names the job in every answer.
JOB_HEADER = "X-SayIt-Job"
#: A whole answer keeps its status open for so many heartbeats; then white space goes before the JSON, which proxies
#: that cut silent connections (the usual limits are 60 and 100 s) and clients with a time limit need.
_BEATS_BEFORE_PADDING = 3
#: A comment in server-sent events: clients skip it, proxies see traffic.
COMMENT = b": still transcribing\n\n"


class Held(Response):
    """An answer that `work` gives; if the client disconnects before, the work is cancelled and `gone` called."""

    def __init__(self, work: Callable[[Send], Awaitable[None]], *, gone: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self._work = work
        self._gone = gone

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Works until the answer is sent or the client has disconnected."""
        working = asyncio.ensure_future(self._work(send))
        leaving = asyncio.create_task(_disconnected(receive))
        try:
            await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
                return
            await background_tasks.end(working)
            await self._gone()
        finally:
            await background_tasks.end(working, leaving)


class Pieces:
    """A body that is sent piece by piece; the status is 200 from the first one on."""

    def __init__(self, send: Send, headers: Mapping[str, str]) -> None:
        self._send = send
        self._headers = headers
        self._clock = asyncio.get_running_loop()
        self._last_s = self._clock.time()
        #: Whether the status has been sent.
        self.begun = False

    @property
    def silent_s(self) -> float:
        """Seconds since the last piece, or since the beginning."""
        return self._clock.time() - self._last_s

    async def send(self, data: bytes) -> None:
        """Sends a piece."""
        await self._begin()
        await self._send({"type": "http.response.body", "body": data, "more_body": True})
        self._last_s = self._clock.time()

    async def event(self, value: Mapping[str, Any]) -> None:
        """Sends a server-sent event with this data."""
        await self.send(b"data: " + compact(value) + b"\n\n")

    async def end(self, data: bytes = b"") -> None:
        """Sends the last piece. Every client treats a body without it as broken."""
        await self._begin()
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    async def _begin(self) -> None:
        if not self.begun:
            self.begun = True
            headers = [(name.lower().encode(), value.encode()) for name, value in self._headers.items()]
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})


def compact(value: Mapping[str, Any]) -> bytes:
    """A JSON object in one line of UTF-8."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@dataclass(frozen=True, kw_only=True)
class HeldCall:
    """A job whose client waits for the answer. The job is cancelled when the client disconnects before it has it."""

    deps: Deps
    #: With the client's credentials.
    gateway: Gateway
    http: Request
    job: Job
    #: The form of an error.
    refusal: Form

    def answer(
        self,
        content: Callable[[Transcript], bytes],
        media_type: str,
        *,
        padded: bool,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """The transcript in one piece.

        Args:
            content: makes the body, outside the event loop.
            media_type: with its character set.
            padded: white space may come before the body, so that the connection is not silent for long.
            headers: further ones.
        """

        async def work(send: Send) -> None:
            # Compression would hold the white space back.
            head = self.headers(media_type) | dict(headers or {})
            pieces = Pieces(send, head | {"Content-Encoding": "identity"})
            interval_s = self.deps.settings.heartbeat_interval_s
            try:
                async with aclosing(self.events()) as events:
                    async for _ in events:
                        longest_silence_s = interval_s if pieces.begun else interval_s * _BEATS_BEFORE_PADDING
                        if padded and pieces.silent_s >= longest_silence_s:
                            await pieces.send(b" ")
                transcript = await self.gateway.transcript(self.job.id)
                body = await asyncio.to_thread(content, transcript)
            except SayItError as error:
                await self.refuse(error, send, pieces)
                return
            if not pieces.begun:
                pieces = Pieces(send, head)
            await pieces.end(body)

        return self.held(work)

    def held(self, work: Callable[[Send], Awaitable[None]]) -> Response:
        """An answer that `work` gives."""
        return Held(work, gone=self._cancel)

    def headers(self, media_type: str) -> dict[str, str]:
        """The headers of every answer."""
        return {"Content-Type": media_type, JOB_HEADER: self.job.id}

    async def events(self) -> AsyncGenerator[JobEvent | None, None]:
        """The job's events until it is completed, and None as a heartbeat.

        Raises:
            SayItError: it failed or was cancelled, or the bridge stops.
        """
        beat_s = self.deps.settings.heartbeat_interval_s / 2
        watcher = events_and_beats(self.gateway, self.job.id, 0, every_s=beat_s, stopping=self.deps.stopping)
        async with aclosing(watcher) as events:
            async for event in events:
                body = event.body if event else None
                if isinstance(body, Failed):
                    raise error_of_job(self.job.id, body.error)
                if isinstance(body, StateChanged) and body.state is JobState.CANCELLED:
                    raise SayItError(ErrorKind.JOB_CANCELLED, job_id=self.job.id)
                yield event
                if isinstance(body, Completed):
                    return
        raise SayItError(ErrorKind.UNAVAILABLE, retry_after_s=1.0, cause="the bridge stops")

    async def refuse(self, error: SayItError, send: Send, pieces: Pieces) -> None:
        """Answers with the error; where the status was sent already, the answer is broken off."""
        if pieces.begun:
            # An answer without its end is an error to every client; a complete one is not.
            telemetry.logger().warning("answer_broken_off", job_id=self.job.id, code=error.code, cause=error.cause)
            return
        response = self.refusal(fault_for(error, self.http))
        response.headers[JOB_HEADER] = self.job.id
        await response(self.http.scope, self.http.receive, send)

    async def _cancel(self) -> None:
        telemetry.bind(error="CLIENT_GONE")
        with contextlib.suppress(SayItError):
            await self.gateway.cancel(self.job.id)
