"""The blocking client: the same calls, from any thread. The gateway lives on the test's own loop."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest

from sayit.client import Client, Corrections, ErrorKind, Format, JobState, SayItError, SegmentCorrection
from sayit.speech.rendering import render

from .helper import BROKEN, until
from .story import AUDIO, JOB, STATUS, STORY, TRANSCRIPT, durable, job


@pytest.fixture
async def blocking(gateway):
    """A blocking client of the gateway."""
    client = Client(gateway.address)
    yield client
    await asyncio.to_thread(client.close)


async def test_a_transcription(gateway, blocking):
    """Audio goes out, the transcript comes back, and events are told in the caller's own thread."""
    told = []

    def transcribe():
        caller = threading.get_ident()
        result = blocking.transcribe(
            AUDIO, on_event=lambda event: told.append((event.body, threading.get_ident() == caller))
        )
        assert result.transcript == TRANSCRIPT

    await asyncio.to_thread(transcribe)
    assert told == [(body, True) for body in STORY]
    assert gateway.received == [AUDIO]


async def test_every_call(gateway, blocking):
    """Each method gives what its asyncio twin gives."""
    gateway.jobs = [job("a", JobState.FAILED), job("b")]

    def calls():
        assert blocking.get(JOB).id == JOB
        assert [found.id for found in blocking.list([JobState.FAILED], limit=1)] == ["a"]
        assert blocking.cancel(JOB).state is JobState.CANCELLED
        blocking.delete(JOB)
        assert blocking.transcript(JOB) == TRANSCRIPT
        assert blocking.render(JOB, Format.SRT) == render(TRANSCRIPT, Format.SRT)
        assert blocking.models()[0].name == "small"
        change = SegmentCorrection(segment=3, words={1: "세이잇"})
        corrected = blocking.correct(JOB, [change], expected_version=4, names={"1": "김"})
        assert corrected == Corrections(version=5, segments=(change,), names={"1": "김"})
        assert blocking.restore_version(JOB, 0, expected_version=5) == Corrections(version=6)
        assert (blocking.corrections(JOB).version, blocking.corrections(JOB, version=0).version) == (7, 0)
        assert [one.version for one in blocking.transcript_versions(JOB, limit=1, before_version=9)] == [8]
        assert (blocking.keep(JOB).expires_at_s, blocking.keep(JOB, kept=False).expires_at_s) == (None, 9.0)
        assert blocking.put_vocabulary("v", ["세이잇"], "회의").words == ("세이잇",)
        assert blocking.get_vocabulary("v").prompt == "회의"
        assert [each.name for each in blocking.list_vocabularies()] == ["v"]
        blocking.delete_vocabulary("v")
        assert blocking.list_vocabularies() == ()
        assert blocking.status() == STATUS
        assert blocking.create_job(AUDIO).id == JOB
        assert blocking.upload(iter([AUDIO])) == "upload-1"
        assert blocking.create_job_from_upload("upload-1").id == "job-2"
        assert blocking.wait(JOB).transcript == TRANSCRIPT
        assert blocking.result(JOB).transcript == TRANSCRIPT
        assert durable(blocking.watch(JOB, 2)) == [3, 4, 5]
        assert durable(blocking.stream(b"a")) == [1, 2, 3, 4, 5]

    await asyncio.to_thread(calls)


async def test_errors_are_the_same(gateway, blocking):
    """Errors are raised in the caller's thread, breaks are bridged."""
    gateway.script["GetJob"] = [BROKEN, SayItError(ErrorKind.JOB_NOT_FOUND, job_id=JOB)]
    with pytest.raises(SayItError) as caught:
        await asyncio.to_thread(blocking.get, JOB)
    assert caught.value.kind is ErrorKind.JOB_NOT_FOUND
    gateway.script["Transcribe"] = [3]
    assert (await asyncio.to_thread(blocking.transcribe, AUDIO)).transcript == TRANSCRIPT


async def test_events_come_as_they_happen(gateway, blocking):
    """An event is there before the next one happens."""
    gateway.permits = asyncio.Semaphore(0)
    seen = []
    reading = asyncio.create_task(asyncio.to_thread(lambda: [seen.append(event) for event in blocking.watch(JOB)]))
    for number in range(1, len(STORY) + 1):
        gateway.permits.release()
        await until(lambda number=number: len(seen) == number)
    await reading


async def test_many_threads_share_a_client(gateway, blocking):
    """Ten threads transcribe at once."""
    results = await asyncio.gather(*(asyncio.to_thread(blocking.transcribe, bytes([n])) for n in range(10)))
    assert len(results) == 10
    assert sorted(gateway.received) == [bytes([number]) for number in range(10)]


async def test_closing_ends_all_threads(gateway, blocking):
    """Threads that wait for events or for a transcript get a RuntimeError when somebody closes the client."""
    gateway.permits = asyncio.Semaphore(0)
    calls = [
        asyncio.create_task(asyncio.to_thread(list, blocking.watch(JOB))),
        asyncio.create_task(asyncio.to_thread(blocking.transcribe, AUDIO)),
    ]
    await until(lambda: len(gateway.calls) == 2)
    await asyncio.to_thread(blocking.close)
    for call in calls:
        with pytest.raises(RuntimeError, match="closed"):
            await call
    with pytest.raises(RuntimeError, match="closed"):
        await asyncio.to_thread(blocking.status)
    await asyncio.to_thread(blocking.close)


async def test_closing_does_not_wait_for_a_read_that_never_returns(gateway, blocking):
    """A pipe nobody writes to holds nothing up."""
    forever = threading.Event()

    def stuck():
        yield b"a"
        forever.wait()

    sending = asyncio.create_task(asyncio.to_thread(blocking.transcribe, stuck()))
    await until(lambda: gateway.calls)
    await asyncio.wait_for(asyncio.to_thread(blocking.close), 5)
    with pytest.raises(RuntimeError, match="closed"):
        await sending
    forever.set()


async def test_an_error_of_the_listener_ends_the_call(gateway, blocking):
    """What on_event raises reaches the caller, and the call is over."""
    gateway.permits = asyncio.Semaphore(1)

    def listener(event):
        raise LookupError("window closed")

    with pytest.raises(LookupError):
        await asyncio.to_thread(blocking.transcribe, AUDIO, on_event=listener)
    await until(lambda: gateway.cancelled)


async def test_a_forgotten_iterator_ends_its_call(gateway, blocking):
    """An iterator that is left before its end costs the server nothing more."""
    gateway.permits = asyncio.Semaphore(1)

    def look_once():
        for _ in blocking.watch(JOB):
            return

    await asyncio.to_thread(look_once)
    await until(lambda: gateway.cancelled == ["WatchJob"])


async def test_a_forgotten_client_is_closed(gateway):
    """A client that nobody closes takes its thread with it."""

    def use():
        Client(gateway.address).status()

    await asyncio.to_thread(use)
    gc.collect()
    await until(lambda: all(thread.name != "sayit-client" for thread in threading.enumerate()))


async def test_the_context_manager_closes(gateway):
    """After the block the client is closed."""

    def use():
        with Client(gateway.address) as client:
            assert client.status() == STATUS
        with pytest.raises(RuntimeError, match="closed"):
            client.status()

    await asyncio.to_thread(use)


def test_a_client_that_was_never_used_has_no_thread():
    """Constructing does nothing; neither does closing what never ran."""
    before = threading.active_count()
    client = Client()
    assert threading.active_count() == before
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.status()
