"""How many uploads one gateway receives at once."""

from __future__ import annotations

import asyncio

import pytest

from sayit.chassis.reload import Reload
from sayit.gateway.admission import UploadSlots
from sayit.speech.errors import ErrorKind, SayItError
from sayit.v1 import transcription_service_pb2

from .helper import config, create_requests, failure, settings, suite


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
    slots = UploadSlots(1)
    with slots.taken(), pytest.raises(SayItError) as error, slots.taken():
        pass
    assert error.value.retry_after_s == 1.0
    slots.note(100.0)
    with slots.taken(), pytest.raises(SayItError) as error, slots.taken():
        pass
    assert error.value.retry_after_s == pytest.approx(20.0, rel=0.1)
