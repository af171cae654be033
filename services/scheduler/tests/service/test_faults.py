"""Attempts that break, fall silent, crash or come late, at a real scheduler with a scripted transcriber."""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
from pydantic import SecretStr

from sayit.chassis.background_tasks import in_background
from sayit.speech.errors import ErrorKind
from sayit.v1 import resources_pb2 as pb

from .helper import ENDED, LONG, SHORT, SWEEPING, Suite, Transcriber, kind_of, suite

if TYPE_CHECKING:
    from tests.postgresql import PostgresServer


async def test_a_broken_call_frees_the_chunk_at_once(tmp_path: Path, redis_url: str) -> None:
    """A transcriber that dies while the chunk is on the engine costs one crash; the next attempt has a new token."""
    async with suite(tmp_path, redis_url) as s:
        worker = Transcriber(s)
        await worker.report()
        job = await s.create(SHORT)
        first = await worker.claim(*await worker.take())
        await first.on_engine()
        first.call.cancel()
        again = await worker.claim(*await asyncio.wait_for(worker.take(), 3))
        assert again.assignment.attempt == 2
        assert again.audio == first.audio
        await again.finish("once")
        await s.until(job.id, pb.JOB_STATE_COMPLETED)
        texts = [e for e in await s.events(job.id) if e.WhichOneof("event") == "chunk_text"]
    assert len(texts) == 1


@pytest.mark.usefixtures("both_databases")
async def test_a_silent_transcriber_loses_its_chunk_and_its_late_write(tmp_path: Path, redis_url: str) -> None:
    """Without heartbeats the lease ends; the result that comes afterwards is refused and changes nothing."""
    async with suite(tmp_path, redis_url, lease_s=0.5, heartbeat_s=0.1) as s:
        worker = Transcriber(s)
        await worker.report()
        job = await s.create(SHORT)
        late = await worker.claim(*await worker.take())
        again = await worker.claim(*await asyncio.wait_for(worker.take(), 5))
        assert again.assignment.attempt == 2
        with pytest.raises((grpc.aio.AioRpcError, asyncio.InvalidStateError)):
            await late.finish("late")
        await again.finish("in time")
        await s.until(job.id, pb.JOB_STATE_COMPLETED)
        assert (await s.transcript(job.id)).text == "in time"


async def test_a_scheduler_that_stood_still_blames_no_transcriber(tmp_path: Path, redis_url: str) -> None:
    """After a standstill longer than a lease what was said meanwhile is heard, and a break is not the chunk's fault."""
    async with suite(tmp_path, redis_url, lease_s=1.0, heartbeat_s=0.2) as s:
        worker = Transcriber(s)
        await worker.report()
        job = await s.create(SHORT)
        for _ in range(3):  # crashes, and it would be set aside
            broken = await worker.claim(*await asyncio.wait_for(worker.take(), 10))
            await broken.on_engine()
            broken.call.cancel()
            time.sleep(1.3)  # noqa: ASYNC251 - the scheduler runs in this loop
        last = await worker.claim(*await asyncio.wait_for(worker.take(), 10))
        await last.on_engine()
        time.sleep(1.8)  # noqa: ASYNC251 - as above
        await last.finish("said in between")
        await s.until(job.id, *ENDED)
        assert (await s.transcript(job.id)).text == "said in between"
        assert last.assignment.attempt == 4


async def test_a_claim_with_an_old_dispatch_number_is_refused(tmp_path: Path, redis_url: str) -> None:
    """A message that was delivered twice claims once."""
    async with suite(tmp_path, redis_url) as s:
        worker = Transcriber(s)
        await worker.report()
        await s.create(SHORT)
        message = await worker.take()
        await worker.claim(*message)
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await worker.claim(*message)
        assert error.value.code() == grpc.StatusCode.ABORTED


async def test_what_waits_in_the_queue_keeps_its_place(tmp_path: Path, redis_url: str) -> None:
    """A dispatch that nobody has claimed for long is not repeated as long as the queue has it."""
    async with suite(tmp_path, redis_url, redispatch_s=0.1, sweep_s=SWEEPING) as s:
        worker = Transcriber(s)
        await worker.report()
        job = await s.create(SHORT)
        await s.until(job.id, pb.JOB_STATE_RUNNING)
        await asyncio.sleep(0.1 + 4 * SWEEPING)
        assert await worker.take() == (f"{job.id}-0", 1)


async def test_a_lost_queue_is_filled_again(tmp_path: Path, redis_url: str) -> None:
    """When Redis forgets everything, an unclaimed chunk is dispatched again under a new number."""
    async with suite(tmp_path, redis_url, redispatch_s=0.1, sweep_s=SWEEPING) as s:
        worker = Transcriber(s)
        await worker.report()
        job = await s.create(SHORT)
        await worker.take()
        await s.redis.flushall()
        keep = asyncio.create_task(worker.run())
        await s.until(job.id, pb.JOB_STATE_COMPLETED)
        keep.cancel()


