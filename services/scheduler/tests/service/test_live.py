"""Live sessions on a whole scheduler, with a transcriber that knows what is said."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from sayit.chassis import principal
from sayit.internal.v1 import chunk_service_pb2 as chunk_pb
from sayit.scheduler.live import session as live_session
from sayit.speech.errors import ErrorKind
from sayit.speech.live import LiveFinished, LiveProgress, LiveSpeech, LiveStarted
from sayit.v1 import live_service_pb2 as live_pb
from sayit.v1 import resources_pb2 as pb
from sayit.v1 import transcription_service_pb2 as service_pb

from .helper import ALICE, BOB, SHORT, SWEEPING, Transcriber, suite
from .live_helper import SPEECH, Client, LiveTranscriber, spoken, words_of
from .test_draining import scheduler

#: Bytes of a second.
SECOND = 32_000


async def test_what_is_said_is_told_while_it_is_said(tmp_path: Path, redis_url: str, both_databases: None) -> None:
    """Interim texts grow into final ones; the job's events, its transcript and its audio are those of any other job."""
    async with suite(tmp_path, redis_url) as s, LiveTranscriber(s).serving() as transcriber:
        client = Client(s)
        job_id = (await client.begin(options={"word_timestamps": True})).job.id
        watching = asyncio.create_task(s.events(job_id))
        await client.say(SPEECH)
        with principal.use(ALICE):
            listed = await s.jobs.ListJobs(service_pb.ListJobsRequest(states=[pb.JOB_STATE_RECEIVING]))
        assert [job.id for job in listed.jobs] == [job_id]
        finished = await client.finish()
        assert finished.job.id == job_id
        assert len(await spoken(s, job_id, client)) > 12
        events = await watching
        finals = [text for text in client.texts if text.is_final]
        chunks = [event.chunk_text for event in events if event.HasField("chunk_text")]
        assert (
            [text.utterance for text in finals] == [chunk.chunk_index for chunk in chunks] == list(range(len(chunks)))
        )
        assert [words_of(text.committed) for text in finals] == [
            [number for one in chunk.segments for number in words_of(one.text)] for chunk in chunks
        ]
        assert all(segment.words for text in finals for segment in text.segments)
        assert any(event.HasField("partial_text") for event in events)
        assert [event.state_changed.state for event in events if event.HasField("state_changed")] == [
            pb.JOB_STATE_RECEIVING,
            pb.JOB_STATE_MERGING,
        ]
        begun = [event.utterance for event in client.events if isinstance(event, LiveSpeech) and event.begins]
        assert begun == [text.utterance for text in finals]
        assert [order.reserve.reserved for order in transcriber.told if order.HasField("reserve")][:1] == [True]
        progress = (await s.get(job_id)).progress
        assert progress.audio_total.seconds == progress.audio_done.seconds == 10
        stored = _stored(tmp_path)
        assert (stored[:4], stored[44:]) == (b"RIFF", SPEECH)


def _stored(folder: Path) -> bytes:
    """The one upload that was stored."""
    return b"".join(path.read_bytes() for path in sorted(folder.glob("data/objects/uploads/*/*")))


async def test_a_call_that_breaks_is_resumed(tmp_path: Path, redis_url: str) -> None:
    """What arrived is stored; the next call says from where on audio is missing, and no word is lost or doubled."""
    async with suite(tmp_path, redis_url) as s, LiveTranscriber(s).serving():
        first, second = Client(s), Client(s)
        job_id = (await first.begin()).job.id
        sent = await first.say(SPEECH, until_committed=True)
        first.call.cancel()
        started = await second.begin(resume=job_id)
        assert started.received_samples * 2 <= sent
        await second.say(SPEECH[started.received_samples * 2 :])
        await second.finish()
        words = await spoken(s, job_id, first, second)
        assert len(words) > 12
        third = Client(s)
        again = await third.begin(resume=job_id)
        assert again.received_samples * 2 == len(SPEECH)
        record = await s.get(job_id)
        assert again.next_utterance == record.progress.chunks_done > 0  # so that it asks for what it has not seen
        assert (await third.until(LiveFinished)).job.id == job_id  # without being asked: there is nothing to add


