"""Sending audio and following its job, whatever breaks."""

# ruff: noqa: N802  # servicer methods are named by gRPC

from __future__ import annotations

import asyncio
import io
import os
import threading
import time

import grpc
import pytest

from sayit.client import AsyncClient, ErrorKind, Format, Options, SayItError, render
from sayit.speech import wire
from sayit.speech.jobs import Failed, JobState, Progress, StateChanged

from .helper import BROKEN, Gateway, refuse, serving, until
from .story import AUDIO, FAILURE, JOB, STORY, TRANSCRIPT, durable, job, numbered


async def test_a_transcription_from_bytes(gateway, client):
    """Audio goes out in order in blocks of 256 KiB and an empty last one; job and transcript come back."""
    events = []
    result = await client.transcribe(
        AUDIO, options=Options(language="ko"), filename="a.mp3", idempotency_key="key", on_event=events.append
    )
    assert result.transcript == TRANSCRIPT
    assert result.job.state is JobState.COMPLETED
    assert [event.body for event in events] == list(STORY)
    assert gateway.received == [AUDIO]
    assert gateway.sizes == [[262144] * 4 + [0]]
    config = gateway.configs[0]
    assert (config.options.language, config.filename, config.idempotency_key) == ("ko", "a.mp3", "key")


async def pieces():
    """Audio in odd pieces, an empty one among them."""
    for piece in (AUDIO[:7], b"", AUDIO[7:700_000], AUDIO[700_000:]):
        yield piece


@pytest.mark.parametrize(
    "kind", ["path", "text path", "file", "file in the middle", "pipe", "named pipe", "list", "iterator", "async"]
)
async def test_audio_may_come_from_anywhere(kind, gateway, client, tmp_path):
    """Paths, open files from their position on, pipes, containers, iterators: all deliver the same bytes."""
    path = tmp_path / "a.wav"
    path.write_bytes(b"xyz" + AUDIO if kind == "file in the middle" else AUDIO)
    named = tmp_path / "pipe.wav"
    os.mkfifo(named)
    with path.open("rb") as file:
        if kind == "file in the middle":
            file.seek(3)
        if kind == "named pipe":
            threading.Thread(target=named.write_bytes, args=(AUDIO,)).start()
        audio = {
            "path": path,
            "text path": str(path),
            "file": file,
            "file in the middle": file,
            "pipe": _Pipe(AUDIO),
            "named pipe": named,
            "list": [AUDIO[:300_000], AUDIO[300_000:]],
            "iterator": iter([AUDIO[:300_000], AUDIO[300_000:]]),
            "async": pieces(),
        }[kind]
        await client.transcribe(audio)
        assert not file.closed
    assert gateway.received == [AUDIO]
    assert max(gateway.sizes[0]) <= 262144
    names = {"path": "a.wav", "text path": "a.wav", "file": "a.wav", "file in the middle": "a.wav"}
    assert gateway.configs[0].filename == {**names, "named pipe": "pipe.wav"}.get(kind, "")


class _Pipe(io.RawIOBase):
    """Readable once, in small pieces."""

    def __init__(self, data):
        self._data = io.BytesIO(data)

    def readable(self):
        return True

    def read(self, size=-1):
        return self._data.read(min(size, 100_000))


async def test_a_missing_file_is_an_os_error_before_any_call(gateway, client, tmp_path):
    """A path that cannot be opened raises what open raises, and nothing is sent."""
    with pytest.raises(FileNotFoundError):
        await client.transcribe(tmp_path / "no.wav")
    with pytest.raises(IsADirectoryError):
        await client.create_job(tmp_path)
    assert gateway.calls == []


@pytest.mark.parametrize("audio", [7, None])
async def test_what_is_no_audio_is_a_type_error(client, audio):
    """An object that cannot be read is refused by its type."""
    with pytest.raises(TypeError):
        await client.transcribe(audio)