@pytest.mark.usefixtures("both_databases")
async def test_a_chunk_that_crashes_three_times_fails_its_job(tmp_path: Path, redis_url: str) -> None:
    """A poison chunk is set aside after three crashes, the later ones alone; its job fails with a stable code."""
    async with suite(tmp_path, redis_url) as s:
        worker = Transcriber(s)
        await worker.report()
        job = await s.create(SHORT)
        alone = []
        for _ in range(3):
            attempt = await worker.claim(*await worker.take())
            alone.append(attempt.assignment.alone)
            await attempt.on_engine()
            await asyncio.sleep(0.05)
            attempt.call.cancel()
        failed = await s.until(job.id, *ENDED)
        events = await s.events(job.id)
    assert alone == [False, True, True]
    assert failed.state == pb.JOB_STATE_FAILED
    assert failed.error.code == "CHUNK_QUARANTINED"
    assert failed.error.message_ko
    assert events[-1].failed.error.code == "CHUNK_QUARANTINED"


async def test_interruptions_never_use_up_a_chunk(tmp_path: Path, redis_url: str) -> None:
    """Releases and breaks while waiting do not count against a healthy chunk."""
    async with suite(tmp_path, redis_url) as s:
        worker = Transcriber(s)
        await worker.report()
        job = await s.create(SHORT)
        for _ in range(5):
            attempt = await worker.claim(*await worker.take())
            attempt.call.cancel()
        attempt = await worker.claim(*await worker.take())
        assert not attempt.assignment.alone
        await attempt.finish("fine")
        await s.until(job.id, pb.JOB_STATE_COMPLETED)


async def test_a_chunk_whose_audio_is_gone_ends_its_job(tmp_path: Path, redis_url: str) -> None:
    """Audio that is missing from the store fails the job after three tries instead of being tried for ever."""
    async with suite(tmp_path, redis_url, sweep_s=SWEEPING) as s:
        worker = Transcriber(s)
        await worker.report()
        job = await s.create(SHORT)
        message = await worker.take()
        for path in (s.settings.data_dir / "objects" / "jobs" / job.id / "chunks").iterdir():
            path.unlink()
        with pytest.raises(grpc.aio.AioRpcError):
            await worker.claim(*message)
        for _ in range(2):
            with pytest.raises(grpc.aio.AioRpcError):
                await worker.claim(*await asyncio.wait_for(worker.take(), 10))
        failed = await s.until(job.id, *ENDED)
        assert failed.error.code == "ENGINE_FAILED"


async def test_a_stopping_scheduler_blames_no_chunk(tmp_path: Path, redis_url: str) -> None:
    """Restarts of the scheduler while a chunk is on the engine are interruptions, however often."""
    job_id = ""
    for _ in range(4):
        async with suite(tmp_path, redis_url) as s:
            worker = Transcriber(s)
            await worker.report()
            job_id = job_id or (await s.create(SHORT)).id
            attempt = await worker.claim(*await worker.take())
            assert not attempt.assignment.alone
            await attempt.on_engine()
            await asyncio.sleep(0.1)
    async with suite(tmp_path, redis_url) as s:
        runner = asyncio.create_task(Transcriber(s).run())
        assert (await s.until(job_id, *ENDED)).state == pb.JOB_STATE_COMPLETED
        runner.cancel()


@pytest.mark.usefixtures("both_databases")
@pytest.mark.parametrize("both_databases", ["sqlite", "postgresql"], indirect=True)
async def test_a_restarted_scheduler_goes_on(tmp_path: Path, redis_url: str) -> None:
    """What one scheduler accepted and a transcriber had claimed, the next scheduler finishes."""
    async with suite(tmp_path, redis_url) as s:
        worker = Transcriber(s)
        await worker.report()
        job = await s.create(LONG)
        await worker.claim(*await worker.take())
        seen = (await s.get(job.id)).last_seq
    async with suite(tmp_path, redis_url) as s:
        worker = Transcriber(s)
        runner = asyncio.create_task(worker.run())
        events = await asyncio.wait_for(s.events(job.id, after_seq=seen), 30)
        runner.cancel()
    durable = [event.seq for event in events if event.seq]
    assert durable == list(range(seen + 1, seen + 1 + len(durable)))
    assert events[-1].HasField("completed")


async def test_work_goes_on_when_a_crashed_postgresql_is_back(
    tmp_path: Path, redis_url: str, mortal_postgres: PostgresServer
) -> None:
    """While it is away nothing is acknowledged; once it is back what was accepted ends, by itself and without a gap."""
    with mortal_postgres.database() as url:
        async with suite(tmp_path, redis_url, lease_s=1.0, heartbeat_s=0.2, database_url=SecretStr(url)) as s:
            worker = Transcriber(s)
            await worker.report()
            job = await s.create(LONG)
            held = await worker.claim(*await worker.take())
            await held.on_engine()
            await asyncio.to_thread(mortal_postgres.stop, signal.SIGQUIT)
            try:
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await s.create(SHORT)
            finally:
                await asyncio.to_thread(mortal_postgres.start)
            assert kind_of(refused) is ErrorKind.UNAVAILABLE
            async with in_background(_runs(worker)):
                seqs = [event.seq for event in await asyncio.wait_for(_events(s, job.id), 60) if event.seq]
            assert (await s.get(job.id)).state == pb.JOB_STATE_COMPLETED
            assert seqs == list(range(1, len(seqs) + 1))


async def _runs(worker: Transcriber) -> None:
    """Transcribes everything, whatever is refused."""
    while True:
        with suppress(grpc.aio.AioRpcError):
            await worker.run()
        await asyncio.sleep(0.1)


async def _events(s: Suite, job_id: str) -> list[pb.JobEvent]:
    """A job's events up to its end, asked for until they are answered."""
    while True:
        with suppress(grpc.aio.AioRpcError):
            return await s.events(job_id)
        await asyncio.sleep(0.1)