async def test_a_newer_call_takes_the_session_at_another_scheduler(
    tmp_path: Path, redis_url: str, postgres_url: str
) -> None:
    """As after the kill of a scheduler whose lease goes on: the client need not wait for its end.

    Were the earlier call alive after all, it ends, and what it would still store is refused.
    """
    both: dict[str, Any] = {"database_url": SecretStr(postgres_url), "heartbeat_s": 0.2}
    async with (
        suite(tmp_path, redis_url, **both) as a,
        suite(tmp_path, redis_url, **both) as b,
        LiveTranscriber(a).serving(),
        LiveTranscriber(b, name="t2").serving(),
    ):
        first, second = Client(a), Client(b)
        job_id = (await first.begin()).job.id
        await first.say(SPEECH, until_committed=True)
        started = await second.begin(resume=job_id)
        rest = SPEECH[started.received_samples * 2 :]
        await second.say(rest[:SECOND])
        error = await first.error()
        assert (error.kind, error.field) == (ErrorKind.INVALID_ARGUMENT, "resume_job_id")
        await second.say(rest[SECOND:])
        await second.finish()
        assert len(await spoken(b, job_id, first, second)) > 12


@pytest.mark.parametrize("finished", [False, True])
async def test_a_session_outlives_its_scheduler(tmp_path: Path, redis_url: str, finished: bool) -> None:
    """A scheduler that stops sends its clients away at once, also where a session only waits for its last text."""
    async with scheduler(tmp_path, redis_url, grace_s=60) as s, LiveTranscriber(s).serving() as transcriber:
        first = Client(s)
        job_id = (await first.begin()).job.id
        await first.say(SPEECH, until_committed=True)
        if finished:
            transcriber.awake.clear()
            await first.send(command=live_pb.LIVE_COMMAND_FINISH)
        s.stop.set()
        assert (await first.error()).kind is ErrorKind.UNAVAILABLE
        await s.stopped()
    async with suite(tmp_path, redis_url) as t, LiveTranscriber(t).serving():
        second = Client(t)
        started = await second.begin(resume=job_id)
        await second.say(SPEECH[started.received_samples * 2 :])
        await second.finish()
        assert len(await spoken(t, job_id, first, second)) > 12


async def test_a_session_whose_client_does_not_come_back_is_finished(tmp_path: Path, redis_url: str) -> None:
    """What arrived becomes the transcript, also what had no text yet."""
    async with suite(tmp_path, redis_url, sweep_s=SWEEPING, live_resume_s=0.1) as s, LiveTranscriber(s).serving():
        client = Client(s)
        job_id = (await client.begin()).job.id
        sent = await client.say(SPEECH, until_committed=True)
        client.call.cancel()
        assert await spoken(s, job_id, client)
        job = await s.get(job_id)
        assert 1 <= job.progress.audio_total.ToMilliseconds() / 1000 <= sent / SECOND


async def test_a_stream_that_ends_without_finish_is_broken(tmp_path: Path, redis_url: str) -> None:
    """That of a client that dies ends the same way; the session can be resumed."""
    async with suite(tmp_path, redis_url) as s, LiveTranscriber(s).serving():
        first, second = Client(s), Client(s)
        job_id = (await first.begin()).job.id
        await first.say(SPEECH[:SECOND])
        await first.call.done_writing()
        assert (await first.error()).kind is ErrorKind.UNAVAILABLE
        assert (await second.begin(resume=job_id)).received_samples == SECOND // 2
        await second.finish()
        await s.until(job_id, pb.JOB_STATE_COMPLETED)


async def test_a_transcriber_that_is_lost_is_replaced(tmp_path: Path, redis_url: str) -> None:
    """What was asked of it is asked of another one; the client notices nothing."""
    async with suite(tmp_path, redis_url) as s:
        client = Client(s)
        async with LiveTranscriber(s).serving() as lost:
            lost.awake.clear()
            job_id = (await client.begin()).job.id
            await client.say(SPEECH)
            await lost.asked.wait()
        async with LiveTranscriber(s, name="t2").serving():
            await client.finish()
            assert len(await spoken(s, job_id, client)) > 12


async def test_an_engine_that_fails_costs_its_utterances_text_only(tmp_path: Path, redis_url: str) -> None:
    """After a few attempts an utterance stays without text, and the session goes on."""
    async with suite(tmp_path, redis_url, redecode=False) as s, LiveTranscriber(s).serving() as transcriber:
        transcriber.failure = chunk_pb.ChunkFailure(detail="no")
        client = Client(s)
        job_id = (await client.begin()).job.id
        await client.say(SPEECH)
        await client.finish()
        assert await spoken(s, job_id, client) == []


async def test_a_request_that_no_engine_can_serve_fails(tmp_path: Path, redis_url: str) -> None:
    """The job fails with the engine's public error, and the call ends with it."""
    async with suite(tmp_path, redis_url) as s, LiveTranscriber(s).serving() as transcriber:
        transcriber.failure = chunk_pb.ChunkFailure(detail="no", code="INVALID_LANGUAGE", details={"language": "en"})
        client = Client(s)
        job_id = (await client.begin()).job.id
        await client.say(SPEECH)
        assert (await client.error()).kind is ErrorKind.INVALID_LANGUAGE
        assert (await s.get(job_id)).error.code == "INVALID_LANGUAGE"


