"""Live speech: broken at any point, a session goes on, and its text is whole and comes once."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from sayit.client import (
    AsyncClient,
    Client,
    ErrorKind,
    LiveEncoding,
    LiveFinished,
    LiveOptions,
    LiveProgress,
    LiveSpeech,
    LiveStarted,
    LiveText,
    Options,
    SayItError,
)
from sayit.v1 import live_service_pb2 as live_pb

from .helper import BROKEN, Gateway, serving, until
from .live_service import digits
from .story import JOB

#: Five utterances, the last one shorter.
SPEECH = bytes(range(38))
WANTED = LiveOptions(interim_results=True)


async def _pieces(audio=SPEECH, size=3):
    for start in range(0, len(audio), size):
        yield audio[start : start + size]
        await asyncio.sleep(0)


async def _events(client, audio=SPEECH, live=WANTED):
    async with client.stream_recognize(live) as session:
        return [event async for event in session.recognize(_pieces(audio))]


def _finals(events):
    return [event for event in events if isinstance(event, LiveText) and event.is_final]


def _check(events, audio=SPEECH):
    """All text, in order, once; committed text that only grows; one beginning, one end."""
    assert "".join(event.committed for event in _finals(events)) == digits(audio)
    assert [event.utterance for event in _finals(events)] == list(range(len(_finals(events))))
    assert [type(event) for event in events].count(LiveStarted) == 1
    assert [type(event) for event in events].count(LiveFinished) == 1
    assert (type(events[0]), type(events[-1])) == (LiveStarted, LiveFinished)
    texts = [event for event in events if isinstance(event, LiveText)]
    for former, event in itertools.pairwise(texts):
        assert event.utterance > former.utterance or event.committed.startswith(former.committed)
    speech = [(event.utterance, not event.begins) for event in events if isinstance(event, LiveSpeech)]
    assert speech == sorted(set(speech))


async def test_a_session(gateway, client):
    """What was said is sent as it is, with the options; every kind of event comes."""
    async with client.stream_recognize(
        LiveOptions(sample_rate_hz=16_000), options=Options(language="ko"), filename="talk"
    ) as session:
        assert (session.job_id, session.received_samples) == (JOB, 0)
        assert client._connection._reached  # a gateway that goes away now is waited for
        await session.send(SPEECH[:20])
        await session.send(SPEECH[20:])
        await session.finish()
        events = [event async for event in session]
    _check(events)
    assert bytes(gateway.spoken) == SPEECH
    assert any(isinstance(event, LiveProgress) for event in events)
    (config,) = gateway.live_configs
    assert (config.job.options.language, config.job.filename, config.sample_rate_hz) == ("ko", "talk", 16_000)


async def _broken(*responses):
    """A session whose calls break after so many responses, at a gateway of its own."""
    gateway = Gateway()
    gateway.script["StreamingRecognize"] = list(responses)
    async with serving(gateway) as address, AsyncClient(address) as client:
        _check(await _events(client))
    assert bytes(gateway.spoken) == SPEECH
    assert {config.resume_job_id for config in gateway.live_configs[1:]} <= {JOB}
    return len(gateway.live_configs)


async def test_a_session_that_breaks_at_any_point_goes_on():
    """However many responses arrived, and however often: nothing is lost, nothing comes twice."""
    once = [_broken(responses) for responses in range(1, 31)]
    often = [_broken(responses, responses, responses) for responses in range(2, 9)]
    *broken, whole = await asyncio.gather(*once)
    assert (set(broken), whole) == ({2}, 1)
    assert set(await asyncio.gather(*often)) == {4}


async def test_a_call_that_had_no_answer_is_made_again_as_it_was(gateway, client):
    """Before the session has begun, no audio is sent and the idempotency key is the same, so that it is one session."""
    gateway.script["StreamingRecognize"] = [BROKEN, 0]
    _check(await _events(client))
    first, second = gateway.live_configs
    assert first.job.idempotency_key == second.job.idempotency_key != ""
    assert second.resume_job_id == ""


async def test_final_texts_survive_although_the_events_break_too(gateway, client):
    """A call for lost texts that breaks is one more break."""
    gateway.script["StreamingRecognize"] = [5]
    gateway.script["WatchJob"] = [BROKEN]
    _check(await _events(client))
    assert gateway.calls.count("WatchJob") == 2


async def test_a_commit_ends_an_utterance_and_is_repeated_until_its_text_is_there(gateway, client):
    """The commit is among the audio where it was given, and is sent again with a new call."""
    gateway.script["StreamingRecognize"] = [3]
    async with client.stream_recognize(WANTED) as session:
        await session.send(SPEECH[:6])
        await session.commit()
        first = await anext(event async for event in session if isinstance(event, LiveText) and event.is_final)
        assert first.committed == digits(SPEECH[:6])
        await session.send(SPEECH[6:])
        await session.finish()
        _check([LiveStarted(job=None), first, *[event async for event in session]])
    assert (6, live_pb.LIVE_COMMAND_COMMIT) in gateway.commands or (4, live_pb.LIVE_COMMAND_COMMIT) in gateway.commands


async def test_a_session_without_audio_is_kept_when_asked_to(gateway, client):
    """A request to be kept is passed on, once."""
    async with client.stream_recognize() as session:
        await session.keep_alive()
        await until(lambda: gateway.commands)
        await session.finish()
        assert [type(event) async for event in session] == [LiveStarted, LiveFinished]
    assert gateway.commands == [(0, live_pb.LIVE_COMMAND_KEEP_ALIVE), (0, live_pb.LIVE_COMMAND_FINISH)]


@pytest.mark.parametrize("wanted", [None, 1])
async def test_another_process_goes_on_with_a_session(gateway, client, wanted):
    """It begins where the audio is stored, and gives the texts that were not given before, or those from one on."""
    gateway.script["StreamingRecognize"] = [12, BROKEN, BROKEN, BROKEN]
    async with client.stream_recognize() as session:
        await session.send(SPEECH)
        await until(lambda: gateway.calls.count("StreamingRecognize") > 1)
    given = len(gateway.ends)
    gateway.script.clear()
    async with client.stream_recognize(resume_job_id=JOB, next_utterance=wanted) as session:
        stored = 2 * session.received_samples
        assert 0 < stored < len(SPEECH)
        await session.send(SPEECH[stored:])
        await session.finish()
        finals = _finals([event async for event in session])
    assert [text.utterance for text in finals] == list(range(given if wanted is None else wanted, 5))
    assert bytes(gateway.spoken) == SPEECH


@pytest.mark.parametrize("begun", [False, True])
async def test_what_the_server_refuses_is_raised(gateway, client, begun):
    """A refusal is raised where the session is entered, one in its midst where its events are read."""
    refusal = SayItError(ErrorKind.JOB_CANCELLED, job_id=JOB)
    gateway.script["StreamingRecognize"] = [1, refusal] if begun else [refusal]
    with pytest.raises(SayItError) as caught:
        await _events(client)
    assert caught.value.kind is ErrorKind.JOB_CANCELLED
    assert caught.value.details["job_id"] == JOB


async def test_options_out_of_their_limits_are_refused_without_a_call(gateway, client):
    """The field is named."""
    with pytest.raises(SayItError) as caught:
        client.stream_recognize(LiveOptions(sample_rate_hz=1))
    assert (caught.value.kind, caught.value.field) == (ErrorKind.INVALID_OPTION, "sample_rate_hz")
    assert gateway.calls == []


async def test_no_gateway_is_an_error_after_a_while(gateway):
    """A session gives up when no call succeeds any more, with its job."""
    async with AsyncClient(gateway.address, reconnect_s=0.3) as client:
        gateway.script["StreamingRecognize"] = [3, *[BROKEN] * 50]
        with pytest.raises(SayItError) as caught:
            await _events(client)
        assert caught.value.kind is ErrorKind.UNAVAILABLE
        assert caught.value.details["job_id"] == JOB


async def test_compressed_audio_is_not_resumed(gateway, client):
    """A file cannot be entered in its midst: a break ends the session."""
    gateway.script["StreamingRecognize"] = [3]
    with pytest.raises(SayItError) as caught:
        await _events(client, live=LiveOptions(encoding=LiveEncoding.OGG_OPUS))
    assert caught.value.kind is ErrorKind.UNAVAILABLE
    assert gateway.calls == ["StreamingRecognize"]


async def test_audio_waits_while_it_is_not_stored(gateway, client):
    """No more than 24 MiB are kept: a sender waits, and goes on when there is room."""
    gateway.stores = False
    megabyte = bytes(2**20)
    async with client.stream_recognize(LiveOptions(sample_rate_hz=8_000)) as session:
        await session.send(24 * megabyte)
        sending = asyncio.create_task(session.send(megabyte))
        await asyncio.wait({sending}, timeout=0.3)
        assert not sending.done()
        assert len(session._outbox._kept) < 25 * len(megabyte)
        sending.cancel()


async def test_texts_that_are_replaced_do_not_wait_to_be_read(gateway, client):
    """For a reader that comes late there are the final texts, and the last progress."""
    async with client.stream_recognize(WANTED) as session:
        await session.send(SPEECH)
        await session.finish()
        await until(lambda: isinstance(session._inbox.events[-1], LiveFinished))
        events = [event async for event in session]
    _check(events)
    assert [type(event) for event in events].count(LiveProgress) == 1
    assert all(event.is_final for event in events if isinstance(event, LiveText))


async def test_a_session_that_is_left_ends_its_call(gateway, client):
    """The server learns at once that no more comes."""
    async with client.stream_recognize() as session:
        await session.send(SPEECH)
    await until(lambda: gateway.cancelled == ["StreamingRecognize"])


async def test_audio_after_the_end_is_an_error_of_the_program(gateway, client):
    """What is sent after `finish` would be lost."""
    async with client.stream_recognize() as session:
        await session.finish()
        with pytest.raises(RuntimeError, match="finished"):
            await session.send(b"ab")


async def test_the_blocking_client_yields_the_same(gateway):
    """Pieces of an iterator go out, breaks are bridged, events come to the caller's thread."""
    gateway.script["StreamingRecognize"] = [7]

    def listen():
        with Client(gateway.address) as blocking:
            return list(blocking.stream_recognize((SPEECH[n : n + 3] for n in range(0, 38, 3)), WANTED))

    _check(await asyncio.to_thread(listen))


async def test_an_error_of_the_audio_is_raised(gateway):
    """What the iterator raises ends the session and reaches the caller."""

    def microphone():
        yield SPEECH
        raise OSError("unplugged")

    def listen():
        with Client(gateway.address) as blocking:
            list(blocking.stream_recognize(microphone()))

    with pytest.raises(OSError, match="unplugged"):
        await asyncio.to_thread(listen)


async def test_a_closed_client_ends_its_sessions(gateway, client):
    """As any other call, with RuntimeError."""
    async with client.stream_recognize() as session:
        await anext(session)
        await client.close()
        with pytest.raises(RuntimeError, match="closed"):
            await anext(session)