async def test_a_text_file_is_a_type_error(client, tmp_path):
    """A file opened as text is refused instead of being sent in some encoding."""
    path = tmp_path / "a.txt"
    path.write_text("text")
    with path.open() as file, pytest.raises(TypeError, match="rb"):
        await client.transcribe(file)


@pytest.mark.parametrize("broken_after", range(len(STORY)))
async def test_a_break_goes_unnoticed(broken_after, gateway, client):
    """Wherever the call breaks, the caller sees every durable event once, and the result."""
    gateway.script["Transcribe"] = [broken_after]
    events = []
    result = await client.transcribe(AUDIO, on_event=events.append)
    assert result.transcript == TRANSCRIPT
    assert durable(events) == [1, 2, 3, 4, 5]
    if broken_after == 0:
        assert gateway.calls.count("Transcribe") == 2
        assert gateway.received == [AUDIO, AUDIO]
        assert len({config.idempotency_key for config in gateway.configs}) == 1
        assert gateway.configs[0].idempotency_key
    else:
        assert gateway.calls.count("Transcribe") == 1
        assert gateway.after == [len(durable(numbered()[:broken_after]))]


async def test_every_call_has_a_key_of_its_own(gateway, client):
    """Two calls with the same audio are two requests."""
    await client.transcribe(b"a")
    await client.transcribe(b"a")
    first, second = gateway.configs
    assert first.idempotency_key != second.idempotency_key


async def test_a_file_is_sent_again_from_its_beginning(gateway, client, tmp_path):
    """An open file is sent again from the position it had, though the first attempt moved it."""
    path = tmp_path / "a.wav"
    path.write_bytes(b"xyz" + AUDIO)
    gateway.script["Transcribe"] = [0, 0]
    with path.open("rb") as file:
        file.seek(3)
        await client.transcribe(file)
    assert gateway.received == [AUDIO] * 3


async def test_an_iterator_is_not_sent_again(gateway, client):
    """What can be read only once is not retried: the caller learns that the call broke."""
    gateway.script["Transcribe"] = [0]
    with pytest.raises(SayItError) as caught:
        await client.transcribe(iter([AUDIO]))
    assert caught.value.kind is ErrorKind.UNAVAILABLE
    assert gateway.calls == ["Transcribe"]


async def test_an_iterator_survives_a_gateway_that_is_not_up_yet():
    """As long as nothing was read, a one-shot source can wait for the gateway."""
    async with serving(Gateway()) as address:
        pass
    port = int(address.rpartition(":")[2])
    gateway = Gateway()
    async with AsyncClient(address) as client:
        sending = asyncio.create_task(client.transcribe(iter([AUDIO])))
        await asyncio.sleep(0.3)
        async with serving(gateway, port):
            result = await sending
    assert result.transcript == TRANSCRIPT
    assert gateway.received == [AUDIO]


async def test_nobody_there_is_unavailable():
    """Without a gateway the call gives up after retry_s."""
    async with serving(Gateway()) as address:
        pass
    async with AsyncClient(address, retry_s=0.2) as client:
        with pytest.raises(SayItError) as caught:
            await client.transcribe(b"a")
    assert caught.value.kind is ErrorKind.UNAVAILABLE


class _Strict(Gateway):
    """Refuses after a few messages and a little while, both different from call to call."""

    async def Transcribe(self, request_iterator, context):
        await self._read_and_refuse(request_iterator, context)
        yield

    async def CreateJob(self, request_iterator, context):
        await self._read_and_refuse(request_iterator, context)

    async def _read_and_refuse(self, requests, context):
        await self._begin("any", context)
        for _ in range(len(self.calls) % 4):
            await anext(aiter(requests))
        await asyncio.sleep(len(self.calls) % 3 * 0.002)
        await refuse(context, SayItError(ErrorKind.FILE_TOO_LARGE, limit_mb=100), grpc.StatusCode.INVALID_ARGUMENT)


