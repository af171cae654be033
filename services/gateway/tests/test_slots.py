"""How many uploads and watchers one gateway serves at once, and for how long it waits for who does not read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import grpc
import pytest

from sayit.chassis.reload import Reload
from sayit.gateway.limits.slots import Slots
from sayit.speech.errors import ErrorKind, SayItError
from sayit.v1 import transcription_service_pb2, transcription_service_pb2_grpc

from .helper import LAST_SEQ, config, create_requests, failure, settings, suite


async def test_one_upload_too_many_is_refused_and_the_others_go_on() -> None:
    """Beyond the limit a call ends at once with OVERLOADED and a retry time; a finished upload makes room."""
    async with suite(max_uploads=1) as s:
        first = s.jobs.CreateJob()
        await first.write(transcription_service_pb2.CreateJobRequest(config=config()))
        while not s.fake.received:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        error = await failure(s.jobs.CreateJob(create_requests([1000])))
        assert error.kind is ErrorKind.OVERLOADED
        assert error.retry_after_s is not None
        assert error.retry_after_s >= 1.0
        await first.write(transcription_service_pb2.CreateJobRequest(audio=b""))
        await first.done_writing()
        assert (await first).id == "job-1"
        assert (await s.jobs.CreateJob(create_requests([1000]))).id == "job-1"


async def test_the_limit_follows_the_settings() -> None:
    """A limit that is read anew holds for the next upload."""
    values = [8, 1]
    reload = Reload(settings(max_uploads=8), read=lambda: settings(max_uploads=values[-1]))
    seen: list[int] = []
    reload.follow(lambda now: seen.append(now.max_uploads))
    reload.again()
    assert seen == [1]


async def test_the_retry_time_follows_how_long_uploads_take() -> None:
    """Where uploads are slow, a slot becomes free later; the bounds hold."""
    slots = Slots(1, "uploads")
    with slots.taken(), pytest.raises(SayItError) as error, slots.taken():
        pass
    assert error.value.retry_after_s == 1.0
    slots.note(100.0)
    with slots.taken(), pytest.raises(SayItError) as error, slots.taken():
        pass
    assert error.value.retry_after_s == pytest.approx(20.0, rel=0.1)


async def test_one_watcher_too_many_is_refused_and_the_others_go_on() -> None:
    """Beyond the limit a watch ends at once with OVERLOADED and a retry time; those who watch go on to the end."""
    async with suite(max_watchers=1) as s:
        s.fake.pace = asyncio.Semaphore(1)
        first = aiter(s.jobs.WatchJob(transcription_service_pb2.WatchJobRequest(job_id="job-1")))
        assert (await anext(first)).HasField("progress")
        error = await failure(s.jobs.WatchJob(transcription_service_pb2.WatchJobRequest(job_id="job-1")))
        assert error.kind is ErrorKind.OVERLOADED
        assert error.retry_after_s is not None
        refused = await failure(s.jobs.Transcribe(transcribe_requests()))
        assert refused.kind is ErrorKind.OVERLOADED
        for _ in range(LAST_SEQ):
            s.fake.pace.release()
        assert [event.seq async for event in first if event.seq] == list(range(1, LAST_SEQ + 1))


async def test_who_does_not_read_is_cut_off_and_resumes() -> None:
    """A watcher that leaves its events unread is let go, with its call to the scheduler, and misses nothing later."""
    little = [("grpc.http2.bdp_probe", 0)]  # or its own side takes in all of it, on a quick machine
    async with suite(slow_reader_s=0.5) as s, grpc.aio.insecure_channel(s.address, options=little) as channel:
        s.fake.filler = "x" * 3_000_000
        stub: Any = transcription_service_pb2_grpc.TranscriptionServiceStub(channel)
        sleeper = stub.WatchJob(transcription_service_pb2.WatchJobRequest(job_id="job-1"))
        await asyncio.wait_for(s.fake.watch_closed.wait(), 20)
        seen = [0]
        with suppress(grpc.aio.AioRpcError):
            async for event in sleeper:
                seen.append(event.seq)  # noqa: PERF401 - the stream breaks
        assert sleeper.done()
        assert max(seen) < LAST_SEQ
        rest = s.jobs.WatchJob(transcription_service_pb2.WatchJobRequest(job_id="job-1", after_seq=max(seen)))
        assert [event.seq async for event in rest if event.seq] == list(range(max(seen) + 1, LAST_SEQ + 1))


async def transcribe_requests() -> AsyncIterator[transcription_service_pb2.TranscribeRequest]:
    """The config and no audio."""
    yield transcription_service_pb2.TranscribeRequest(config=config())