@pytest.mark.parametrize("how", ["CancelJob", "DeleteJob"])
async def test_whoever_may_cancels_a_session(tmp_path: Path, redis_url: str, how: str) -> None:
    """A session that is cancelled or deleted ends with its call, and is gone."""
    async with suite(tmp_path, redis_url) as s, LiveTranscriber(s).serving():
        client = Client(s)
        job_id = (await client.begin()).job.id
        await client.say(SPEECH[:SECOND])
        with principal.use(ALICE):
            await getattr(s.jobs, how)(getattr(service_pb, f"{how}Request")(job_id=job_id))
        error = await client.error()
        assert error.kind is (ErrorKind.JOB_CANCELLED if how == "CancelJob" else ErrorKind.JOB_NOT_FOUND)
        again = Client(s)
        await again.send(config=live_pb.LiveConfig(resume_job_id=job_id))
        assert (await again.error()).kind is error.kind


async def test_what_cannot_be_heard_is_refused_at_once(tmp_path: Path, redis_url: str) -> None:
    """INVALID_OPTION names the field, and there is no job."""
    wrong: list[tuple[dict[str, Any], dict[str, Any], str]] = [
        ({"sample_rate_hz": 4000}, {}, "sample_rate_hz"),
        ({"sample_rate_hz": 44_101}, {}, "sample_rate_hz"),
        ({"channels": 3}, {}, "channels"),
        ({"channels": 2, "encoding": live_pb.LIVE_ENCODING_ALAW}, {}, "channels"),
        ({"turn_detection": live_pb.TurnDetection(threshold=2)}, {}, "turn_detection.threshold"),
        ({}, {"channels": pb.CHANNELS_SPLIT}, "channels"),
        ({}, {"beam_size": 99}, "beam_size"),
    ]
    async with suite(tmp_path, redis_url) as s, LiveTranscriber(s).serving():
        for live, options, field in wrong:
            client = Client(s)
            config = live_pb.LiveConfig(job=service_pb.JobConfig(options=pb.TranscriptionOptions(**options)), **live)
            await client.send(config=config)
            error = await client.error()
            assert (error.kind, error.field) == (ErrorKind.INVALID_OPTION, field)
        with principal.use(ALICE):
            assert not (await s.jobs.ListJobs(service_pb.ListJobsRequest())).jobs


async def test_messages_out_of_order_end_the_call(tmp_path: Path, redis_url: str) -> None:
    """INVALID_ARGUMENT; a session that had begun can be resumed, and what was finished stays finished."""
    async with suite(tmp_path, redis_url) as s, LiveTranscriber(s).serving():
        unbegun = Client(s)
        await unbegun.send(audio=b"x")
        assert (await unbegun.error()).field == "config"
        job_id = ""
        for wrong in ({"config": live_pb.LiveConfig()}, {"command": 77}, {}):
            client = Client(s)
            job_id = (await client.begin(resume=job_id)).job.id
            await client.send(**wrong)
            assert (await client.error()).kind is ErrorKind.INVALID_ARGUMENT
        client = Client(s)
        await client.begin(resume=job_id)
        await client.send(command=live_pb.LIVE_COMMAND_FINISH)
        await client.send(audio=b"xx")
        await client.call.done_writing()
        await s.until(job_id, pb.JOB_STATE_COMPLETED)


async def test_only_ones_own_sessions_are_resumed(tmp_path: Path, redis_url: str) -> None:
    """Another tenant's session is not there, nor is an unknown one; a job on a file is no session."""
    async with suite(tmp_path, redis_url) as s, LiveTranscriber(s).serving():
        job_id = (await Client(s).begin()).job.id
        file = await s.create(SHORT)
        for who, resumed, kind in (
            (BOB, job_id, ErrorKind.JOB_NOT_FOUND),
            (ALICE, "0" * 32, ErrorKind.JOB_NOT_FOUND),
            (ALICE, file.id, ErrorKind.INVALID_ARGUMENT),
        ):
            client = Client(s, who)
            await client.send(config=live_pb.LiveConfig(resume_job_id=resumed))
            assert (await client.error()).kind is kind
        assert (await s.get(job_id)).state == pb.JOB_STATE_RECEIVING


async def test_an_idempotency_key_finds_its_session(tmp_path: Path, redis_url: str) -> None:
    """A client that lost its first answer begins again under its key, and has the same session."""
    async with suite(tmp_path, redis_url) as s, LiveTranscriber(s).serving():
        first, second = Client(s), Client(s)
        job_id = (await first.begin(key="once")).job.id
        assert (await second.begin(key="once")).job.id == job_id
        assert (await first.error()).kind is ErrorKind.INVALID_ARGUMENT


