"""A scheduler that stops: nothing is lost, nothing counts against a chunk, and the next one goes on at once."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pydantic import SecretStr
from redis.asyncio import Redis

from sayit.chassis import principal
from sayit.chassis.service_auth import service_channel
from sayit.internal.v1 import chunk_service_pb2 as chunk_pb
from sayit.internal.v1 import chunk_service_pb2_grpc, job_service_pb2_grpc
from sayit.scheduler.service import running
from sayit.scheduler.settings import SchedulerSettings
from sayit.speech.errors import ErrorKind
from sayit.speech.wire.errors import error_of_call
from sayit.v1 import admin_service_pb2_grpc
from sayit.v1 import resources_pb2 as pb
from sayit.v1 import transcription_service_pb2 as service_pb

from .helper import ALICE, RECORDINGS, Attempt, Suite, Transcriber, repeated

SHORT = (RECORDINGS / "ko-8s.flac").read_bytes()


@dataclass
class Stoppable(Suite):
    """A scheduler that stops while a test's calls are still open."""

    stop: asyncio.Event
    task: asyncio.Task[None]
    health: Any

    async def stopped(self) -> None:
        """Returns once it has stopped."""
        await asyncio.wait_for(self.task, 15)

    def one(self, columns: str, table: str) -> tuple[Any, ...]:
        """A row of the database, read behind the scheduler's back."""
        with closing(sqlite3.connect(self.settings.data_dir / "sayit.db")) as database:
            row: tuple[Any, ...] = database.execute(f"SELECT {columns} FROM {table}").fetchone()
        return row


@asynccontextmanager
async def scheduler(tmp_path: Path, redis_url: str, *, grace_s: float) -> AsyncIterator[Stoppable]:
    """Runs a scheduler in a task of its own."""
    settings = SchedulerSettings(
        scheduler_listen="127.0.0.1:0",
        data_dir=tmp_path / "data",
        redis_url=SecretStr(redis_url),
        default_model="micro",
        grace_s=grace_s,
    )
    stop = asyncio.Event()
    up: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def run() -> None:
        async with running(settings) as server:
            up.set_result(server.address)
            await stop.wait()

    task = asyncio.create_task(run())
    address = await up
    redis = Redis.from_url(redis_url)
    try:
        async with service_channel(address, settings) as channel:
            yield Stoppable(
                address=address,
                settings=settings,
                jobs=job_service_pb2_grpc.JobServiceStub(channel),
                chunks=chunk_service_pb2_grpc.ChunkServiceStub(channel),
                admin=admin_service_pb2_grpc.AdminServiceStub(channel),
                redis=redis,
                stop=stop,
                task=task,
                health=health_pb2_grpc.HealthStub(channel),
            )
    finally:
        stop.set()
        await task
        await redis.aclose()


async def claimed(s: Suite) -> Attempt:
    """A short job's only chunk, in a transcriber's hand."""
    worker = Transcriber(s)
    await worker.report()
    await s.create(SHORT)
    return await worker.claim(*await worker.take())


async def ended(stream: Any) -> None:
    """Reads a stream to its end; raises what it ends with."""
    while await stream.read() != grpc.aio.EOF:
        pass
    await stream.code()


async def begun(s: Stoppable) -> Attempt:
    """The same on the engine, as the scheduler knows."""
    attempt = await claimed(s)
    await attempt.on_engine()
    while s.one("on_engine", "chunks") != (1,):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    return attempt


async def test_a_chunk_on_the_engine_may_finish(tmp_path: Path, redis_url: str) -> None:
    """Its result is taken while the scheduler stops, which it does as soon as nothing is left to wait for."""
    async with scheduler(tmp_path, redis_url, grace_s=60.0) as s:
        attempt = await begun(s)
        s.stop.set()
        await asyncio.sleep(0.3)
        assert not s.task.done()
        assert (await attempt.finish("말")).HasField("committed")
        assert await attempt.call.read() == grpc.aio.EOF
        await s.stopped()
        assert s.one("interruptions, crashes, state", "chunks") == (0, 0, "done")


