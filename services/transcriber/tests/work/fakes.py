"""A scheduler that keeps chunks in memory behind the real gRPC service, and an engine of ten lines."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc

from sayit.internal.v1 import chunk_service_pb2 as pb
from sayit.internal.v1 import chunk_service_pb2_grpc as rpc
from sayit.speech.options import DecodeOptions
from sayit.speech.transcript import Segment
from sayit.speech.wire import duration_to_proto
from sayit.transcriber.engine.result import ChunkText, EngineCancelled
from sayit.transcriber.work.engine_lane import EngineLane, Samples
from sayit.transcriber.work.runner import Runner

#: A tenth of a second of a ramp.
PCM = b"".join(int(number * 20 - 16_000).to_bytes(2, "little", signed=True) for number in range(1_600))


def text_of(*sentences: str, windows: int = 1) -> ChunkText:
    """One segment of one second per sentence."""
    segments = tuple(
        Segment(id=number, start_s=float(number), end_s=number + 1.0, text=sentence, language="en")
        for number, sentence in enumerate(sentences)
    )
    return ChunkText(
        segments=segments,
        language="en",
        language_probability=0.9,
        suppressed=(),
        compute_s=0.5,
        windows=windows,
        decoded_s=windows / 30,
    )


class FakeEngine:
    """Says "one two three", a window each; a test may hold it, watch it and make it fail."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.go.set()
        self.running = threading.Event()
        self.error: Exception | None = None
        self.calls: list[tuple[Samples, DecodeOptions]] = []
        self.windows_begun = 0

    def transcribe(
        self,
        pcm: Samples,
        options: DecodeOptions,
        *,
        on_window: Callable[[ChunkText], None],
        cancelled: Callable[[], bool],
    ) -> ChunkText:
        """Waits for `go` in every window."""
        self.calls.append((pcm, options))
        self.running.set()
        try:
            for count in (1, 2, 3):
                if cancelled():
                    raise EngineCancelled
                self.windows_begun += 1
                # A stuck test must not keep this thread, and with it the process, alive.
                self.go.wait(20)
                if self.error is not None:
                    raise self.error
                if count < 3:
                    on_window(text_of(*("one", "two")[:count], windows=count))
        finally:
            self.running.clear()
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
                if kind == "release":
                    self.granted.discard(call.claim.chunk_id)
                if self.commits:
                    call.say.put_nowait(pb.RunChunkResponse(committed=pb.Committed()))
        if not call.last:
            call.ended.set()

    async def Report(self, request: pb.ReportRequest, context: Any) -> pb.ReportResponse:  # noqa: N802 - gRPC's name
        """Notes the report."""
        if self.down is not None:
            await context.abort(self.down, "down")
        self.reports.append(request)
        return pb.ReportResponse(interval=duration_to_proto(self.report_interval_s))

    def _assignment(self) -> pb.Assignment:
        options = pb.DecodeOptions(language="en", beam_size=5, best_of=3, patience=1.5, temperatures=[0.0, 0.3])
        return pb.Assignment(
            attempt=1,
            job_id="j1",
            audio_bytes=self.audio_bytes,
            options=options,
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
    lane: EngineLane
    stub: Any
    runner: Runner
    address: str


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    """A runner with a fake engine at a fake scheduler over a real connection."""
    scheduler, engine = FakeScheduler(), FakeEngine()
    executor = ThreadPoolExecutor(1)
    async with serve(scheduler) as address, grpc.aio.insecure_channel(address) as channel:
        stub: Any = rpc.ChunkServiceStub(channel)
        lane = EngineLane(engine, executor)
        runner = Runner(stub=stub, lane=lane, transcriber_id="t1")
        yield Bench(scheduler, engine, lane, stub, runner, address)
        engine.go.set()
        await runner.drain(1.0)
    executor.shutdown()


async def until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Waits until something that nobody announces is true."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - nobody sets an event for it
            await asyncio.sleep(0.002)
