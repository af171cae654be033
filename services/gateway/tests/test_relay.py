"""The relay of uploads with a call that only records, for what depends on the order of events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sayit.gateway import relay
from sayit.gateway.relay import UploadMessages, relay_upload
from sayit.speech.errors import SayItError
from sayit.v1.transcription_service_pb2 import CreateJobRequest, JobConfig

_END = CreateJobRequest(audio=b"")


class RecordingCall:
    """A call to the scheduler that answers when all was sent, or when a test says so."""

    def __init__(self) -> None:
        self.written: list[CreateJobRequest] = []
        self.finished = self.cancelled = False
        self.answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def write(self, message: CreateJobRequest) -> None:
        """Records a message; refuses it once the answer is there, as gRPC does."""
        if self.answer.done():
            raise asyncio.InvalidStateError
        self.written.append(message)

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
    return UploadMessages(messages, head="config", data="audio", alone="from_upload")


_CONFIG = CreateJobRequest(config=JobConfig())
_AUDIO = CreateJobRequest(audio=b"x" * 10)


async def test_loss_of_the_client_overtakes_the_end_of_its_stream() -> None:
    """The stream of a lost client ends before gRPC cancels the call; the upload is not completed in between."""
    call: Any = RecordingCall()
    task = asyncio.create_task(relay_upload(call, _checked(_messages(_CONFIG, _AUDIO)), end=_END))
    await asyncio.sleep(relay.SETTLE_S / 4)
    assert call.written == [_CONFIG, _AUDIO]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert call.cancelled
    assert not call.finished
    assert call.written == [_CONFIG, _AUDIO]


async def test_explicit_end_is_not_waited_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that says that it sent all is answered without delay."""
    monkeypatch.setattr(relay, "SETTLE_S", 3600.0)
    call: Any = RecordingCall()
    assert await relay_upload(call, _checked(_messages(_CONFIG, _AUDIO, _END)), end=_END) == "job"
    assert call.written == [_CONFIG, _AUDIO, _END]


async def test_empty_message_in_the_middle_is_no_end() -> None:
    """Only a last message can say that all was sent."""
    call: Any = RecordingCall()
    await relay_upload(call, _checked(_messages(_CONFIG, _END, _AUDIO)), end=_END)
    assert call.written == [_CONFIG, _END, _AUDIO, _END]


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
