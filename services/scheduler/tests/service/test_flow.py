"""The way of a file through a real scheduler with a scripted transcriber."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import pytest

from sayit.chassis import principal
from sayit.chassis.errors import error_of_call
from sayit.chassis.start import StartError
from sayit.scheduler.service import running
from sayit.scheduler.settings import SchedulerSettings
from sayit.speech.errors import ErrorKind
from sayit.v1 import resources_pb2 as pb
from sayit.v1 import transcription_service_pb2 as service_pb
from sayit.v1 import upload_service_pb2 as upload_pb

from .helper import ALICE, BOB, RECORDINGS, Transcriber, suite

SHORT = (RECORDINGS / "ko-8s.flac").read_bytes()
LONG = (RECORDINGS / "en-90s.flac").read_bytes()
ENDED = (pb.JOB_STATE_COMPLETED, pb.JOB_STATE_FAILED, pb.JOB_STATE_CANCELLED)


def kind_of(error: pytest.ExceptionInfo[grpc.aio.AioRpcError]) -> ErrorKind:
    """The kind that a failed call carries."""
    return error_of_call(error.value).kind


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


async def test_a_broken_call_frees_the_chunk_at_once(tmp_path: Path, redis_url: str) -> None:
    """A transcriber that dies while the chunk is on the engine costs one crash; the next attempt has a new token."""
    async with suite(tmp_path, redis_url) as s:
        worker = Transcriber(s)
        await worker.report()
        job = await s.create(SHORT)
        first = await worker.claim(*await worker.take())
        await first.on_engine()
        first.call.cancel()
        again = await worker.claim(*await asyncio.wait_for(worker.take(), 3))
        assert again.assignment.attempt == 2
        assert again.audio == first.audio
        await again.finish("once")
        await s.until(job.id, pb.JOB_STATE_COMPLETED)
        texts = [e for e in await s.events(job.id) if e.WhichOneof("event") == "chunk_text"]
    assert len(texts) == 1


async def test_a_silent_transcriber_loses_its_chunk_and_its_late_write(tmp_path: Path, redis_url: str) -> None:
    """Without heartbeats the lease ends; the result that comes afterwards is refused and changes nothing."""
    async with suite(tmp_path, redis_url, lease_s=0.5, heartbeat_s=0.1) as s:
        worker = Transcriber(s)
        await worker.report()
        job = await s.create(SHORT)
        late = await worker.claim(*await worker.take())
        again = await worker.claim(*await asyncio.wait_for(worker.take(), 5))
        assert again.assignment.attempt == 2
        with pytest.raises((grpc.aio.AioRpcError, asyncio.InvalidStateError)):
            await late.finish("late")
        await again.finish("in time")
        await s.until(job.id, pb.JOB_STATE_COMPLETED)
        assert (await s.transcript(job.id)).text == "in time"


async def test_a_claim_with_an_old_dispatch_number_is_refused(tmp_path: Path, redis_url: str) -> None:
    """A message that was delivered twice claims once."""
    async with suite(tmp_path, redis_url) as s:
        worker = Transcriber(s)
        await worker.report()
        await s.create(SHORT)
        message = await worker.take()
        await worker.claim(*message)
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await worker.claim(*message)
        assert error.value.code() == grpc.StatusCode.ABORTED


async def test_a_lost_queue_is_filled_again(tmp_path: Path, redis_url: str) -> None:
    """When Redis forgets everything, an unclaimed chunk is dispatched again under a new number."""
    async with suite(tmp_path, redis_url, redispatch_s=0.5) as s:
        worker = Transcriber(s)
        await worker.report()
        job = await s.create(SHORT)
        await worker.take()
        await s.redis.flushall()
        keep = asyncio.create_task(worker.run())
        await s.until(job.id, pb.JOB_STATE_COMPLETED)
        keep.cancel()


async def test_a_chunk_that_crashes_three_times_fails_its_job(tmp_path: Path, redis_url: str) -> None:
    """A poison chunk is set aside after three crashes, the later ones alone; its job fails with a stable code."""
    async with suite(tmp_path, redis_url) as s:
        worker = Transcriber(s)
        await worker.report()
        job = await s.create(SHORT)
        alone = []
        for _ in range(3):
            attempt = await worker.claim(*await worker.take())
            alone.append(attempt.assignment.alone)
            await attempt.on_engine()
            await asyncio.sleep(0.05)
            attempt.call.cancel()
        failed = await s.until(job.id, *ENDED)
        events = await s.events(job.id)
    assert alone == [False, True, True]
    assert failed.state == pb.JOB_STATE_FAILED
    assert failed.error.code == "CHUNK_QUARANTINED"
    assert failed.error.message_ko
    assert events[-1].failed.error.code == "CHUNK_QUARANTINED"


async def test_interruptions_never_use_up_a_chunk(tmp_path: Path, redis_url: str) -> None:
    """Releases and breaks while waiting do not count against a healthy chunk."""
    async with suite(tmp_path, redis_url) as s:
        worker = Transcriber(s)
        await worker.report()
        job = await s.create(SHORT)
        for _ in range(5):
            attempt = await worker.claim(*await worker.take())
            attempt.call.cancel()
        attempt = await worker.claim(*await worker.take())
        assert not attempt.assignment.alone
        await attempt.finish("fine")
        await s.until(job.id, pb.JOB_STATE_COMPLETED)


async def test_a_chunk_whose_audio_is_gone_ends_its_job(tmp_path: Path, redis_url: str) -> None:
    """Audio that is missing from the store fails the job after three tries instead of being tried for ever."""
    async with suite(tmp_path, redis_url) as s:
        worker = Transcriber(s)
        await worker.report()
        job = await s.create(SHORT)
        message = await worker.take()
        for path in (s.settings.data_dir / "objects" / "jobs" / job.id / "chunks").iterdir():
            path.unlink()
        with pytest.raises(grpc.aio.AioRpcError):
            await worker.claim(*message)
        for _ in range(2):
            with pytest.raises(grpc.aio.AioRpcError):
                await worker.claim(*await asyncio.wait_for(worker.take(), 10))
        failed = await s.until(job.id, *ENDED)
        assert failed.error.code == "ENGINE_FAILED"


async def test_a_stopping_scheduler_blames_no_chunk(tmp_path: Path, redis_url: str) -> None:
    """Restarts of the scheduler while a chunk is on the engine are interruptions, however often."""
    job_id = ""
    for _ in range(4):
        async with suite(tmp_path, redis_url) as s:
            worker = Transcriber(s)
            await worker.report()
            job_id = job_id or (await s.create(SHORT)).id
            attempt = await worker.claim(*await worker.take())
            assert not attempt.assignment.alone
            await attempt.on_engine()
            await asyncio.sleep(0.1)
    async with suite(tmp_path, redis_url) as s:
        runner = asyncio.create_task(Transcriber(s).run())
        assert (await s.until(job_id, *ENDED)).state == pb.JOB_STATE_COMPLETED
        runner.cancel()


async def test_a_scheduler_open_to_others_needs_a_secret(tmp_path: Path, redis_url: str) -> None:
    """Whoever calls the internal API is believed, so it does not listen to other machines without a secret."""
    with pytest.raises(StartError, match="SAYIT_INTERNAL_SECRET"):
        async with running(SchedulerSettings(scheduler_listen="0.0.0.0:0", data_dir=tmp_path)):
            pass


async def test_overdue_jobs_fail(tmp_path: Path, redis_url: str) -> None:
    """A job whose model never comes back ends, with a code."""
    async with suite(tmp_path, redis_url, job_ttl_h=1e-5) as s:
        await Transcriber(s).report()
        job = await s.create(SHORT)
        events = await asyncio.wait_for(s.events(job.id), 60)
    assert events[-1].failed.error.code == "DEADLINE_EXCEEDED"


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


async def test_delete_removes_every_trace(tmp_path: Path, redis_url: str) -> None:
    """A deleted job is gone for reading and watching, and its audio and text leave the disk."""
    async with suite(tmp_path, redis_url) as s:
        worker = Transcriber(s)
        await worker.report()
        job = await s.create(SHORT)
        runner = asyncio.create_task(worker.run())
        await s.until(job.id, pb.JOB_STATE_COMPLETED)
        runner.cancel()
        objects = s.settings.data_dir / "objects"
        assert [path for path in objects.rglob("*") if path.is_file() and path.stat().st_size]
        with principal.use(ALICE):
            await s.jobs.DeleteJob(service_pb.DeleteJobRequest(job_id=job.id))
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await s.get(job.id)
        assert kind_of(error) is ErrorKind.JOB_NOT_FOUND
        for _ in range(800):
            if not [path for path in objects.rglob("*") if path.is_file() and path.stat().st_size]:
                break
            await asyncio.sleep(0.01)
        else:
            pytest.fail("objects are left")


async def test_another_tenant_sees_nothing(tmp_path: Path, redis_url: str) -> None:
    """Another tenant's job is not found, in every verb."""
    async with suite(tmp_path, redis_url) as s:
        await Transcriber(s).report()
        job = await s.create(SHORT)
        verbs = [
            lambda: s.get(job.id, who=BOB),
            lambda: s.events(job.id, who=BOB),
            lambda: s.transcript(job.id, who=BOB),
        ]
        for verb in verbs:
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await verb()
            assert kind_of(error) is ErrorKind.JOB_NOT_FOUND
        with principal.use(BOB):
            for call in (
                s.jobs.CancelJob(service_pb.CancelJobRequest(job_id=job.id)),
                s.jobs.DeleteJob(service_pb.DeleteJobRequest(job_id=job.id)),
            ):
                with pytest.raises(grpc.aio.AioRpcError) as error:
                    await call
                assert kind_of(error) is ErrorKind.JOB_NOT_FOUND
            assert not (await s.jobs.ListJobs(service_pb.ListJobsRequest())).jobs


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