async def test_a_chunk_that_waits_is_given_back_at_once(tmp_path: Path, redis_url: str) -> None:
    """Its transcriber is told to let go of it; the chunk is due, and nothing counts against it."""
    async with scheduler(tmp_path, redis_url, grace_s=60.0) as s:
        attempt = await claimed(s)
        s.stop.set()
        assert (await attempt.answer()).cancel.reason == "the scheduler stops"
        await attempt.say(release=chunk_pb.ReleaseChunk(reason="cancelled"))
        assert (await attempt.answer()).HasField("committed")
        await s.stopped()
        assert s.one("interruptions, crashes, state", "chunks") == (1, 0, "due")


async def test_what_does_not_finish_in_time_is_an_interruption(tmp_path: Path, redis_url: str) -> None:
    """The engine had begun and the call broke, yet it is no crash: the scheduler itself broke it."""
    async with scheduler(tmp_path, redis_url, grace_s=0.5) as s:
        await begun(s)
        s.stop.set()
        await s.stopped()
        assert s.one("interruptions, crashes, state", "chunks") == (1, 0, "due")


async def test_it_takes_nothing_more_and_sends_watchers_elsewhere(tmp_path: Path, redis_url: str) -> None:
    """Health says NOT_SERVING, watchers hear UNAVAILABLE with a time to come back, an open call gets no claim."""
    async with scheduler(tmp_path, redis_url, grace_s=60.0) as s:
        attempt = await begun(s)
        health = s.health.Watch(health_pb2.HealthCheckRequest())
        assert (await health.read()).status == health_pb2.HealthCheckResponse.SERVING
        with principal.use(ALICE):
            watch = s.jobs.WatchJob(service_pb.WatchJobRequest(job_id=attempt.assignment.job_id))
        assert (await watch.read()).seq == 1
        late = s.chunks.RunChunk()
        await late.wait_for_connection()
        await s.health.Check(health_pb2.HealthCheckRequest())  # the server has begun the call before, too
        s.stop.set()
        assert (await health.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await ended(watch)
        gone = error_of_call(error.value)
        assert (gone.kind, gone.retry_after_s) == (ErrorKind.UNAVAILABLE, 1.0)
        claim = chunk_pb.ClaimChunk(chunk_id="c", dispatch=1, transcriber_id="t")
        await late.write(chunk_pb.RunChunkRequest(claim=claim))
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await late.read()
        assert error_of_call(error.value).kind is ErrorKind.UNAVAILABLE
        health.cancel()
        await attempt.finish("말")
        await s.stopped()


async def test_a_started_upload_gets_the_grace_time(tmp_path: Path, redis_url: str) -> None:
    """What is being received when the scheduler is told to stop still becomes a job."""
    async with scheduler(tmp_path, redis_url, grace_s=60.0) as s:
        await Transcriber(s).report()
        half = len(SHORT) // 2
        with principal.use(ALICE):
            call = s.jobs.CreateJob()
        await call.write(service_pb.CreateJobRequest(config=service_pb.JobConfig()))
        await call.write(service_pb.CreateJobRequest(audio=SHORT[:half]))
        while s.one("count(*)", "uploads") != (1,):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        s.stop.set()
        await asyncio.sleep(0.3)
        await call.write(service_pb.CreateJobRequest(audio=SHORT[half:]))
        await call.write(service_pb.CreateJobRequest(audio=b""))
        await call.done_writing()
        assert (await call).state == pb.JOB_STATE_PREPARING
        await s.stopped()
        assert s.one("state, prepare_attempts", "jobs") == ("preparing", 0)


async def test_preparing_is_handed_over_at_once(tmp_path: Path, redis_url: str) -> None:
    """A job that is being decoded is free for the next scheduler, and this has not cost it a try."""
    async with scheduler(tmp_path, redis_url, grace_s=60.0) as s:
        await Transcriber(s).report()
        await s.create(repeated("ko-150s", 8))
        while s.one("lease_owner IS NOT NULL AND samples_scanned > 0", "jobs") != (1,):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        s.stop.set()
        await s.stopped()
        assert s.one("lease_owner, prepare_attempts, chunks_total", "jobs") == (None, 0, None)
