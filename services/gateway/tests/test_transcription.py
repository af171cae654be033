"""Jobs through a real gateway with a fake scheduler behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from sayit.chassis import principal
from sayit.speech import wire
from sayit.speech.errors import ErrorKind
from sayit.speech.rendering import Format, render
from sayit.speech.wire.errors import STATUS_DETAILS_KEY
from sayit.v1 import resources_pb2, transcription_service_pb2

from .helper import LAST_SEQ, config, create_requests, durable, failure, scheduler_at, suite, transcript


async def test_upload_is_passed_on_message_by_message() -> None:
    """The scheduler gets the client's messages as they are, then an empty one that says that all was sent."""
    async with suite() as s:
        job = await s.jobs.CreateJob(create_requests([1000, 2000]))
    assert job.id == "job-1"
    assert s.fake.received == [("config", 0), ("audio", 1000), ("audio", 2000), ("audio", 0)]


async def test_end_mark_of_the_client_is_enough() -> None:
    """A client that ends with an empty message is not followed by a second one."""
    async with suite() as s:
        await s.jobs.CreateJob(create_requests([1000, 0]))
    assert s.fake.received == [("config", 0), ("audio", 1000), ("audio", 0)]


async def test_job_from_upload_is_one_message() -> None:
    """A job on an upload carries no data, so no end mark follows."""

    async def requests() -> AsyncIterator[transcription_service_pb2.CreateJobRequest]:
        from_upload = transcription_service_pb2.JobFromUpload(config=config(), upload_id="upload-1")
        yield transcription_service_pb2.CreateJobRequest(from_upload=from_upload)

    async with suite() as s:
        await s.jobs.CreateJob(requests())
    assert s.fake.received == [("from_upload", 0)]


async def test_early_refusal_reaches_a_client_that_still_sends() -> None:
    """What the scheduler refuses while bytes arrive, the client hears at once, without sending anything more."""
    async with suite() as s:
        s.fake.limit = 3000
        call = s.jobs.CreateJob()
        await call.write(transcription_service_pb2.CreateJobRequest(config=config()))
        for _ in range(4):
            await call.write(transcription_service_pb2.CreateJobRequest(audio=b"x" * 1000))
        error = await asyncio.wait_for(failure(call), 5)
    assert error.kind is ErrorKind.FILE_TOO_LARGE
    assert error.details["limit_mb"] == "1"


@pytest.mark.parametrize("client_dies", ["cancels", "disconnects"])
async def test_broken_upload_never_looks_complete(client_dies: str) -> None:
    """A client that leaves in the middle leaves the scheduler with a cancelled call, not with a short file."""
    async with suite() as s, grpc.aio.insecure_channel(s.address) as channel:
        call = type(s.jobs)(channel).CreateJob()
        await call.write(transcription_service_pb2.CreateJobRequest(config=config()))
        await call.write(transcription_service_pb2.CreateJobRequest(audio=b"x" * 100_000))
        while len(s.fake.received) < 2:  # noqa: ASYNC110 - the fake only records
            await asyncio.sleep(0.01)
        if client_dies == "cancels":
            call.cancel()
        else:
            await channel.close()
        await asyncio.wait_for(s.fake.broken.wait(), 5)
        assert ("audio", 0) not in s.fake.received


def _audio(data: bytes) -> transcription_service_pb2.CreateJobRequest:
    return transcription_service_pb2.CreateJobRequest(audio=data)


_CONFIG = transcription_service_pb2.CreateJobRequest(config=config())
_FROM_UPLOAD = transcription_service_pb2.CreateJobRequest(
    from_upload=transcription_service_pb2.JobFromUpload(upload_id="upload-1")
)


@pytest.mark.parametrize(
    ("messages", "field"),
    [
        ([], "config"),
        ([_audio(b"x")], "config"),
        ([transcription_service_pb2.CreateJobRequest()], "config"),
        ([_CONFIG, _CONFIG], "config"),
        ([_CONFIG, transcription_service_pb2.CreateJobRequest()], "audio"),
        ([_CONFIG, _audio(b"x" * (1024 * 1024 + 1))], "audio"),
        ([_FROM_UPLOAD, _audio(b"x")], "audio"),
    ],
    ids=["nothing", "audio first", "empty first", "two configs", "empty message", "too large", "audio after upload"],
)
async def test_messages_out_of_order_are_refused(messages: list[Any], field: str) -> None:
    """A request that breaks the contract is INVALID_ARGUMENT and names the field at fault."""

    async def requests() -> AsyncIterator[Any]:
        for message in messages:
            yield message

    async with suite() as s:
        error = await failure(s.jobs.CreateJob(requests()))
    assert error.kind is ErrorKind.INVALID_ARGUMENT
    assert error.field == field


async def test_largest_message_passes() -> None:
    """A message of exactly 1 MiB is within the limit."""
    async with suite() as s:
        await s.jobs.CreateJob(create_requests([1024 * 1024]))
    assert ("audio", 1024 * 1024) in s.fake.received