async def test_without_a_transcriber_no_session_begins(tmp_path: Path, redis_url: str) -> None:
    """UNAVAILABLE with a retry time, although files of this model are taken."""
    async with suite(tmp_path, redis_url) as s:
        await Transcriber(s).report()
        client = Client(s)
        await client.send(config=live_pb.LiveConfig())
        error = await client.error()
        assert (error.kind, error.retry_after_s) == (ErrorKind.UNAVAILABLE, 2.0)


async def test_a_crowd_gets_the_room_that_there_is(tmp_path: Path, redis_url: str) -> None:
    """Of twenty who come at once one transcriber serves two, as sessions take until it is measured.

    The others are told when to come back, nothing is left of them, and there is a place once a session has ended. Who
    loses the connection keeps the place; who goes on with a session is not refused.
    """
    async with suite(tmp_path, redis_url) as s, LiveTranscriber(s).serving():
        clients = [Client(s) for _ in range(20)]
        began = await asyncio.gather(*(client.begin() for client in clients), return_exceptions=True)
        served = [client for client, answer in zip(clients, began, strict=True) if isinstance(answer, LiveStarted)]
        refused = [client for client in clients if client not in served]
        assert len(served) == 2
        for client in refused:
            error = await client.error()
            assert (error.kind, error.retry_after_s) == (ErrorKind.OVERLOADED, 15.0)
        with principal.use(ALICE):
            assert len((await s.jobs.ListJobs(service_pb.ListJobsRequest())).jobs) == 2
        left, stays = served
        job_id = next(event.job.id for event in left.events if isinstance(event, LiveStarted))
        left.call.cancel()
        late = Client(s)
        await late.send(config=live_pb.LiveConfig())
        assert (await late.error()).kind is ErrorKind.OVERLOADED
        back = Client(s)
        await back.begin(resume=job_id)
        await stays.finish()
        await Client(s).begin()


async def test_a_session_has_a_longest_length(tmp_path: Path, redis_url: str) -> None:
    """It is finished with what it has then, and the call says why it ended."""
    async with suite(tmp_path, redis_url, max_audio_s=3) as s, LiveTranscriber(s).serving():
        client = Client(s)
        job_id = (await client.begin()).job.id
        await client.say(SPEECH)
        assert (await client.error()).kind is ErrorKind.AUDIO_TOO_LONG
        await s.until(job_id, pb.JOB_STATE_COMPLETED)
        assert (await s.get(job_id)).progress.audio_total.seconds == 3


async def test_audio_waits_for_its_text(tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that sends faster than is decoded is held up by flow control; all of it is decoded in the end."""
    monkeypatch.setattr(live_session, "_MOST_UNDECODED", 7 * SECOND // 2)
    monkeypatch.setattr(live_session, "_PROGRESS_S", 0.1)
    async with suite(tmp_path, redis_url) as s, LiveTranscriber(s).serving() as transcriber:
        transcriber.awake.clear()
        client = Client(s)
        job_id = (await client.begin(interim_results=False)).job.id
        sending = asyncio.create_task(client.say(SPEECH))
        while (lagging := await _progress(client)).lag_s < 7:
            pass
        assert (await _progress(client)).lag_s == lagging.lag_s < 8
        transcriber.awake.set()
        await sending
        await client.finish()
        assert len(await spoken(s, job_id, client)) > 12


async def _progress(client: Client) -> LiveProgress:
    """How far the session is now."""
    seen = len(client.events)
    while True:
        for event in client.events[seen:]:
            if isinstance(event, LiveProgress):
                return event
        await asyncio.sleep(0.02)


async def test_who_does_not_read_holds_no_other_up(tmp_path: Path, redis_url: str) -> None:
    """A session whose events are not read goes on, and so do the others."""
    async with suite(tmp_path, redis_url) as s, LiveTranscriber(s).serving():
        deaf, client = Client(s), Client(s)
        await deaf.send(config=live_pb.LiveConfig(interim_results=True))
        sending = asyncio.create_task(deaf.say(SPEECH))
        job_id = (await client.begin()).job.id
        await client.say(SPEECH)
        await client.finish()
        assert len(await spoken(s, job_id, client)) > 12
        await sending
        await deaf.send(command=live_pb.LIVE_COMMAND_FINISH)
        with principal.use(ALICE):
            jobs = (await s.jobs.ListJobs(service_pb.ListJobsRequest())).jobs
        for job in jobs:
            await s.until(job.id, pb.JOB_STATE_COMPLETED)