async def test_one_idempotency_key_makes_one_job(tmp_path: Path, redis_url: str) -> None:
    """Many requests with one key at once make one job; the key with other options is a conflict."""
    async with suite(tmp_path, redis_url) as s:
        await Transcriber(s).report()
        jobs = await asyncio.gather(*(s.create(SHORT, key="k-1") for _ in range(12)))
        assert len({job.id for job in jobs}) == 1
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await s.create(SHORT, key="k-1", language="en")
        assert kind_of(error) is ErrorKind.IDEMPOTENCY_CONFLICT
        assert (await s.create(SHORT, key="k-1", who=BOB)).id != jobs[0].id


@pytest.mark.parametrize(
    ("audio", "options", "kind"),
    [
        (b"", {}, ErrorKind.FILE_REQUIRED),
        (SHORT, {"language": "xx"}, ErrorKind.INVALID_LANGUAGE),
        (SHORT, {"beam_size": 99}, ErrorKind.INVALID_OPTION),
        (SHORT, {"temperature": 2.0}, ErrorKind.INVALID_OPTION),
        (SHORT, {"model": "huge"}, ErrorKind.MODEL_NOT_AVAILABLE),
        (SHORT, {"prompt": "x" * 3000}, ErrorKind.INVALID_OPTION),
    ],
)
async def test_bad_requests_are_refused_at_once(
    tmp_path: Path, redis_url: str, audio: bytes, options: dict[str, object], kind: ErrorKind
) -> None:
    """What cannot work is refused with a typed error before a job exists, and leaves no upload behind."""
    async with suite(tmp_path, redis_url) as s:
        await Transcriber(s).report()
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await s.create(audio, **options)
        assert kind_of(error) is kind
        with principal.use(ALICE):
            assert not (await s.jobs.ListJobs(service_pb.ListJobsRequest())).jobs