async def _transcribe_requests() -> AsyncIterator[transcription_service_pb2.TranscribeRequest]:
    yield transcription_service_pb2.TranscribeRequest(config=config())
    yield transcription_service_pb2.TranscribeRequest(audio=b"x" * 1000)


async def test_transcribe_answers_in_the_same_call() -> None:
    """Audio goes up, and the job's events from its first to its last come down, in one call."""
    async with suite() as s:
        events = [event async for event in s.jobs.Transcribe(_transcribe_requests())]
    assert s.fake.received == [("config", 0), ("audio", 1000), ("audio", 0)]
    assert [event.seq for event in events if event.seq] == list(range(1, LAST_SEQ + 1))
    assert any(event.HasField("progress") for event in events)
    assert events[-1].HasField("completed")


async def test_transcribe_refuses_messages_without_content() -> None:
    """A message of Transcribe without payload is INVALID_ARGUMENT, as in CreateJob."""

    async def requests() -> AsyncIterator[transcription_service_pb2.TranscribeRequest]:
        yield transcription_service_pb2.TranscribeRequest()

    async with suite() as s:
        assert (await failure(s.jobs.Transcribe(requests()))).kind is ErrorKind.INVALID_ARGUMENT


async def test_watch_resumes_where_the_client_says() -> None:
    """A watcher gets the durable events after its own last one."""
    async with suite() as s:
        call = s.jobs.WatchJob(transcription_service_pb2.WatchJobRequest(job_id="job-1", after_seq=3))
        assert [event.seq async for event in call if event.seq] == list(range(4, LAST_SEQ + 1))


async def test_watch_survives_a_restart_of_the_scheduler() -> None:
    """The scheduler dies and comes back at the same address; the client sees every durable event once, in order."""
    async with suite() as s:
        s.fake.pace = asyncio.Semaphore(3)
        call = s.jobs.WatchJob(transcription_service_pb2.WatchJobRequest(job_id="job-1"))
        seqs = []
        async for event in call:
            if not event.seq:
                continue
            seqs.append(event.seq)
            if event.seq == 3:
                await s.stop_scheduler()
                s.fake.pace = None
                restarted = scheduler_at(s.fake, s.scheduler_address)
                await restarted.__aenter__()
        await restarted.__aexit__(None, None, None)
    assert seqs == list(range(1, LAST_SEQ + 1))
    assert s.fake.watches == [0, 3]


async def test_watch_gives_up_after_its_patience() -> None:
    """A scheduler that stays away ends the stream with UNAVAILABLE, which a client may retry."""
    async with suite(resume_s=0.2) as s:
        s.fake.pace = asyncio.Semaphore(1)
        call = s.jobs.WatchJob(transcription_service_pb2.WatchJobRequest(job_id="job-1"))
        async for event in call:
            if event.seq == 1:
                break
        await s.stop_scheduler()
        error = await asyncio.wait_for(failure(call), 10)
    assert error.kind is ErrorKind.UNAVAILABLE
    assert error.kind.retryable


async def test_watch_ends_at_the_scheduler_when_the_client_leaves() -> None:
    """No relay goes on for a client that is gone."""
    async with suite() as s:
        s.fake.pace = asyncio.Semaphore(1)
        call = s.jobs.WatchJob(transcription_service_pb2.WatchJobRequest(job_id="job-1"))
        async for event in call:
            if event.seq:
                break
        call.cancel()
        await asyncio.wait_for(s.fake.watch_closed.wait(), 5)


async def test_stopping_gateway_sends_watchers_elsewhere() -> None:
    """A gateway that is told to stop ends its watchers with UNAVAILABLE at once; they do not use up its grace."""
    async with suite(grace_s=60) as s:
        s.fake.pace = asyncio.Semaphore(1)
        call = s.jobs.WatchJob(transcription_service_pb2.WatchJobRequest(job_id="job-1"))
        async for event in call:
            if event.seq:
                break
        await asyncio.wait_for(s.stop_gateway(), 10)
        assert (await failure(call)).kind is ErrorKind.UNAVAILABLE


async def test_negative_sequence_number_is_refused() -> None:
    """Watching after a negative number is INVALID_ARGUMENT."""
    async with suite() as s:
        error = await failure(s.jobs.WatchJob(transcription_service_pb2.WatchJobRequest(job_id="x", after_seq=-1)))
    assert error.field == "after_seq"


_FORMATS = {
    transcription_service_pb2.TRANSCRIPT_FORMAT_TEXT: Format.TXT,
    transcription_service_pb2.TRANSCRIPT_FORMAT_TIMED_TEXT: Format.TIMED_TXT,
    transcription_service_pb2.TRANSCRIPT_FORMAT_ASS: Format.ASS,
    transcription_service_pb2.TRANSCRIPT_FORMAT_TTML: Format.TTML,
    transcription_service_pb2.TRANSCRIPT_FORMAT_MARKDOWN: Format.MD,
    transcription_service_pb2.TRANSCRIPT_FORMAT_JSON: Format.JSON,
    transcription_service_pb2.TRANSCRIPT_FORMAT_SRT: Format.SRT,
    transcription_service_pb2.TRANSCRIPT_FORMAT_VTT: Format.VTT,
    transcription_service_pb2.TRANSCRIPT_FORMAT_TSV: Format.TSV,
}


