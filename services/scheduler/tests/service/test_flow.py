"""The way of a file through a real scheduler with a scripted transcriber."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import grpc
import pytest

from sayit.chassis import principal
from sayit.speech.errors import ErrorKind
from sayit.v1 import resources_pb2 as pb
from sayit.v1 import transcription_service_pb2 as service_pb

from .helper import ALICE, BOB, ENDED, LONG, SHORT, SWEEPING, Transcriber, kind_of, suite


@pytest.mark.usefixtures("both_databases")
async def test_a_short_file_becomes_one_interactive_chunk_and_a_transcript(tmp_path: Path, redis_url: str) -> None:
    """A short file is one chunk of exactly its audio; its text is the transcript; events are numbered without gaps."""
    async with suite(tmp_path, redis_url) as s:
        worker = Transcriber(s)
        await worker.report()
        job = await s.create(SHORT, language="ko-KR")
        assert job.state == pb.JOB_STATE_PREPARING
        assert job.options.language == "ko"
        attempt = await worker.claim(*await worker.take())
        assert attempt.assignment.interactive
        assert attempt.assignment.attempt == 1
        assert attempt.assignment.audio_bytes == len(attempt.audio)
        assert attempt.assignment.options.beam_size == 5
        assert not attempt.assignment.options.word_timestamps
        answer = await attempt.finish("안녕하세요")
        assert answer.HasField("committed")
        events = await s.events(job.id)
        transcript = await s.transcript(job.id)
        done = await s.get(job.id)
    durable = [event for event in events if event.seq]
    assert [event.seq for event in durable] == list(range(1, len(durable) + 1))
    kinds = [event.WhichOneof("event") for event in durable]
    assert kinds[-1] == "completed"
    assert "chunk_text" in kinds
    assert transcript.text == "안녕하세요"
    assert transcript.model == "micro"
    assert transcript.preset == "ko"
    assert transcript.coverage.speech_detected_s > 4
    assert done.state == pb.JOB_STATE_COMPLETED
    assert done.progress.audio_done == done.progress.audio_total
    assert done.expire_time.ToSeconds() > done.finish_time.ToSeconds() + 23 * 3600


@pytest.mark.usefixtures("both_databases")
@pytest.mark.parametrize("both_databases", ["sqlite", "postgresql"], indirect=True)
async def test_a_long_file_runs_in_parallel_and_is_merged_in_order(tmp_path: Path, redis_url: str) -> None:
    """Chunks may finish in any order; the transcript is in order of time."""
    async with suite(tmp_path, redis_url) as s:
        worker = Transcriber(s, slots=4)
        await worker.report()
        job = await s.create(LONG)
        attempts = [await worker.claim(*await worker.take()) for _ in range(3)]
        assert attempts[0].assignment.interactive
        assert not attempts[1].assignment.interactive
        for attempt in reversed(attempts):
            await attempt.finish(f"part {attempt.assignment.chunk_index}")
        runner = asyncio.create_task(worker.run())
        done = await s.until(job.id, *ENDED)
        runner.cancel()
        transcript = await s.transcript(job.id)
    assert done.state == pb.JOB_STATE_COMPLETED
    assert transcript.text.startswith("part 0 part 1 part 2")
    starts = [segment.start_s for segment in transcript.segments]
    assert starts == sorted(starts)
    assert transcript.usage.compute_s == pytest.approx(0.5 * done.progress.chunks_total)


@pytest.mark.parametrize(("guard", "shown"), [(pb.GUARD_UNSPECIFIED, []), (pb.GUARD_OFF, ["MBC 뉴스 이덕영입니다."])])
async def test_text_that_nobody_said_is_listed_and_not_shown(
    tmp_path: Path, redis_url: str, guard: pb.Guard.ValueType, shown: list[str]
) -> None:
    """What the chunk alone gives away goes before watchers see it; what only the recording tells goes at the end."""
    async with suite(tmp_path, redis_url) as s:
        worker = Transcriber(s)
        await worker.report()
        job = await s.create(SHORT, guard=guard)
        assert job.options.guard == (guard or pb.GUARD_STANDARD)
        attempt = await worker.claim(*await worker.take())
        await attempt.finish("MBC 뉴스 이덕영입니다.", avg_logprob=-0.9, no_speech_prob=0.5)
        # What was taken out leaves a gap of the whole recording.
        events = await s.events(job.id)
        transcript = await s.transcript(job.id)
    assert [one.text for event in events for one in event.chunk_text.segments] == shown
    assert [one.text for one in transcript.segments] == shown
    assert [(one.text, one.reason.value) for one in transcript.suppressed] == (
        [] if shown else [("MBC 뉴스 이덕영입니다.", "known_phrase")]
    )
    assert shown or transcript.coverage.gaps


async def test_the_same_text_is_written_as_each_job_asks(tmp_path: Path, redis_url: str) -> None:
    """Heard once and answered from the cache then: the stored text is raw, and so are events."""
    async with suite(tmp_path, redis_url) as s:
        worker = Transcriber(s)
        await worker.report()
        first = await s.create(SHORT, language="ko", formatting=True)
        await (await worker.claim(*await worker.take())).finish("씨발 ,십이 퍼센트")
        events = await s.events(first.id)
        second = await s.create(SHORT, language="ko", mask_profanity=True)
        cached = await s.until(second.id, *ENDED)
        written = [(await s.transcript(job.id)).text for job in (first, second)]
        raw = [(await s.transcript(job.id, raw=True)).text for job in (first, second)]
    assert [one.text for event in events for one in event.chunk_text.segments] == ["씨발 ,십이 퍼센트"]
    assert raw == ["씨발 ,십이 퍼센트"] * 2
    assert cached.cached
    assert written == ["씨발, 12%", "씨* ,십이 퍼센트"]


@pytest.mark.usefixtures("both_databases")
async def test_overdue_jobs_fail(tmp_path: Path, redis_url: str) -> None:
    """A job whose model never comes back ends, with a code."""
    async with suite(tmp_path, redis_url, job_ttl_h=1e-5, sweep_s=SWEEPING) as s:
        await Transcriber(s).report()
        job = await s.create(SHORT)
        events = await asyncio.wait_for(s.events(job.id), 60)
    assert events[-1].failed.error.code == "DEADLINE_EXCEEDED"


@pytest.mark.usefixtures("both_databases")
async def test_cancel_reaches_the_transcriber_and_is_final(tmp_path: Path, redis_url: str) -> None:
    """A cancelled job tells its transcriber, refuses the result, ends its watchers, and stays cancelled."""
    async with suite(tmp_path, redis_url) as s:
        worker = Transcriber(s)
        await worker.report()
        job = await s.create(SHORT)
        attempt = await worker.claim(*await worker.take())
        watching = asyncio.create_task(s.events(job.id))
        await asyncio.sleep(0.1)
        with principal.use(ALICE):
            cancelled = await s.jobs.CancelJob(service_pb.CancelJobRequest(job_id=job.id))
            twice = await s.jobs.CancelJob(service_pb.CancelJobRequest(job_id=job.id))
        assert cancelled.state == twice.state == pb.JOB_STATE_CANCELLED
        assert (await attempt.answer()).HasField("cancel")
        with pytest.raises((grpc.aio.AioRpcError, asyncio.InvalidStateError)):
            await attempt.finish("too late")
        events = await asyncio.wait_for(watching, 5)
        assert events[-1].state_changed.state == pb.JOB_STATE_CANCELLED
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await s.transcript(job.id)
        assert kind_of(error) is ErrorKind.JOB_CANCELLED


@pytest.mark.usefixtures("both_databases")
async def test_delete_removes_every_trace(tmp_path: Path, redis_url: str) -> None:
    """A deleted job is gone for reading and watching, and its audio and text leave the disk."""
    async with suite(tmp_path, redis_url, sweep_s=SWEEPING) as s:
        worker = Transcriber(s)
        await worker.report()
        job = await s.create(SHORT)
        runner = asyncio.create_task(worker.run())
        await s.until(job.id, pb.JOB_STATE_COMPLETED)
        runner.cancel()
        objects = s.settings.data_dir / "objects"
        left = [path for path in objects.rglob("*") if path.is_file() and path.stat().st_size]
        assert left
        with principal.use(ALICE):
            await s.jobs.DeleteJob(service_pb.DeleteJobRequest(job_id=job.id))
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await s.get(job.id)
        assert kind_of(error) is ErrorKind.JOB_NOT_FOUND
        for _ in range(800):
            with suppress(FileNotFoundError):  # deleted while it is looked at
                left = [path for path in objects.rglob("*") if path.is_file() and path.stat().st_size]
            if not left:
                break
            await asyncio.sleep(0.01)
        else:
            pytest.fail("objects are left")


@pytest.mark.usefixtures("both_databases")
async def test_the_same_file_again_is_answered_from_the_cache(tmp_path: Path, redis_url: str) -> None:
    """The same content with the same options needs no transcriber; other options and other tenants do."""
    async with suite(tmp_path, redis_url) as s:
        worker = Transcriber(s)
        runner = asyncio.create_task(worker.run())
        await worker.report()
        first = await s.create(SHORT, language="ko")
        await s.until(first.id, pb.JOB_STATE_COMPLETED)
        runner.cancel()
        await asyncio.sleep(0)
        second = await s.create(SHORT, language="ko")
        events = await s.events(second.id)
        assert events[-1].completed.cached
        assert (await s.transcript(second.id)).text == (await s.transcript(first.id)).text
        assert (await s.get(second.id)).cached
        other = await s.create(SHORT, language="en")
        await worker.claim(*await asyncio.wait_for(worker.take(), 5))
        assert not (await s.get(other.id)).cached
        assert (await s.create(SHORT, language="ko", who=BOB)).id != first.id
        await worker.claim(*await asyncio.wait_for(worker.take(), 5))


async def test_only_the_clips_are_transcribed(tmp_path: Path, redis_url: str) -> None:
    """The rest is no speech, at any threshold; their times are the recording's."""
    async with suite(tmp_path, redis_url) as s:
        worker = Transcriber(s)
        runner = asyncio.create_task(worker.run())
        await worker.report()
        asked = [{"clip_timestamps": [2.0, 3.0, 5.0]}, {"clip_timestamps": [2.0, 3.0], "voice_threshold": 0.0}]
        jobs = [await s.until((await s.create(SHORT, language="ko", **more)).id, *ENDED) for more in asked]
        found = [await s.transcript(job.id) for job in jobs]
        runner.cancel()
    assert 1.5 < found[0].coverage.speech_detected_s < found[0].duration_s - 3.0
    assert found[1].coverage.speech_detected_s == pytest.approx(1.0, abs=0.1)
    assert found[1].segments[0].start_s >= 1.5
    assert found[0].duration_s == found[1].duration_s


