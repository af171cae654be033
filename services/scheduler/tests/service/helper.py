"""A real scheduler on port 0, a caller of its internal API, and a transcriber that does what a test says."""

from __future__ import annotations

import asyncio
import io
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import soundfile
from pydantic import SecretStr
from redis.asyncio import Redis

from sayit.chassis import principal
from sayit.chassis.principal import Principal
from sayit.chassis.reload import Reload
from sayit.chassis.service_auth import service_channel
from sayit.client.stream_writer import writing
from sayit.internal.v1 import chunk_service_pb2 as chunk_pb
from sayit.internal.v1 import chunk_service_pb2_grpc, job_service_pb2_grpc
from sayit.scheduler.service import running
from sayit.scheduler.settings import SchedulerSettings
from sayit.speech import wire
from sayit.speech.chunk_queue import queue_name
from sayit.speech.errors import ErrorKind
from sayit.speech.wire.errors import error_of_call
from sayit.v1 import admin_service_pb2_grpc
from sayit.v1 import resources_pb2 as pb
from sayit.v1 import transcription_service_pb2 as service_pb

RECORDINGS = Path(__file__).parents[4] / "recordings"
SHORT = (RECORDINGS / "ko-8s.flac").read_bytes()
LONG = (RECORDINGS / "en-90s.flac").read_bytes()
ENDED = (pb.JOB_STATE_COMPLETED, pb.JOB_STATE_FAILED, pb.JOB_STATE_CANCELLED)
ALICE = Principal(key_id="k1", tenant="alice")
BOB = Principal(key_id="k2", tenant="bob")
#: Seconds between sweeps where a test is about what they find.
SWEEPING = 0.05


def repeated(name: str, times: int) -> bytes:
    """A recording several times over, as WAV."""
    samples, rate = soundfile.read(RECORDINGS / f"{name}.flac", dtype="int16")
    buffer = io.BytesIO()
    soundfile.write(buffer, np.tile(samples, times), rate, format="WAV")
    return buffer.getvalue()


def kind_of(error: pytest.ExceptionInfo[grpc.aio.AioRpcError]) -> ErrorKind:
    """The kind that a failed call carries."""
    return error_of_call(error.value).kind


@dataclass
class Suite:
    """A running scheduler with stubs."""

    address: str
    settings: SchedulerSettings
    jobs: Any
    chunks: Any
    admin: Any
    redis: Redis

    async def create(
        self,
        audio: bytes | Iterable[bytes],
        *,
        who: Principal = ALICE,
        key: str = "",
        complete: bool = True,
        **options: Any,
    ) -> pb.Job:
        """Creates a job on this audio; an incomplete one ends as if the sender had died."""
        config = service_pb.JobConfig(options=pb.TranscriptionOptions(**options), filename="a.wav", idempotency_key=key)
        pieces = [audio] if isinstance(audio, bytes) else audio

        async def requests() -> AsyncGenerator[service_pb.CreateJobRequest]:
            yield service_pb.CreateJobRequest(config=config)
            for piece in pieces:
                for start in range(0, len(piece), 1 << 18):
                    yield service_pb.CreateJobRequest(audio=piece[start : start + (1 << 18)])
            if complete:
                yield service_pb.CreateJobRequest(audio=b"")

        with principal.use(who):
            call = self.jobs.CreateJob()
            async with writing(call, requests()):
                return await call

    async def get(self, job_id: str, *, who: Principal = ALICE) -> pb.Job:
        """Reads a job."""
        with principal.use(who):
            return await self.jobs.GetJob(service_pb.GetJobRequest(job_id=job_id))

    async def events(self, job_id: str, *, after_seq: int = 0, who: Principal = ALICE) -> list[pb.JobEvent]:
        """Watches a job to its end."""
        with principal.use(who):
            call = self.jobs.WatchJob(service_pb.WatchJobRequest(job_id=job_id, after_seq=after_seq))
            return [event async for event in call]

    async def transcript(self, job_id: str, *, who: Principal = ALICE, raw: bool = False) -> Any:
        """Fetches a transcript."""
        with principal.use(who):
            call = self.jobs.GetTranscript(service_pb.GetTranscriptRequest(job_id=job_id, raw=raw))
            return wire.transcript_of_parts([part async for part in call])

    async def until(self, job_id: str, *states: int) -> pb.Job:
        """Waits until a job is in one of these states."""
        while True:
            job = await self.get(job_id)
            if job.state in states:
                return job
            await asyncio.sleep(0.02)


