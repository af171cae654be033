"""`ChunkService`: what transcribers call. One `RunChunk` call is one attempt at one chunk."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import grpc

from sayit.chassis import background_tasks, telemetry
from sayit.internal.v1 import chunk_service_pb2 as pb
from sayit.internal.v1 import chunk_service_pb2_grpc
from sayit.scheduler.dispatch.attempts import Attempts, StopSignal
from sayit.scheduler.dispatch.worker_registry import WorkerRegistry
from sayit.scheduler.jobs.records import AttemptEnd, ChunkOutput, Claim, Ending
from sayit.scheduler.jobs.time_mapping import TimeMapping
from sayit.scheduler.jobs.transcribers import TranscriberRecord
from sayit.scheduler.live.transcribers import EngineError, LiveTranscriber, LiveTranscribers, Unwanted, Wanted
from sayit.speech import wire
from sayit.speech.audio import MAX_CHUNK_S, SAMPLE_BYTES, samples_of
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.options import DecodeOptions
from sayit.speech.transcript import Segment
from sayit.speech.wire.codec import Codec

#: Audio bytes per message.
_MESSAGE_BYTES = 256 * 1024
_CLAIM_TIMEOUT_S = 10.0
#: Part of a call's lease after which the one in the database, which is twice as long, is prolonged; without others.
_RENEW_SHARE = 0.35
#: A loop that is later than this stood still.
_LAG_S = 1.0
_OPTIONS = Codec(DecodeOptions, pb.DecodeOptions)

Context = grpc.aio.ServicerContext[Any, Any]
_Inbox = asyncio.Queue[pb.RunChunkRequest | None]


class ChunkServicer(chunk_service_pb2_grpc.ChunkServiceServicer):
    """Runs attempts and takes reports.

    Args:
        attempts: what a call may do.
        registry: what reports are for.
        live_transcribers: those that take live speech.
        exclusive: whether no other scheduler shares the database; then no other process ends attempts.
    """

    def __init__(
        self,
        *,
        attempts: Attempts,
        registry: WorkerRegistry,
        live_transcribers: LiveTranscribers,
        exclusive: bool = False,
    ) -> None:
        self._attempts = attempts
        self._registry = registry
        self._live_transcribers = live_transcribers
        self._renew_share = _RENEW_SHARE if exclusive else 0.0

    async def Report(self, request: pb.ReportRequest, context: Context) -> pb.ReportResponse:
        """Stores a transcriber's report."""
        if not request.transcriber_id or not request.model or request.slots < 0:
            raise SayItError(ErrorKind.INVALID_ARGUMENT, field="transcriber_id", reason="an incomplete report")
        interval_s = await self._registry.report(
            TranscriberRecord(
                id=request.transcriber_id[:64],
                model=request.model[:128],
                slots=request.slots,
                busy=request.busy,
                audio_s=request.audio_s,
                compute_s=request.compute_s,
                draining=request.draining,
                seen_s=time.time(),
                revision=request.revision[:64],
            )
        )
        return pb.ReportResponse(interval=wire.duration_to_proto(interval_s))

    async def RunChunk(  # type: ignore[override] # a coroutine that writes, which grpc.aio takes as well
        self, request_iterator: AsyncIterator[pb.RunChunkRequest], context: Context
    ) -> None:
        """One attempt; a call that ends without a last message gives the chunk back at once."""
        inbox: _Inbox = asyncio.Queue(maxsize=64)
        reader = asyncio.create_task(_read(request_iterator, inbox))
        try:
            async with asyncio.timeout(_CLAIM_TIMEOUT_S):
                first = await inbox.get()
            if first is None or not first.HasField("claim"):
                raise SayItError(ErrorKind.INVALID_ARGUMENT, field="claim", reason="'claim' was expected here")
            asked = first.claim
            claim = await self._attempts.claim(asked.chunk_id, asked.dispatch, asked.transcriber_id)
            if claim is None:
                await context.abort(grpc.StatusCode.ABORTED, "the chunk is not due")
            telemetry.bind(job_id=claim.job_id, chunk_index=claim.index, attempt=claim.attempt)
            # The call began before its job was known; from here on it belongs to the job's trace.
            with telemetry.span_from(claim.traceparent, "attempt"), self._attempts.stop_signal(claim) as stop:
                await _Attempt(
                    _attempts=self._attempts,
                    _claim=claim,
                    _context=context,
                    _inbox=inbox,
                    _stop=stop,
                    _renew_share=self._renew_share,
                ).run()
        except TimeoutError:
            raise SayItError(ErrorKind.DEADLINE_EXCEEDED) from None
        finally:
            reader.cancel()

    async def ServeLive(  # type: ignore[override] # as above
        self, request_iterator: AsyncIterator[pb.ServeLiveRequest], context: Context
    ) -> None:
        """A transcriber's stream of live speech, as long as both sides live."""
        requests = aiter(request_iterator)
        first = await anext(requests, None)
        if first is None or not first.offer.transcriber_id or not first.offer.model:
            raise SayItError(ErrorKind.INVALID_ARGUMENT, field="offer", reason="'offer' was expected here")
        with self._live_transcribers.connected(first.offer.transcriber_id[:64], first.offer.model[:128]) as transcriber:
            telling = asyncio.create_task(_tell(transcriber, context))
            reading = asyncio.create_task(_listen(requests, transcriber))
            try:
                await asyncio.wait({reading, telling}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await background_tasks.end(reading, telling)


@dataclass(kw_only=True, eq=False)
class _Attempt:
    """One granted claim until its end."""

    _attempts: Attempts
    _claim: Claim
    _context: Context
    _inbox: _Inbox
    _stop: StopSignal
    _renew_share: float
    _began_s: float = field(default_factory=time.time)
    _peer_is_lost: bool = False
    #: Until this time (the loop's clock) a call that breaks was broken by this process's own standstill.
    _excused_until_s: float = 0.0
    _settled: bool = False
    #: When the lease in the database was prolonged, by the claim first; monotonic seconds.
    _renewed_s: float = field(default_factory=time.monotonic)
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    @cached_property
    def _time_mapping(self) -> TimeMapping:
        return TimeMapping(self._claim.pieces)

    async def run(self) -> None:
        """Sends the chunk out and takes what comes back."""
        canceller = asyncio.create_task(self._cancel_when_stopped())
        try:
            async with asyncio.timeout(2 * self._attempts.limits.lease_s):
                await self._send_out()
            await self._take_back()
        except asyncio.CancelledError:
            # gRPC cancels the call when the transcriber is gone. This process also does when it stops: no crash then.
            self._peer_is_lost = True
            raise
        except SayItError as error:
            # Missing audio does not come back, so it counts as a failure; a store that does not answer does not count.
            how = AttemptEnd.INTERRUPTED if error.kind.retryable else AttemptEnd.FAILED
            delay_s = 2 * self._attempts.limits.sweep_s  # its audio could not be read
            with suppress(SayItError):
                await self._give_up(Ending(how=how, detail=error.cause or error.code, delay_s=delay_s))
            raise
        finally:
            canceller.cancel()
            if not self._settled:
                # The call's own task may be cancelled already; freeing the chunk must not be.
                await self._attempts.background.do(self._broken())

    async def _send_out(self) -> None:
        # The claim is answered before the audio is fetched: the transcriber's message ends with the answer.
        await self._write(assignment=self._assignment())
        audio = await self._attempts.audio(self._claim)
        for start in range(0, len(audio), _MESSAGE_BYTES):
            await self._write(audio=audio[start : start + _MESSAGE_BYTES])
        await self._write(audio_end=pb.AudioEnd())

    async def _write(self, **message: Any) -> None:
        """Sends one message; grpc.aio fails when two tasks of a call write at once."""
        async with self._writing:
            await self._context.write(pb.RunChunkResponse(**message))

    async def _take_back(self) -> None:
        while True:
            message = await self._next()
            if message is None:
                self._peer_is_lost = True
                return
            kind = message.WhichOneof("message")
            if kind == "heartbeat":
                await self._beat(message.heartbeat.stage)
            elif kind == "partial":
                await self._attempts.partial(self._claim, _segments(message.partial, self._time_mapping))
            elif kind in {"result", "failure", "release"}:
                await self._settle(message)
                return

    async def _next(self) -> pb.RunChunkRequest | None:
        """The transcriber's next message; None when it is gone, or silent for a lease.

        Silence is counted heartbeat by heartbeat, not read off a clock: when this process itself stood still (SIGSTOP,
        a machine that sleeps), messages sent meanwhile are about to arrive.
        """
        loop, limits = asyncio.get_running_loop(), self._attempts.limits
        silent_s = 0.0
        while silent_s < limits.lease_s:
            began_s = loop.time()
            try:
                async with asyncio.timeout(limits.heartbeat_s):
                    return await self._inbox.get()
            except TimeoutError:
                silent_s += limits.heartbeat_s
            finally:
                if loop.time() - began_s > limits.heartbeat_s + _LAG_S:
                    self._excused_until_s = loop.time() + limits.lease_s
        telemetry.bind(silent=True)
        return None

    async def _beat(self, stage: pb.ChunkStage.ValueType) -> None:
        """Notes a heartbeat; writes it to the database only where that is needed.

        This call's own lease is the wait for the next message. The lease in the database is twice as long and matters
        when this process is gone; where other schedulers may end the attempt, every heartbeat asks whether one did.
        After the last stage the result follows at once, and asks as well.
        """
        begins = stage == pb.CHUNK_STAGE_ON_ENGINE and not self._stop.on_engine
        self._stop.on_engine = stage == pb.CHUNK_STAGE_ON_ENGINE
        old = time.monotonic() - self._renewed_s >= self._renew_share * self._attempts.limits.lease_s
        if stage != pb.CHUNK_STAGE_DONE and (begins or old):
            await self._renew()

    async def _renew(self) -> None:
        self._renewed_s = time.monotonic()
        try:
            if not await self._attempts.heartbeat(self._claim, on_engine=self._stop.on_engine):
                await self._send_cancel("superseded")
        except SayItError as error:
            # The lease in the database outlasts a few heartbeats; the database may be back before the result.
            telemetry.bind(heartbeat_error=error.code)

    async def _settle(self, message: pb.RunChunkRequest) -> None:
        """The last message: stored first, confirmed then."""
        if message.HasField("result"):
            output = _output(message.result, self._time_mapping)
            committed = await self._attempts.commit(self._claim, output, began_s=self._began_s)
            self._settled = True
            if not committed:
                await self._context.abort(grpc.StatusCode.ABORTED, "the attempt is over")
        elif message.HasField("failure"):
            refusal, detail = _refusal(message.failure), message.failure.detail
            await self._give_up(Ending(how=AttemptEnd.FAILED, detail=detail, refusal=refusal))
        else:
            await self._give_up(Ending(how=AttemptEnd.INTERRUPTED, detail=message.release.reason))
        await self._write(committed=pb.Committed())

    async def _broken(self) -> None:
        with suppress(SayItError):
            # Without a database the lease expires by itself.
            excused = self._attempts.draining or asyncio.get_running_loop().time() < self._excused_until_s
            crashed = self._stop.on_engine and self._peer_is_lost and not excused
            how = AttemptEnd.CRASHED if crashed else AttemptEnd.INTERRUPTED
            await self._give_up(Ending(how=how, detail="the call broke"))

    async def _give_up(self, end: Ending) -> None:
        await self._attempts.give_up(self._claim, end, began_s=self._began_s)
        self._settled = True

    async def _cancel_when_stopped(self) -> None:
        await self._stop.wait()
        await self._send_cancel(self._stop.reason)

    async def _send_cancel(self, reason: str) -> None:
        await self._write(cancel=pb.CancelChunk(reason=reason))

    def _assignment(self) -> pb.Assignment:
        return pb.Assignment(
            attempt=self._claim.attempt,
            job_id=self._claim.job_id,
            chunk_index=self._claim.index,
            audio_bytes=self._claim.samples * SAMPLE_BYTES,
            options=_OPTIONS.to_proto(self._attempts.options(self._claim)),
            heartbeat_interval=wire.duration_to_proto(self._attempts.limits.heartbeat_s),
            interactive=self._claim.interactive,
            alone=self._claim.alone,
            traceparent=self._claim.traceparent,
        )


async def _listen(requests: AsyncIterator[pb.ServeLiveRequest], transcriber: LiveTranscriber) -> None:
    """Takes what a transcriber says until it is gone."""
    as_it_is = TimeMapping([(0, samples_of(MAX_CHUNK_S))])
    async for request in requests:
        if request.HasField("output"):
            transcriber.answered(request.output.id, _output(request.output.output, as_it_is))
        elif request.HasField("failure"):
            failure = request.failure.failure
            transcriber.refused(request.failure.id, EngineError(failure.detail, _refusal(failure)))
        elif request.HasField("elsewhere"):
            transcriber.elsewhere = request.elsewhere.load


async def _tell(transcriber: LiveTranscriber, context: Context) -> None:
    """Sends a transcriber its orders, without end."""
    async for order in transcriber.orders():
        if isinstance(order, Wanted):
            decode = pb.LiveDecode(
                id=order.number,
                audio=order.stretch.pcm,
                options=_OPTIONS.to_proto(order.stretch.options),
                final=order.stretch.final,
                traceparent=order.stretch.traceparent,
            )
            await context.write(pb.ServeLiveResponse(decode=decode))
        elif isinstance(order, Unwanted):
            await context.write(pb.ServeLiveResponse(cancel=pb.LiveCancel(id=order.number)))
        else:
            reserve = pb.LiveReserve(reserved=order.reserved, load=order.load)
            await context.write(pb.ServeLiveResponse(reserve=reserve))


def _refusal(failure: pb.ChunkFailure) -> SayItError | None:
    """The public error of a failure, where the request is at fault."""
    details: dict[str, Any] = dict(failure.details)
    return SayItError(ErrorKind.of_code(failure.code), **details) if failure.code else None


async def _read(requests: AsyncIterator[pb.RunChunkRequest], inbox: _Inbox) -> None:
    """Moves requests into the inbox; None says that no more will come, however the call ended."""
    try:
        async for request in requests:
            await inbox.put(request)
    finally:
        if inbox.full():
            inbox.get_nowait()  # the call has ended: an unread message is not needed
        inbox.put_nowait(None)


def _segments(output: pb.ChunkOutput, time_mapping: TimeMapping) -> tuple[Segment, ...]:
    """A chunk's segments, in the recording's time."""
    return time_mapping.segments(wire.segment_from_proto(segment) for segment in output.segments)


def _output(output: pb.ChunkOutput, time_mapping: TimeMapping) -> ChunkOutput:
    return ChunkOutput(
        segments=_segments(output, time_mapping),
        language=output.language,
        language_probability=output.language_probability,
        suppressed=tuple(time_mapping.suppressed(wire.suppressed_from_proto(each)) for each in output.suppressed),
        compute_s=wire.seconds_of_duration(output.compute),
        unlisted=(output.unlisted_language, output.unlisted_probability) if output.unlisted_language else None,
    )
