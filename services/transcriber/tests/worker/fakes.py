"""A scheduler that keeps chunks in memory behind the real gRPC service, and an engine of ten lines."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import grpc

from sayit.internal.v1 import chunk_service_pb2 as pb
from sayit.internal.v1 import chunk_service_pb2_grpc as rpc
from sayit.speech.options import DecodeOptions
from sayit.speech.transcript import Segment
from sayit.speech.wire import duration_to_proto
from sayit.transcriber.engine.result import DecodedChunk, EngineCancelled
from sayit.transcriber.worker.slots import Runner

#: A tenth of a second of a ramp.
PCM = b"".join(int(number * 20 - 16_000).to_bytes(2, "little", signed=True) for number in range(1_600))


def text_of(*sentences: str, windows: int = 1) -> DecodedChunk:
    """One segment of one second per sentence."""
    segments = tuple(
        Segment(id=number, start_s=float(number), end_s=number + 1.0, text=sentence, language="en")
        for number, sentence in enumerate(sentences)
    )
    return DecodedChunk(
        segments=segments,
        language="en",
        language_probability=0.9,
        suppressed=(),
        compute_s=0.5,
        windows=windows,
        decoded_s=windows / 30,
    )


@dataclass
class FakeHeld:
    """A chunk at the fake engine."""

    future: Future[DecodedChunk] = field(default_factory=Future)
    compute_s: float = 0.0
    began: bool = False
    cancelled: bool = False

    def cancel(self) -> None:
        """Ends at once unless it has begun."""
        self.cancelled = True
        if not self.began and not self.future.done():
            self.future.set_exception(EngineCancelled())


class FakeEngine:
    """Says "one two three", a window each, one chunk after the other; a test may hold it, watch it and make it fail."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.go.set()
        self.running = threading.Event()
        self.error: Exception | None = None
        self.calls: list[tuple[bytes, DecodeOptions]] = []
        self.asked: list[dict[str, Any]] = []
        self.held: list[FakeHeld] = []
        self.windows_begun = 0
        self.busy_since_s: float | None = None
        self.broken = False
        self.executor = ThreadPoolExecutor(1)

    @property
    def busy_for_s(self) -> float:
        """Seconds that the chunk has been here."""
        return 0.0 if self.busy_since_s is None else time.monotonic() - self.busy_since_s

    def submit(
        self,
        pcm: bytes,
        options: DecodeOptions,
        *,
        on_turn: Any = lambda go: go(),
        on_window: Any = print,
        **asked: Any,
    ) -> FakeHeld:
        """Queues a chunk."""
        held = FakeHeld()
        held.future.set_running_or_notify_cancel()
        self.asked.append(asked)
        self.held.append(held)
        self.executor.submit(self._run, held, bytes(pcm), options, on_turn, on_window)
        return held

    def _run(self, held: FakeHeld, pcm: bytes, options: DecodeOptions, on_turn: Any, on_window: Any) -> None:
        if held.future.done():
            return
        turn = threading.Event()
        on_turn(turn.set)
        turn.wait(5)
        held.began = True
        self.calls.append((pcm, options))
        self.busy_since_s = time.monotonic()
        self.running.set()
        try:
            text = self._windows(held, on_window)
        except Exception as error:  # noqa: BLE001 - whatever a test sets
            held.future.set_exception(error)
        else:
            held.future.set_result(text)
        finally:
            self.running.clear()
            self.busy_since_s = None

    def _windows(self, held: FakeHeld, on_window: Any) -> DecodedChunk:
        """Waits for `go` in every window."""
        for count in (1, 2, 3):
            if held.cancelled:
                raise EngineCancelled
            self.windows_begun += 1
            # A stuck test must not keep this thread, and with it the process, alive.
            self.go.wait(20)
            if self.error is not None:
                raise self.error
            held.compute_s += 0.5
            if count < 3:
                on_window(text_of(*("one", "two")[:count], windows=count))
        return text_of("one", "two", "three", windows=3)