@pytest.mark.parametrize(("number", "form"), _FORMATS.items(), ids=[form.value for form in _FORMATS.values()])
async def test_transcript_is_rendered(number: Any, form: Format) -> None:
    """A format gives the rendered text."""
    async with suite() as s:
        request = transcription_service_pb2.GetTranscriptRequest(job_id="job-1", format=number)
        pieces = [part.content async for part in s.jobs.GetTranscript(request)]
    expected = wire.transcript_of_parts(list(wire.transcript_parts(s.fake.transcript)))
    assert b"".join(pieces).decode() == render(expected, form)


async def test_a_long_transcript_is_rendered_in_pieces() -> None:
    """Pieces have at most 256 KiB, however long the text is."""
    async with suite() as s:
        s.fake.transcript = transcript(360, text="안녕하세요 " * 50)
        request = transcription_service_pb2.GetTranscriptRequest(
            job_id="job-1", format=transcription_service_pb2.TRANSCRIPT_FORMAT_TEXT
        )
        pieces = [part.content async for part in s.jobs.GetTranscript(request)]
    assert len(pieces) > 1
    assert max(map(len, pieces)) <= 256 * 1024
    expected = wire.transcript_of_parts(list(wire.transcript_parts(s.fake.transcript)))
    assert b"".join(pieces).decode() == render(expected, Format.TXT)


async def test_transcript_without_format_comes_in_parts() -> None:
    """The unspecified format relays header and segments as the scheduler has them."""
    async with suite() as s:
        request = transcription_service_pb2.GetTranscriptRequest(job_id="job-1", raw=True)
        parts = [part async for part in s.jobs.GetTranscript(request)]
        assert s.fake.raw
    assert [len(parts[0].header.segments), parts[0].WhichOneof("part")] == [0, "header"]
    assert [each.text for each in wire.transcript_of_parts(parts).segments] == ["hello 0", "hello 1", "hello 2"]


async def test_unknown_format_is_refused() -> None:
    """A format of a newer API is INVALID_ARGUMENT rather than something else by surprise."""
    async with suite() as s:
        request = transcription_service_pb2.GetTranscriptRequest(job_id="job-1", format=99)  # type: ignore[arg-type]  # on purpose
        assert (await failure(s.jobs.GetTranscript(request))).field == "format"


async def test_unary_methods_pass_through() -> None:
    """The other methods answer what the scheduler answers."""
    pb = transcription_service_pb2
    async with suite() as s:
        assert (await s.jobs.GetJob(pb.GetJobRequest(job_id="job-1"))).id == "job-1"
        assert (await s.jobs.ListJobs(pb.ListJobsRequest())).jobs[0].id == "job-1"
        cancelled = await s.jobs.CancelJob(pb.CancelJobRequest(job_id="job-1"))
        assert cancelled.state == resources_pb2.JOB_STATE_CANCELLED
        await s.jobs.DeleteJob(pb.DeleteJobRequest(job_id="job-1"))
        assert (await s.jobs.ListModels(pb.ListModelsRequest())).models[0].name == "micro"


async def test_deadline_and_principal_travel_along() -> None:
    """The scheduler knows how long the client waits and who it is."""
    async with suite() as s:
        await s.jobs.GetJob(transcription_service_pb2.GetJobRequest(job_id="job-1"), timeout=20)
    assert s.fake.time_remaining is not None
    assert 10 < s.fake.time_remaining < 21  # gRPC rounds a timeout up on its way
    assert s.fake.principals["GetJob"] == principal.LOCAL


async def test_errors_carry_both_languages() -> None:
    """The scheduler's error arrives with its stable code, details, and sentences in English and Korean."""
    async with suite() as s:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await s.jobs.GetJob(transcription_service_pb2.GetJobRequest(job_id="nobody"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    details = dict(caught.value.trailing_metadata())[STATUS_DETAILS_KEY]
    assert b"There is no job nobody." in details
    assert "작업 nobody을(를) 찾을 수 없습니다.".encode() in details
    assert b"JOB_NOT_FOUND" in details


async def test_internal_secret_is_presented() -> None:
    """Gateway and scheduler with the same secret trust each other."""
    async with suite(scheduler_secret="shared", internal_secret="shared") as s:
        assert (await s.jobs.GetJob(transcription_service_pb2.GetJobRequest(job_id="job-1"))).id == "job-1"


async def test_wrong_internal_secret_is_not_the_clients_fault() -> None:
    """A gateway that the scheduler does not trust answers INTERNAL, not that the client's key is wrong."""
    async with suite(scheduler_secret="shared", internal_secret="other") as s:
        error = await failure(s.jobs.GetJob(transcription_service_pb2.GetJobRequest(job_id="job-1")))
    assert error.kind is ErrorKind.INTERNAL


def test_fake_ends_with_the_completed_event() -> None:
    """The helper's last event is a last event, or the tests above would wait for nothing."""
    assert durable(LAST_SEQ).HasField("completed")