async def test_the_size_limit_bites_while_bytes_arrive(tmp_path: Path, redis_url: str) -> None:
    """An endless upload is refused soon after the limit, and what was stored is deleted."""
    sent = 0

    def endless():
        nonlocal sent
        while sent < 50_000_000:
            sent += 1 << 18
            yield bytes(1 << 18)

    async with suite(tmp_path, redis_url, max_upload_mb=2) as s:
        await Transcriber(s).report()
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await s.create(endless())
        assert kind_of(error) is ErrorKind.FILE_TOO_LARGE
    assert sent < 20_000_000


async def test_an_upload_whose_sender_dies_makes_no_job(tmp_path: Path, redis_url: str) -> None:
    """A stream that ends without its empty last message is a broken one, and what it brought is deleted."""
    async with suite(tmp_path, redis_url) as s:
        await Transcriber(s).report()
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await s.create(SHORT, complete=False)
        assert kind_of(error) is ErrorKind.UNAVAILABLE
        with principal.use(ALICE):
            assert not (await s.jobs.ListJobs(service_pb.ListJobsRequest())).jobs


@pytest.mark.parametrize(
    ("audio", "kind"),
    [
        (b"this is not audio, whatever its name says\n" * 50, "INVALID_FORMAT"),
        (SHORT[:40], "INVALID_FORMAT"),
    ],
)
async def test_bad_audio_fails_its_job_with_a_code(tmp_path: Path, redis_url: str, audio: bytes, kind: str) -> None:
    """What only decoding can tell fails the job, with sentences in both languages."""
    async with suite(tmp_path, redis_url) as s:
        await Transcriber(s).report()
        job = await s.create(audio)
        failed = await s.until(job.id, *ENDED)
        assert failed.state == pb.JOB_STATE_FAILED
        assert failed.error.code == kind
        assert failed.error.message_en
        assert failed.error.message_ko
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await s.transcript(job.id)
        assert kind_of(error) is ErrorKind.JOB_FAILED


