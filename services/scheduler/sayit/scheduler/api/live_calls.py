"""`JobService.StreamingRecognize`: one call of a live session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc

from sayit.chassis import background_tasks, principal, telemetry
from sayit.chassis.background_tasks import BackgroundTasks
from sayit.scheduler.ingest.uploads import Intake, JobRequest
from sayit.scheduler.live.recording import WAV_HEADER
from sayit.scheduler.live.sessions import Sessions, stored_options
from sayit.speech import wire
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.live import LiveOptions
from sayit.speech.wire.live import live_event_to_proto, live_options_from_proto
from sayit.v1 import live_service_pb2 as pb
from sayit.v1 import transcription_service_pb2 as service_pb

if TYPE_CHECKING:  # NumPy is loaded by the first session
    from sayit.scheduler.live.session import Session
    from sayit.scheduler.live.transcribers import Seat

Context = grpc.aio.ServicerContext[Any, Any]
#: Parts of a recording are whole samples at every rate that is a multiple of it.
_RATE_STEP_HZ = 25


@dataclass(kw_only=True, eq=False)
class LiveCalls:
    """Translates between messages and sessions."""

    intake: Intake
    sessions: Sessions
    background: BackgroundTasks

    async def streaming_recognize(
        self, requests: AsyncIterator[pb.StreamingRecognizeRequest], context: Context
    ) -> None:
        """One call, which begins a session or goes on with it."""
        messages = aiter(requests)
        first = await anext(messages, None)
        if first is None or not first.HasField("config"):
            raise _invalid("config", "'config' was expected here")
        session = await self._opened(first.config)
        # It outlives its call: what arrived is stored when that breaks, and what is finished goes on.
        serving = self.background.start(self.sessions.serve(session))
        telemetry.bind(job_id=session.job_id)
        reading = asyncio.create_task(_read(messages, session))
        try:
            async for event in session.events():
                await context.write(live_event_to_proto(event))
            await asyncio.shield(serving)
        finally:
            session.leave()
            await background_tasks.end(reading)

    async def _opened(self, config: pb.LiveConfig) -> Session:
        """The session that a call begins, or goes on with."""
        seat = self.sessions.parts.transcribers.seat()
        try:
            return await self.sessions.open(principal.current(), await self._job_id(config, seat), seat)
        except BaseException:
            seat.close()
            raise

    async def _job_id(self, config: pb.LiveConfig, seat: Seat) -> str:
        """The job of that session."""
        if config.resume_job_id:
            return config.resume_job_id
        options = _checked(live_options_from_proto(config))
        job = await self.intake.begin_live(
            principal.current(),
            job_request(config.job),
            stored_options(options),
            header=WAV_HEADER,
            admit=seat.admit,
        )
        return job.id


def job_request(config: service_pb.JobConfig) -> JobRequest:
    """What a job is made with."""
    return JobRequest(
        options=wire.options_from_proto(config.options),
        filename=config.filename,
        key=config.idempotency_key,
        labels=dict(config.labels),
        callback_url=config.callback_url,
        traceparent=telemetry.traceparent(),
    )


def _checked(options: LiveOptions) -> LiveOptions:
    options = options.checked()
    if options.rate_hz % _RATE_STEP_HZ:
        reason = f"no multiple of {_RATE_STEP_HZ}"
        raise SayItError(ErrorKind.INVALID_OPTION, field="sample_rate_hz", reason=reason)
    return options


async def _read(messages: AsyncIterator[pb.StreamingRecognizeRequest], session: Session) -> None:
    """Passes a client's messages on; one that does not belong there, or no end, ends the call."""
    finished = False
    try:
        async for message in messages:
            which = message.WhichOneof("payload")
            if finished:
                raise _invalid(which or "payload", "nothing may follow FINISH")
            if which == "audio":
                await session.hear(message.audio)
            elif which != "command":
                raise _invalid(which or "payload", "'audio' or 'command' was expected here")
            elif message.command == pb.LIVE_COMMAND_COMMIT:
                await session.commit()
            elif message.command == pb.LIVE_COMMAND_FINISH:
                finished = True
                await session.finish()
            elif message.command != pb.LIVE_COMMAND_KEEP_ALIVE:
                raise _invalid("command", "there is no such command")
        if not finished:
            # The stream of a client that dies ends like that of one that is done.
            session.leave(SayItError(ErrorKind.UNAVAILABLE, retry_after_s=0.0, cause="the audio ended without FINISH"))
    except SayItError as error:
        session.leave(error)


def _invalid(field: str, reason: str) -> SayItError:
    return SayItError(ErrorKind.INVALID_ARGUMENT, field=field, reason=reason)