async def test_a_request_names_the_threshold_of_a_voice(tmp_path: Path, redis_url: str) -> None:
    """With 0 all audio is speech; answers at two thresholds differ, whether a request or the settings name them."""
    async with suite(tmp_path, redis_url) as s:
        worker = Transcriber(s)
        runner = asyncio.create_task(worker.run())
        await worker.report()
        asked: list[dict[str, float]] = [{}, {"voice_threshold": 0.5}, {"voice_threshold": 0.0}]
        jobs = [await s.until((await s.create(SHORT, language="ko", **more)).id, *ENDED) for more in asked]
        assert [job.cached for job in jobs] == [False, True, False]
        found = [await s.transcript(job.id) for job in jobs[1:]]
        runner.cancel()
    assert found[0].coverage.speech_detected_s < found[0].duration_s - 0.5
    assert found[1].coverage.speech_detected_s == pytest.approx(found[1].duration_s, abs=0.1)


@pytest.mark.usefixtures("both_databases")
async def test_list_pages_newest_first(tmp_path: Path, redis_url: str) -> None:
    """Pages follow each other without gaps or repetition; a made-up token is refused."""
    async with suite(tmp_path, redis_url) as s:
        await Transcriber(s).report()
        made = [(await s.create(SHORT + bytes([i]))).id for i in range(5)]
        listed: list[str] = []
        token = ""
        with principal.use(ALICE):
            while True:
                page = await s.jobs.ListJobs(service_pb.ListJobsRequest(page_size=2, page_token=token))
                listed += [job.id for job in page.jobs]
                token = page.next_page_token
                if not token:
                    break
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await s.jobs.ListJobs(service_pb.ListJobsRequest(page_token="!!"))
        assert kind_of(error) is ErrorKind.INVALID_ARGUMENT
    assert listed == made[::-1]


@pytest.mark.usefixtures("both_databases")
async def test_expired_jobs_are_really_deleted(tmp_path: Path, redis_url: str) -> None:
    """After the retention time neither rows nor objects of a job are left."""
    async with suite(tmp_path, redis_url, result_ttl_h=1e-6, sweep_s=SWEEPING) as s:
        worker = Transcriber(s)
        runner = asyncio.create_task(worker.run())
        job = await s.create(SHORT)
        await s.events(job.id)
        runner.cancel()
    async with suite(tmp_path, redis_url, result_ttl_h=1e-6, sweep_s=SWEEPING) as s:
        objects = s.settings.data_dir / "objects"
        for _ in range(800):
            if not [path for path in objects.rglob("*") if path.is_file() and path.stat().st_size]:
                break
            await asyncio.sleep(0.01)
        else:
            pytest.fail("objects are left")
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await s.get(job.id)
        assert kind_of(error) is ErrorKind.JOB_NOT_FOUND
