"""The relay of uploads with a call that only records, for what depends on the order of events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from sayit.chassis import principal
from sayit.chassis.service_auth import service_channel
from sayit.gateway.api import upload_relay
from sayit.gateway.api.upload_relay import UploadMessages, relay_upload
from sayit.internal.v1 import job_service_pb2_grpc
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.wire.errors import error_of_call
from sayit.v1.transcription_service_pb2 import CreateJobRequest, JobConfig

from .helper import FakeScheduler, failure, scheduler_at, settings, suite

_END = CreateJobRequest(audio=b"")


class RecordingCall:
    """A call to the scheduler that answers when all was sent, or when a test says so."""

    def __init__(self) -> None:
        self.written: list[CreateJobRequest] = []
        self.finished = self.cancelled = False
        self.answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @property
    def _cython_call(self) -> RecordingCall:
        return self

    async def wait_for_connection(self) -> None:
        """It is there."""

    def done(self) -> bool:
        """Whether it has its answer."""
        return self.answer.done()

    async def send_serialized_message(self, message: bytes) -> None:
        """Records a message."""
        self.written.append(CreateJobRequest.FromString(message))

    async def done_writing(self) -> None:
        """Answers."""
        self.finished = True
        self.answer.set_result("job")

    def cancel(self) -> bool:
        """Records that the call was given up."""
        self.cancelled = not self.answer.done()
        return self.answer.cancel()

    def __await__(self) -> Any:
        return self.answer.__await__()


async def _messages(*messages: CreateJobRequest, then: asyncio.Event | None = None) -> AsyncIterator[CreateJobRequest]:
    for message in messages:
        yield message
    if then is not None:
        await then.wait()


def _checked(messages: AsyncIterator[CreateJobRequest]) -> UploadMessages[CreateJobRequest]:
    return UploadMessages(messages, head="config", data="audio", alone=("from_upload",))


_CONFIG = CreateJobRequest(config=JobConfig())
_AUDIO = CreateJobRequest(audio=b"x" * 10)


async def test_loss_of_the_client_overtakes_the_end_of_its_stream() -> None:
    """The stream of a lost client ends before gRPC cancels the call; the upload is not completed in between."""
    call: Any = RecordingCall()
    task = asyncio.create_task(relay_upload(call, _checked(_messages(_CONFIG, _AUDIO)), end=_END))
    await asyncio.sleep(upload_relay.SETTLE_S / 4)
    assert call.written == [_CONFIG, _AUDIO]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert call.cancelled
    assert not call.finished
    assert call.written == [_CONFIG, _AUDIO]


async def test_explicit_end_is_not_waited_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that says that it sent all is answered without delay."""
    monkeypatch.setattr(upload_relay, "SETTLE_S", 3600.0)
    call: Any = RecordingCall()
    assert await relay_upload(call, _checked(_messages(_CONFIG, _AUDIO, _END)), end=_END) == "job"
    assert call.written == [_CONFIG, _AUDIO, _END]


async def test_empty_message_in_the_middle_is_no_end() -> None:
    """Only a last message can say that all was sent; one in the middle does not reach the scheduler."""
    call: Any = RecordingCall()
    await relay_upload(call, _checked(_messages(_CONFIG, _END, _AUDIO)), end=_END)
    assert call.written == [_CONFIG, _AUDIO, _END]


async def test_answer_ends_the_relay_while_the_client_is_silent() -> None:
    """An early answer returns at once and leaves no task that waits for the client."""
    call: Any = RecordingCall()
    before = asyncio.all_tasks()
    task = asyncio.create_task(relay_upload(call, _checked(_messages(_CONFIG, then=asyncio.Event())), end=_END))
    await asyncio.sleep(0)
    call.answer.set_result("known job")
    assert await task == "known job"
    assert asyncio.all_tasks() == before


async def test_invalid_message_cancels_the_call() -> None:
    """What the client does wrong is raised here and ends the call to the scheduler."""
    call: Any = RecordingCall()
    with pytest.raises(SayItError):
        await relay_upload(call, _checked(_messages(_CONFIG, _CONFIG)), end=_END)
    assert call.cancelled
    assert not call.finished


async def test_reason_of_an_early_refusal_is_never_lost() -> None:
    """However the scheduler's refusal and a write that is under way meet, the refusal's reason arrives."""
    fake = FakeScheduler(limit=2_000_000)

    async def endless() -> AsyncIterator[CreateJobRequest]:
        yield _CONFIG
        while True:
            yield CreateJobRequest(audio=b"x" * 250_000)

    async with scheduler_at(fake) as scheduler, service_channel(scheduler.address, settings()) as channel:
        stub = job_service_pb2_grpc.JobServiceStub(channel)
        with principal.use(principal.LOCAL):
            for _ in range(25):
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await relay_upload(stub.CreateJob(), _checked(endless()), end=_END)
                assert error_of_call(caught.value).kind is ErrorKind.FILE_TOO_LARGE


async def test_a_sender_that_pauses_is_cut_off() -> None:
    """Without a message for too long the upload ends, and the scheduler's call is broken, not complete."""
    async with suite(upload_message_s=0.1) as s:
        call = s.jobs.CreateJob()
        await call.write(CreateJobRequest(config=JobConfig()))
        assert (await failure(call)).kind is ErrorKind.UPLOAD_TOO_SLOW
        await asyncio.wait_for(s.fake.broken.wait(), 5)


async def test_a_sender_that_is_slow_on_the_whole_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mean speed counts, once a message could have arrived; a sender just fast enough goes on."""
    monkeypatch.setattr(upload_relay, "MAX_DATA_BYTES", 3000)
    clock = iter(range(0, 1000, 5))  # asked before and after each message, which so takes 5 s
    monkeypatch.setattr(upload_relay.time, "monotonic", lambda: next(clock))

    async def requests() -> AsyncIterator[CreateJobRequest]:
        yield CreateJobRequest(config=JobConfig())
        for _ in range(10):
            yield CreateJobRequest(audio=b"x" * 1000)

    def messages(speed: int) -> UploadMessages[CreateJobRequest]:
        return UploadMessages(requests(), head="config", data="audio", pace=upload_relay.Pace(min_bytes_per_s=speed))

    assert len([message async for message in messages(200)]) == 11
    with pytest.raises(SayItError) as caught:
        assert [message async for message in messages(250)]
    assert (caught.value.kind, caught.value.cause) == (ErrorKind.UPLOAD_TOO_SLOW, "3000 bytes in 25 s")