async def test_silence_gives_an_empty_transcript(tmp_path: Path, redis_url: str) -> None:
    """A recording without speech completes without a transcriber's work."""
    async with suite(tmp_path, redis_url) as s:
        await Transcriber(s).report()
        job = await s.create((RECORDINGS / "silence-60s.flac").read_bytes())
        done = await s.until(job.id, *ENDED)
        transcript = await s.transcript(job.id)
    assert done.state == pb.JOB_STATE_COMPLETED
    assert done.progress.chunks_total == 0
    assert transcript.text == ""
    assert transcript.duration_s == pytest.approx(60, abs=0.1)
    assert transcript.coverage.gaps == ()


async def test_too_long_audio_fails(tmp_path: Path, redis_url: str) -> None:
    """Audio beyond the length limit fails the job, and what was started of it is dropped."""
    async with suite(tmp_path, redis_url, max_audio_s=60) as s:
        await Transcriber(s).report()
        job = await s.create(LONG)
        failed = await s.until(job.id, *ENDED)
        assert failed.error.code == "AUDIO_TOO_LONG"


async def test_an_upload_resumes_and_becomes_a_job(tmp_path: Path, redis_url: str) -> None:
    """Bytes of a broken append stay; the upload goes on at its end; a wrong offset names the right one."""
    async with suite(tmp_path, redis_url) as s:
        worker = Transcriber(s)
        await worker.report()
        with principal.use(ALICE):
            upload = await s.jobs.CreateUpload(
                upload_pb.CreateUploadRequest(filename="../x/ko.flac", size_bytes=len(SHORT))
            )
            assert upload.filename == "ko.flac"

            async def broken():
                yield upload_pb.AppendUploadRequest(start=upload_pb.AppendStart(upload_id=upload.id, offset=0))
                yield upload_pb.AppendUploadRequest(data=SHORT[:50_000])
                await asyncio.sleep(0.2)
                call.cancel()

            call = s.jobs.AppendUpload(broken())
            with pytest.raises(asyncio.CancelledError):
                await call
            for _ in range(100):
                now = await s.jobs.GetUpload(upload_pb.GetUploadRequest(upload_id=upload.id))
                if now.received_bytes:
                    break
                await asyncio.sleep(0.02)
            assert now.received_bytes == 50_000
            from_upload = service_pb.CreateJobRequest(from_upload=service_pb.JobFromUpload(upload_id=upload.id))
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await s.jobs.CreateJob(iter([from_upload]))
            assert kind_of(error) is ErrorKind.UPLOAD_INCOMPLETE

            def append(offset: int, data: bytes):
                return s.jobs.AppendUpload(
                    iter(
                        [
                            upload_pb.AppendUploadRequest(
                                start=upload_pb.AppendStart(upload_id=upload.id, offset=offset)
                            ),
                            upload_pb.AppendUploadRequest(data=data),
                        ]
                    )
                )

            with pytest.raises(grpc.aio.AioRpcError) as error:
                await append(7, b"x")
            assert kind_of(error) is ErrorKind.UPLOAD_OFFSET_MISMATCH
            whole = await append(50_000, SHORT[50_000:])
            assert whole.received_bytes == len(SHORT)
            job = await s.jobs.CreateJob(iter([from_upload]))
        assert job.filename == "ko.flac"
        with principal.use(BOB), pytest.raises(grpc.aio.AioRpcError) as error:
            await s.jobs.GetUpload(upload_pb.GetUploadRequest(upload_id=upload.id))
        assert kind_of(error) is ErrorKind.UPLOAD_NOT_FOUND
        runner = asyncio.create_task(worker.run())
        await s.until(job.id, pb.JOB_STATE_COMPLETED)
        runner.cancel()


async def test_a_restarted_scheduler_goes_on(tmp_path: Path, redis_url: str) -> None:
    """What one scheduler accepted and a transcriber had claimed, the next scheduler finishes."""
    async with suite(tmp_path, redis_url) as s:
        worker = Transcriber(s)
        await worker.report()
        job = await s.create(LONG)
        await worker.claim(*await worker.take())
        seen = (await s.get(job.id)).last_seq
    async with suite(tmp_path, redis_url) as s:
        worker = Transcriber(s)
        runner = asyncio.create_task(worker.run())
        events = await asyncio.wait_for(s.events(job.id, after_seq=seen), 30)
        runner.cancel()
    durable = [event.seq for event in events if event.seq]
    assert durable == list(range(seen + 1, seen + 1 + len(durable)))
    assert events[-1].HasField("completed")


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


async def test_expired_jobs_are_really_deleted(tmp_path: Path, redis_url: str) -> None:
    """After the retention time neither rows nor objects of a job are left."""
    async with suite(tmp_path, redis_url, result_ttl_h=1e-6) as s:
        worker = Transcriber(s)
        runner = asyncio.create_task(worker.run())
        job = await s.create(SHORT)
        await s.events(job.id)
        runner.cancel()
    async with suite(tmp_path, redis_url, result_ttl_h=1e-6) as s:
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