@asynccontextmanager
async def suite(
    tmp_path: Path,
    redis_url: str,
    *,
    reloads: list[Reload[SchedulerSettings]] | None = None,
    sweep_s: float = 1.0,
    **settings: Any,
) -> AsyncIterator[Suite]:
    """Runs a scheduler; what reloads its settings is put into the list.

    Nothing is decoded again where a test does not ask for it: scripted texts are far too short for their audio.
    With `SWEEPING` a test need not wait for what is found in sweeps; without it, bells alone have to be quick enough.
    """
    given = SchedulerSettings(
        scheduler_listen="127.0.0.1:0",
        data_dir=tmp_path / "data",
        redis_url=SecretStr(redis_url),
        default_model="micro",
        **{"grace_s": 1.0, "redecode": False, **settings},
    )
    redis = Redis.from_url(redis_url)
    reload = Reload(given)
    if reloads is not None:
        reloads.append(reload)
    async with running(given, reload, sweep_s=sweep_s) as server, service_channel(server.address, given) as channel:
        try:
            yield Suite(
                address=server.address,
                settings=given,
                jobs=job_service_pb2_grpc.JobServiceStub(channel),
                chunks=chunk_service_pb2_grpc.ChunkServiceStub(channel),
                admin=admin_service_pb2_grpc.AdminServiceStub(channel),
                redis=redis,
            )
        finally:
            await redis.aclose()


class Transcriber:
    """A transcriber of the test's: it reports, takes ids from the queue, and does with them what the test says."""

    def __init__(
        self, suite: Suite, *, slots: int = 2, name: str = "t1", model: str = "micro", revision: str = "r1"
    ) -> None:
        self._suite = suite
        self._slots = slots
        self._name = name
        self._model = model
        self._revision = revision
        #: Attempts that `run` has finished.
        self.attempts = 0

    async def report(self, **more: Any) -> None:
        """Says that it is there."""
        await self._suite.chunks.Report(
            chunk_pb.ReportRequest(
                transcriber_id=self._name, model=self._model, slots=self._slots, revision=self._revision, **more
            )
        )

    async def take(self) -> tuple[str, int]:
        """The next (chunk id, dispatch) in the queue; reports now and then, as a transcriber that lives does."""
        for redecode in itertools.count(1):
            if redecode % 100 == 0:
                await self.report()
            found = await self._suite.redis.zpopmin(queue_name(self._model, self._suite.settings.redis_prefix))
            if found:
                chunk_id, dispatch = found[0][0].decode().rsplit(":", 1)
                return chunk_id, int(dispatch)
            await asyncio.sleep(0.01)
        raise AssertionError("unreachable")

    async def claim(self, chunk_id: str, dispatch: int) -> Attempt:
        """Opens a call and claims."""
        call = self._suite.chunks.RunChunk()
        await call.write(
            chunk_pb.RunChunkRequest(
                claim=chunk_pb.ClaimChunk(chunk_id=chunk_id, dispatch=dispatch, transcriber_id=self._name)
            )
        )
        first = await call.read()
        if first == grpc.aio.EOF:
            await call
        assert isinstance(first, chunk_pb.RunChunkResponse)
        attempt = Attempt(call, first.assignment)
        while True:
            message = await call.read()
            if message.HasField("audio_end"):
                return attempt
            attempt.audio += message.audio

    async def run(self) -> None:
        """Transcribes everything it can get until cancelled: each chunk says its own place."""
        while True:
            await self.report()
            attempt = await self.claim(*await self.take())
            await attempt.finish(f"chunk {attempt.assignment.chunk_index}")
            self.attempts += 1


class Attempt:
    """A granted claim."""

    def __init__(self, call: Any, assignment: chunk_pb.Assignment) -> None:
        self.call = call
        self.assignment = assignment
        self.audio = b""

    async def say(self, **message: Any) -> None:
        """Sends one message."""
        await self.call.write(chunk_pb.RunChunkRequest(**message))

    async def on_engine(self) -> None:
        """Says that the engine has it."""
        await self.say(heartbeat=chunk_pb.Heartbeat(stage=chunk_pb.CHUNK_STAGE_ON_ENGINE))

    async def finish(self, text: str, **figures: float) -> Any:
        """Delivers one segment over the whole chunk and waits for the answer."""
        length_s = len(self.audio) / 32_000
        segment = pb.Segment(
            text=text,
            language="ko",
            start=wire.duration_to_proto(0),
            end=wire.duration_to_proto(length_s),
            **figures,
        )
        output = chunk_pb.ChunkOutput(
            segments=[segment], language="ko", language_probability=0.9, compute=wire.duration_to_proto(0.5), windows=1
        )
        await self.say(result=output)
        return await self.answer()

    async def answer(self) -> Any:
        """The next message of the scheduler; raises the call's error."""
        message = await self.call.read()
        if message == grpc.aio.EOF:
            await self.call
        return message
