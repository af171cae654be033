"""One attempt at one chunk: the transcriber's side of one RunChunk call.

    claim ──► assignment ──► audio ──► wait for the engine ──► engine ──► result ──► committed
                                 heartbeats at the assignment's interval, and whenever the stage changes

It may be stopped at any point: by the scheduler (cancel), by a broken call (the lease is lost, and the text is
void) or by this process (it drains). Then no further window begins, and the chunk is given back unless the call broke.
The chunk may be attempted more than once, here and elsewhere; only the scheduler decides which text counts.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

import grpc

from sayit.chassis.telemetry import logger
from sayit.internal.v1 import chunk_service_pb2 as pb
from sayit.speech.audio import SAMPLE_BYTES, seconds_of
from sayit.speech.chunk_queue import ChunkMessage
from sayit.speech.wire import seconds_of_duration
from sayit.transcriber.engine import DecodedChunk, Engine, EngineCancelled, EngineRequest, Lane
from sayit.transcriber.worker.outcomes import AttemptOutcome, ClaimRefused, SchedulerAway, Stop, Tally
from sayit.transcriber.worker.wire import chunk_failure, chunk_output_to_proto, decode_options_from_proto

if TYPE_CHECKING:
    from sayit.internal.v1.chunk_service_pb2_grpc import ChunkServiceAsyncStub

T = TypeVar("T")

#: How long the last message may stay unanswered before the call counts as broken.
_COMMIT_TIMEOUT_S = 60.0
#: How long a committed call may take to end by itself.
_END_TIMEOUT_S = 1.0
#: Heartbeats are sent at least this far apart, whatever the assignment says.
_MIN_HEARTBEAT_S = 0.05

_REFUSALS = frozenset({grpc.StatusCode.ABORTED, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION})


class Attempt:
    """One attempt; `claim` first, then `run`.

    Args:
        message: what the queue said.
        stub: the scheduler.
        engine: what decodes, together with other chunks.
        transcriber_id: the process that claims.
    """

    def __init__(
        self, message: ChunkMessage, *, stub: ChunkServiceAsyncStub, engine: Engine, transcriber_id: str
    ) -> None:
        self.message = message
        self.tally = Tally()
        self.text: DecodedChunk | None = None
        self._call: grpc.aio.StreamStreamCall[pb.RunChunkRequest, pb.RunChunkResponse]
        self._stub = stub
        self._engine = engine
        self._held: EngineRequest | None = None
        self._turn: asyncio.Task[None] | None = None
        self._transcriber_id = transcriber_id
        self._stage: pb.ChunkStage.ValueType = pb.CHUNK_STAGE_WAITING
        self._writing = asyncio.Lock()
        self._last_written = False
        self._audio = bytearray()
        self._audio_complete = asyncio.Event()
        self._committed = asyncio.Event()
        self._stopped = asyncio.Event()
        self._stop: Stop | None = None
        self._partial: DecodedChunk | None = None
        self._partial_ready = asyncio.Event()

    @property
    def waiting(self) -> bool:
        """Whether the engine has not begun with it."""
        return self._stage == pb.CHUNK_STAGE_WAITING

    def stop(self, reason: Stop) -> None:
        """Begins no further window; the first reason counts."""
        if self._stop is None:
            self._stop = reason
        self._stopped.set()

    async def claim(self, timeout_s: float) -> pb.Assignment:
        """Opens the call and claims the chunk.

        Raises:
            ClaimRefused: the scheduler said no.
            SchedulerAway: it did not answer, or could not decide.
        """
        began = time.monotonic()
        self._call = self._stub.RunChunk()
        claim = pb.ClaimChunk(
            chunk_id=self.message.chunk_id, dispatch=self.message.dispatch, transcriber_id=self._transcriber_id
        )
        try:
            async with asyncio.timeout(timeout_s):
                # A write on a call that failed already says less than the read that follows.
                with suppress(asyncio.InvalidStateError):
                    await self._call.write(pb.RunChunkRequest(claim=claim))
                answer = await self._call.read()
        except TimeoutError:
            self._call.cancel()
            raise SchedulerAway("no answer in time") from None
        except grpc.aio.AioRpcError as error:
            if error.code() in _REFUSALS:
                raise ClaimRefused(error.details()) from None
            raise SchedulerAway(f"{error.code().name}: {error.details()}") from None
        self.tally.claim_s = time.monotonic() - began
        if isinstance(answer, pb.RunChunkResponse) and answer.HasField("assignment"):
            return answer.assignment
        self._call.cancel()
        raise SchedulerAway("the call ended without an assignment")

    async def run(self, assignment: pb.Assignment) -> AttemptOutcome:
        """Decodes the chunk, sends its text or releases it, and ends the call; returns once the engine is done."""
        reader = asyncio.create_task(self._read())
        interval_s = max(_MIN_HEARTBEAT_S, seconds_of_duration(assignment.heartbeat_interval) or 1.0)
        talkers = [asyncio.create_task(self._beat(interval_s)), asyncio.create_task(self._send_partials())]
        work = asyncio.create_task(self._transcribe(assignment))
        stopped = asyncio.create_task(self._stopped.wait())
        try:
            await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if self._stop is None:
                return await self._deliver(work, reader)
            return await self._give_back(work, reader)
        finally:
            # Where this task is cancelled the engine's request must be cancelled, too.
            self._stopped.set()
            for task in (*talkers, stopped, work):
                task.cancel()
            if self._committed.is_set():
                await asyncio.wait({reader}, timeout=_END_TIMEOUT_S)
            reader.cancel()
            self._call.cancel()
            turn = (self._turn,) if self._turn is not None else ()
            await asyncio.gather(reader, stopped, work, *turn, *talkers, return_exceptions=True)

    async def _transcribe(self, assignment: pb.Assignment) -> DecodedChunk:
        began = time.monotonic()
        self.tally.audio_s = seconds_of(assignment.audio_bytes // SAMPLE_BYTES)
        await self._audio_complete.wait()
        if len(self._audio) != assignment.audio_bytes:
            raise ValueError(f"{len(self._audio)} bytes of audio instead of {assignment.audio_bytes}")
        loop = asyncio.get_running_loop()

        def take_turn(go: Callable[[], None]) -> None:
            self.tally.wait_s = time.monotonic() - began
            self._turn = loop.create_task(self._begin(go))

        held = self._engine.submit(
            self._audio,
            decode_options_from_proto(assignment.options),
            lane=Lane.INTERACTIVE if assignment.interactive else Lane.BULK,
            alone=assignment.alone,
            on_turn=lambda go: _told(loop, take_turn, go),
            on_window=lambda text: _told(loop, self._take_partial, text),
        )
        self._held, self._audio = held, bytearray()
        try:
            return await asyncio.wrap_future(held.future)
        finally:
            held.cancel()
            self.tally.engine_s = held.compute_s

    async def _begin(self, go: Callable[[], None]) -> None:
        """Reports that the engine begins, before it does: a break from here on counts as a crash of this chunk."""
        await self._enter(pb.CHUNK_STAGE_ON_ENGINE)
        go()

    async def _deliver(self, work: asyncio.Task[DecodedChunk], reader: asyncio.Task[None]) -> AttemptOutcome:
        """Sends what the engine said, and waits until it is stored."""
        await self._enter(pb.CHUNK_STAGE_DONE)
        error = work.exception()
        if error is None:
            self.text = work.result()
            await self._write(pb.RunChunkRequest(result=chunk_output_to_proto(self.text)), last=True)
            outcome = AttemptOutcome.DONE
        else:
            logger().error("engine_failed", chunk_id=self.message.chunk_id, exc_info=error)
            await self._write(pb.RunChunkRequest(failure=chunk_failure(error)), last=True)
            outcome = AttemptOutcome.FAILED
        return outcome if await self._is_committed(reader) else AttemptOutcome.LOST

    async def _give_back(self, work: asyncio.Task[DecodedChunk], reader: asyncio.Task[None]) -> AttemptOutcome:
        """Releases the chunk at once, then waits until the engine is done with it."""
        if self._held is not None:
            self._held.cancel()
        else:
            work.cancel()
        outcome = AttemptOutcome.CANCELLED if self._stop is Stop.CANCELLED else AttemptOutcome.LOST
        if self._stop is not None and self._stop is not Stop.LOST:
            release = pb.ReleaseChunk(reason=self._stop.value)
            await self._write(pb.RunChunkRequest(release=release), last=True)
            if await self._is_committed(reader) and self._stop in {Stop.DRAINING, Stop.RESERVED}:
                outcome = AttemptOutcome.RELEASED
        await asyncio.wait({work})
        if work.cancelled() or work.exception() is not None:
            self.tally.saved_s = max(0.0, self.tally.audio_s - (self._partial.decoded_s if self._partial else 0.0))
        if not work.cancelled() and (error := work.exception()) and not isinstance(error, EngineCancelled):
            logger().warning("stopped_work_failed", chunk_id=self.message.chunk_id, exc_info=error)
        return outcome

    async def _is_committed(self, reader: asyncio.Task[None]) -> bool:
        """Waits for the answer to the last message."""
        began = time.monotonic()
        committed = asyncio.create_task(self._committed.wait())
        await asyncio.wait({reader, committed}, timeout=_COMMIT_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
        committed.cancel()
        self.tally.commit_s = time.monotonic() - began
        return self._committed.is_set()

    async def _read(self) -> None:
        """Reads the scheduler's messages until the call ends; an end before `committed` means a lost lease."""
        try:
            while isinstance(response := await self._call.read(), pb.RunChunkResponse):
                match response.WhichOneof("message"):
                    case "audio":
                        self._audio += response.audio
                    case "audio_end":
                        self._audio_complete.set()
                    case "cancel":
                        self.stop(Stop.CANCELLED)
                    case "committed":
                        self._committed.set()
                    case other:
                        logger().warning("unexpected_message", chunk_id=self.message.chunk_id, message=other)
        except grpc.aio.AioRpcError as error:
            logger().info("call_broken", chunk_id=self.message.chunk_id, code=error.code().name)
        self.stop(Stop.LOST)

    async def _beat(self, interval_s: float) -> None:
        while True:
            await asyncio.sleep(interval_s)
            await self._write(pb.RunChunkRequest(heartbeat=pb.Heartbeat(stage=self._stage)))

    async def _enter(self, stage: pb.ChunkStage.ValueType) -> None:
        self._stage = stage
        await self._write(pb.RunChunkRequest(heartbeat=pb.Heartbeat(stage=stage)))

    def _take_partial(self, text: DecodedChunk) -> None:
        """Keeps the newest text; where the scheduler reads slowly the ones between are skipped."""
        self._partial = text
        self._partial_ready.set()

    async def _send_partials(self) -> None:
        while True:
            await self._partial_ready.wait()
            self._partial_ready.clear()
            if self._partial is not None:
                await self._write(pb.RunChunkRequest(partial=chunk_output_to_proto(self._partial)))

    async def _write(self, request: pb.RunChunkRequest, *, last: bool = False) -> None:
        """Writes unless the last message was written or the call is over.

        gRPC tears a call down when a task is cancelled while it writes, so the writing goes on in a task of its own.
        """
        await asyncio.shield(asyncio.create_task(self._write_in_turn(request, last=last)))

    async def _write_in_turn(self, request: pb.RunChunkRequest, *, last: bool) -> None:
        async with self._writing:
            if self._last_written:
                return
            self._last_written = last
            # The reader meets the same end of the call and reports it.
            with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
                await self._call.write(request)
                if last:
                    await self._call.done_writing()


def _told(loop: asyncio.AbstractEventLoop, listener: Callable[[T], object], news: T) -> None:
    """Passes a call to the event loop, which may be closed: a process that ends does not wait for its engine."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(listener, news)