@dataclass
class Call:
    """What one RunChunk call said, as the scheduler saw it."""

    claim: pb.ClaimChunk
    stages: list[pb.ChunkStage.ValueType] = field(default_factory=list)
    partials: list[pb.ChunkOutput] = field(default_factory=list)
    last: str = ""
    output: pb.ChunkOutput | None = None
    detail: str = ""
    failure: pb.ChunkFailure | None = None
    ended_s: float = 0.0
    #: Things to say to the transcriber meanwhile.
    say: asyncio.Queue[pb.RunChunkResponse] = field(default_factory=asyncio.Queue)
    assigned: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class FakeScheduler(rpc.ChunkServiceServicer):
    """Grants each chunk once, unless told otherwise."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.refused: list[str] = []
        self.granted: set[str] = set()
        self.reports: list[pb.ReportRequest] = []
        #: Makes claims fail with this code.
        self.down: grpc.StatusCode | None = None
        self.heartbeat_s = 0.05
        #: How long a claim takes.
        self.claim_delay_s = 0.0
        #: Whether results are answered.
        self.commits = True
        self.audio_bytes = len(PCM)
        self.claimed_at: dict[str, float] = {}
        self.report_interval_s = 0.05
        self.live_heard: list[pb.ServeLiveRequest] = []
        self.live_say: asyncio.Queue[pb.ServeLiveResponse | None] = asyncio.Queue()
        #: What assignments say of the lane.
        self.interactive = self.alone = False

    async def RunChunk(  # noqa: N802 - gRPC's name
        self, request_iterator: AsyncIterator[pb.RunChunkRequest], context: Any
    ) -> AsyncIterator[pb.RunChunkResponse]:
        """Follows the protocol of chunk_service.proto."""
        claim = (await anext(request_iterator)).claim
        if self.down is not None:
            await context.abort(self.down, "down")
        if claim.chunk_id in self.granted:
            self.refused.append(claim.chunk_id)
            await context.abort(grpc.StatusCode.ABORTED, "not due")
        await asyncio.sleep(self.claim_delay_s)
        self.granted.add(claim.chunk_id)
        self.claimed_at[claim.chunk_id] = time.perf_counter()
        call = Call(claim=claim)
        self.calls.append(call)
        call.say.put_nowait(pb.RunChunkResponse(assignment=self._assignment()))
        for start in range(0, len(PCM), 1000):
            call.say.put_nowait(pb.RunChunkResponse(audio=PCM[start : start + 1000]))
        call.say.put_nowait(pb.RunChunkResponse(audio_end=pb.AudioEnd()))
        listening = asyncio.create_task(self._listen(call, request_iterator))
        try:
            while True:
                response = await call.say.get()
                yield response
                call.assigned.set()
                if response.HasField("committed"):
                    return
        finally:
            call.ended_s = time.perf_counter()
            listening.cancel()
            call.ended.set()

    async def _listen(self, call: Call, requests: AsyncIterator[pb.RunChunkRequest]) -> None:
        async for request in requests:
            kind = request.WhichOneof("message") or ""
            if kind == "heartbeat":
                call.stages.append(request.heartbeat.stage)
            elif kind == "partial":
                call.partials.append(request.partial)
            else:
                assert call.last == "", "only one message may be the last"
                call.last = kind
                call.output = request.result if kind == "result" else None
                call.detail = request.failure.detail or request.release.reason
                call.failure = request.failure if kind == "failure" else None
                if kind == "release":
                    self.granted.discard(call.claim.chunk_id)
                if self.commits:
                    call.say.put_nowait(pb.RunChunkResponse(committed=pb.Committed()))
        if not call.last:
            call.ended.set()

    async def ServeLive(  # noqa: N802 - gRPC's name
        self, request_iterator: AsyncIterator[pb.ServeLiveRequest], context: Any
    ) -> AsyncIterator[pb.ServeLiveResponse]:
        """Says what a test puts into `live_say`; None ends the call."""
        listening = asyncio.create_task(self._hear_live(request_iterator))
        try:
            while (said := await self.live_say.get()) is not None:
                yield said
        finally:
            listening.cancel()

    async def _hear_live(self, requests: AsyncIterator[pb.ServeLiveRequest]) -> None:
        async for request in requests:
            self.live_heard.append(request)

    async def Report(self, request: pb.ReportRequest, context: Any) -> pb.ReportResponse:  # noqa: N802 - gRPC's name
        """Notes the report."""
        if self.down is not None:
            await context.abort(self.down, "down")
        self.reports.append(request)
        return pb.ReportResponse(interval=duration_to_proto(self.report_interval_s))

    def _assignment(self) -> pb.Assignment:
        options = pb.DecodeOptions(
            language="en", task="TASK_TRANSCRIBE", beam_size=5, best_of=3, patience=1.5, temperatures=[0.0, 0.3]
        )
        return pb.Assignment(
            attempt=1,
            job_id="j1",
            audio_bytes=self.audio_bytes,
            options=options,
            interactive=self.interactive,
            alone=self.alone,
            heartbeat_interval=duration_to_proto(self.heartbeat_s),
            traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        )

    async def call(self, number: int = 0) -> Call:
        """The call with this number, once its assignment was read."""
        async with asyncio.timeout(10):
            while len(self.calls) <= number:  # noqa: ASYNC110 - it sets no event for it
                await asyncio.sleep(0.002)
            await self.calls[number].assigned.wait()
        return self.calls[number]


@asynccontextmanager
async def serve(scheduler: FakeScheduler, address: str = "127.0.0.1:0") -> AsyncIterator[str]:
    """Runs the scheduler; yields its address."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    rpc.add_ChunkServiceServicer_to_server(scheduler, server)
    port = server.add_insecure_port(address)
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


@dataclass
class Bench:
    """All that a runner needs."""

    scheduler: FakeScheduler
    engine: FakeEngine
    stub: Any
    runner: Runner
    address: str


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    """A runner with a fake engine at a fake scheduler over a real connection."""
    scheduler, engine = FakeScheduler(), FakeEngine()
    async with serve(scheduler) as address, grpc.aio.insecure_channel(address) as channel:
        stub: Any = rpc.ChunkServiceStub(channel)
        runner = Runner(stub=stub, engine=cast("Any", engine), transcriber_id="t1")
        yield Bench(scheduler, engine, stub, runner, address)
        engine.go.set()
        await runner.drain(1.0)
    engine.executor.shutdown()


async def until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Waits until something that nobody announces is true."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - nobody sets an event for it
            await asyncio.sleep(0.002)