async def test_a_refusal_in_the_middle_of_sending_surfaces_as_itself():
    """However many bytes are still to be sent, FILE_TOO_LARGE is FILE_TOO_LARGE, and at once."""

    async def endless():
        while True:
            yield AUDIO

    async with serving(_Strict()) as address, AsyncClient(address) as client:
        for _ in range(30):
            for call in (client.transcribe, client.create_job):
                with pytest.raises(SayItError) as caught:
                    await asyncio.wait_for(call(endless()), 10)
                assert caught.value.kind is ErrorKind.FILE_TOO_LARGE
                assert str(caught.value) == "The file is larger than 100 MB."


async def test_an_early_answer_counts():
    """A gateway that knows the idempotency key may answer before it was sent everything."""

    class Quick(Gateway):
        async def CreateJob(self, request_iterator, context):
            await anext(aiter(request_iterator))
            return wire.job_to_proto(job("known"))

    async with serving(Quick()) as address, AsyncClient(address) as client:
        for _ in range(20):
            assert (await client.create_job(AUDIO * 8, idempotency_key="key")).id == "known"


@pytest.mark.parametrize("method", ["transcribe", "create_job", "upload"])
async def test_an_error_of_the_source_is_raised_as_it_is(method, gateway, client):
    """If the caller's iterator fails, the caller gets its exception and the server no complete file."""

    async def failing():
        yield AUDIO
        raise LookupError("microphone unplugged")

    with pytest.raises(LookupError, match="microphone"):
        await getattr(client, method)(failing())
    assert not any(0 in sizes for sizes in gateway.sizes)  # never told that this was all


async def test_a_failed_job_raises_its_own_error(gateway, client):
    """The kind is the job's error, the sentences are the recorded ones, the details name the job."""
    gateway.story = numbered((STORY[0], Failed(error=FAILURE)))
    with pytest.raises(SayItError) as caught:
        await client.transcribe(AUDIO)
    error = caught.value
    assert error.kind is ErrorKind.AUDIO_TOO_LONG
    assert (error.message("en"), error.message("ko")) == (FAILURE.message_en, FAILURE.message_ko)
    assert error.details["job_id"] == JOB


async def test_a_cancelled_job_raises_job_cancelled(gateway, client):
    """Somebody else cancelled the job: JOB_CANCELLED, with the job's id."""
    gateway.story = numbered((STORY[0], StateChanged(state=JobState.CANCELLED)))
    with pytest.raises(SayItError) as caught:
        await client.transcribe(AUDIO)
    assert caught.value.kind is ErrorKind.JOB_CANCELLED
    assert caught.value.details["job_id"] == JOB


async def test_a_refusal_is_not_tried_again(gateway, client):
    """What the service decided is raised at once."""
    gateway.script["Transcribe"] = [SayItError(ErrorKind.INVALID_LANGUAGE, field="language", language="xx")]
    with pytest.raises(SayItError) as caught:
        await client.transcribe(AUDIO)
    assert (caught.value.kind, caught.value.field) == (ErrorKind.INVALID_LANGUAGE, "language")
    assert len(gateway.calls) == 1


async def test_an_overloaded_service_is_asked_again_when_it_said(gateway, client):
    """OVERLOADED with a time to come back is waited for; without one it is raised."""
    gateway.script["Transcribe"] = [SayItError(ErrorKind.OVERLOADED, retry_after_s=0.3)]
    before = time.monotonic()
    await client.transcribe(b"a")
    assert time.monotonic() - before >= 0.3
    gateway.script["Transcribe"] = [SayItError(ErrorKind.OVERLOADED)]
    with pytest.raises(SayItError) as caught:
        await client.transcribe(b"a")
    assert caught.value.kind is ErrorKind.OVERLOADED


async def test_a_retry_time_beyond_patience_is_raised_at_once(gateway, client):
    """Nobody waits an hour inside a call."""
    gateway.script["Transcribe"] = [SayItError(ErrorKind.RATE_LIMITED, retry_after_s=3600)]
    with pytest.raises(SayItError) as caught:
        await asyncio.wait_for(client.transcribe(b"a"), 5)
    assert caught.value.retry_after_s == 3600


