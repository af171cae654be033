"""One call of the audio API from its accepted job to its answer, whole or streamed."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Send

from sayit.bridge.gateway_client import Gateway
from sayit.bridge.http.dependencies import Deps
from sayit.bridge.http.job_wait import events_and_beats
from sayit.bridge.http.openai import errors, replies
from sayit.bridge.http.openai.deltas import Delta, Deltas
from sayit.bridge.http.openai.form_fields import AudioRequest, ResponseFormat
from sayit.bridge.http.openai.held_response import COMMENT, Held, Pieces, compact
from sayit.bridge.http.problems import fault_for
from sayit.chassis import telemetry
from sayit.client.pages import error_of_job
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import Completed, Failed, Job, JobEvent, JobState, StateChanged

#: Names the job in every answer.
JOB_HEADER = "X-SayIt-Job"
#: A whole answer keeps its status open for so many heartbeats; then white space goes before the JSON, which proxies
#: that cut silent connections (the usual limits are 60 and 100 s) and clients with a time limit need.
_BEATS_BEFORE_PADDING = 3

_TEXTS = {
    ResponseFormat.TEXT: "text/plain; charset=utf-8",
    ResponseFormat.SRT: "text/plain; charset=utf-8",
    ResponseFormat.VTT: "text/vtt; charset=utf-8",
}


@dataclass(frozen=True, kw_only=True)
class AudioResponse:
    """A job whose client waits for the answer."""

    deps: Deps
    #: With the client's credentials.
    gateway: Gateway
    http: Request
    asked: AudioRequest
    job: Job

    def response(self) -> Response:
        """The answer; the job is cancelled when the client disconnects before it has it."""
        return Held(self._streamed if self.asked.stream else self._whole, gone=self._cancel)

    async def _whole(self, send: Send) -> None:
        text = self.asked.response_format in _TEXTS
        # Compression would hold the white space back.
        pieces = Pieces(send, self._headers("application/json") | {"Content-Encoding": "identity"})
        interval_s = self.deps.settings.heartbeat_interval_s
        try:
            async with aclosing(self._events()) as events:
                async for _ in events:
                    longest_silence_s = interval_s if pieces.begun else interval_s * _BEATS_BEFORE_PADDING
                    if not text and pieces.silent_s >= longest_silence_s:
                        await pieces.send(b" ")
            transcript = await self.gateway.transcript(self.job.id)
        except SayItError as error:
            await self._refuse(error, send, pieces)
            return
        if not pieces.begun:
            pieces = Pieces(send, self._headers(_TEXTS.get(self.asked.response_format, "application/json")))
        if text:
            await pieces.end(replies.text_reply(transcript, self.asked.response_format).encode())
        else:
            await pieces.end(compact(replies.json_reply(transcript, self.asked)))

    async def _streamed(self, send: Send) -> None:
        pieces = Pieces(
            send,
            self._headers("text/event-stream; charset=utf-8")
            | {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
        )
        deltas = Deltas()
        try:
            async with aclosing(self._events()) as events:
                async for event in events:
                    if event is not None:
                        await self._tell(deltas.take(event), pieces)
                    if pieces.silent_s >= self.deps.settings.heartbeat_interval_s:
                        await pieces.send(COMMENT)
            transcript = await self.gateway.transcript(self.job.id)
        except SayItError as error:
            if pieces.begun:
                await pieces.event(errors.body(fault_for(error, self.http)))
                await pieces.end()
            else:
                await self._refuse(error, send, pieces)
            return
        rest = deltas.rest(transcript)
        await self._tell([rest] if rest else [], pieces)
        await pieces.event(replies.done_event(transcript, self.asked))
        await pieces.end()

    async def _tell(self, deltas: Sequence[Delta], pieces: Pieces) -> None:
        for delta in deltas:
            if self.asked.response_format is ResponseFormat.DIARIZED_JSON:
                for number, segment in enumerate(delta.segments, start=delta.first_number):
                    await pieces.event(replies.segment_event(segment, number))
            await pieces.event(replies.delta_event(delta.text, delta.segments, logprobs=self.asked.logprobs))

    async def _refuse(self, error: SayItError, send: Send, pieces: Pieces) -> None:
        if pieces.begun:
            # The status was sent. An answer without its end is an error to every client; a complete one is not.
            telemetry.logger().warning("answer_broken_off", job_id=self.job.id, code=error.code, cause=error.cause)
            return
        response = errors.refusal(fault_for(error, self.http))
        response.headers[JOB_HEADER] = self.job.id
        await response(self.http.scope, self.http.receive, send)

    async def _events(self) -> AsyncGenerator[JobEvent | None, None]:
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

    async def _cancel(self) -> None:
        telemetry.bind(error="CLIENT_GONE")
        with contextlib.suppress(SayItError):
            await self.gateway.cancel(self.job.id)

    def _headers(self, media_type: str) -> dict[str, str]:
        return {"Content-Type": media_type, JOB_HEADER: self.job.id}