async def test_cancelling_the_caller_cancels_the_call(gateway, client):
    """A cancelled task takes its call with it, while sending and while waiting."""
    gateway.permits = asyncio.Semaphore(2)
    seen = asyncio.Queue()
    waiting = asyncio.create_task(client.transcribe(AUDIO, on_event=seen.put))
    await seen.get()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    async def stuck():
        yield AUDIO
        await asyncio.Event().wait()

    sending = asyncio.create_task(client.transcribe(stuck()))
    await until(lambda: gateway.calls.count("Transcribe") == 2)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await until(lambda: len(gateway.cancelled) == 2)


async def test_an_error_of_the_listener_ends_the_call(gateway, client):
    """What on_event raises reaches the caller, and the call is over."""
    gateway.permits = asyncio.Semaphore(1)

    async def listener(event):
        raise LookupError("window closed")

    with pytest.raises(LookupError):
        await client.transcribe(AUDIO, on_event=listener)
    await until(lambda: gateway.cancelled)


async def test_blocking_sources_do_not_block_the_loop(client):
    """While an iterator sleeps, other tasks run."""

    def slow():
        for _ in range(3):
            time.sleep(0.2)
            yield b"a"

    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.01)

    ticking = asyncio.create_task(tick())
    await client.transcribe(slow())
    ticking.cancel()
    assert ticks > 20


async def test_stream_yields_and_result_returns(gateway, client):
    """The same as a stream: a failed job is an event, its error comes with the result."""
    gateway.story = numbered((STORY[0], Progress(), Failed(error=FAILURE)))
    bodies = [event.body async for event in client.stream(AUDIO)]
    assert bodies == [STORY[0], Progress(), Failed(error=FAILURE)]
    with pytest.raises(SayItError) as caught:
        await client.result(JOB)
    assert caught.value.kind is ErrorKind.AUDIO_TOO_LONG


async def test_create_job_survives_a_lost_answer(gateway, client):
    """The answer was lost, the job was made: the retry's key finds it, and there is one job."""
    gateway.script["CreateJob"] = ["lose the answer", BROKEN]
    created = await client.create_job(AUDIO, filename="b.mp3")
    assert created.id == JOB
    assert gateway.calls == ["CreateJob"] * 3
    assert list(gateway.keys.values()) == [JOB]
    assert gateway.received == [AUDIO, AUDIO]


async def test_recognize_is_one_call(gateway, client, tmp_path):
    """Audio and labels go out, job, transcript and forms come back; a broken connection is tried again."""
    gateway.script["Recognize"] = [BROKEN]
    path = tmp_path / "a.wav"
    path.write_bytes(AUDIO)
    result = await client.recognize(path, labels={"team": "red"}, formats=[Format.SRT])
    assert (result.job.id, result.transcript) == (JOB, TRANSCRIPT)
    assert result.rendered == {Format.SRT: render(TRANSCRIPT, Format.SRT)}
    assert gateway.received == [AUDIO]
    sent = gateway.configs[-1]
    assert (dict(sent.labels), sent.filename, sent.idempotency_key) == ({"team": "red"}, "a.wav", "")
    with pytest.raises(SayItError) as caught:
        await client.recognize(AUDIO * 5)
    assert caught.value.kind is ErrorKind.FILE_TOO_LARGE


async def test_labels_are_sent_with_every_kind_of_job(gateway, client):
    """And a call without any sends none."""
    marks = {"team": "red"}
    await client.transcribe(AUDIO, labels=marks)
    await client.create_job(AUDIO, labels=marks)
    await client.create_job_from_upload("upload-1", labels=marks)
    await client.create_job(AUDIO)
    assert [dict(config.labels) for config in gateway.configs] == [marks, marks, marks, {}]
