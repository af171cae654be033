"""What a real scheduler refuses, and what it takes in spite of appearances."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message_factory import GetMessageClass

from sayit.chassis import principal
from sayit.chassis.start import StartError
from sayit.internal.v1 import chunk_service_pb2 as chunk_pb
from sayit.internal.v1 import job_service_pb2
from sayit.scheduler.service import running
from sayit.scheduler.settings import SchedulerSettings
from sayit.speech.errors import ErrorKind
from sayit.v1 import key_service_pb2 as key_pb
from sayit.v1 import resources_pb2 as pb
from sayit.v1 import transcription_service_pb2 as service_pb
from sayit.v1 import upload_service_pb2 as upload_pb
from sayit.v1 import vocabulary_service_pb2 as vocabulary_pb

from .helper import ALICE, BOB, ENDED, LONG, RECORDINGS, SHORT, Transcriber, kind_of, suite


async def test_a_scheduler_open_to_others_needs_a_secret(tmp_path: Path, redis_url: str) -> None:
    """Whoever calls the internal API is believed, so it does not listen to other machines without a secret."""
    with pytest.raises(StartError, match="SAYIT_INTERNAL_SECRET"):
        async with running(SchedulerSettings(scheduler_listen="0.0.0.0:0", data_dir=tmp_path)):
            pass


def filled(kind: Any, ids: dict[str, str]) -> Any:
    """A message that names these things wherever it can, also inside of others."""
    message = GetMessageClass(kind)()
    for field in kind.fields:
        if field.name in ids:
            setattr(message, field.name, ids[field.name])
        elif field.message_type is not None and set(ids) & set(field.message_type.fields_by_name):
            getattr(message, field.name).CopyFrom(filled(field.message_type, ids))
    return message


async def test_another_tenant_sees_nothing(tmp_path: Path, redis_url: str) -> None:
    """Every method of the contract, asked for another tenant's things: they are not found, not listed, not changed."""
    async with suite(tmp_path, redis_url) as s:
        await Transcriber(s).report()
        job = await s.create(SHORT)
        with principal.use(ALICE):
            upload = await s.jobs.CreateUpload(upload_pb.CreateUploadRequest(filename="secret-name"))
            put = vocabulary_pb.PutVocabularyRequest(name="secret-words", words=["secret-word"])
            await s.jobs.PutVocabulary(put)
            key = (await s.jobs.CreateKey(key_pb.CreateKeyRequest(name="secret-key"))).key
        ids = {"job_id": job.id, "upload_id": upload.id, "name": "secret-words", "resume_job_id": job.id}
        ids["key_id"] = key.id
        for method in job_service_pb2.DESCRIPTOR.services_by_name["JobService"].methods:
            stores = method.name in {"PutVocabulary", "CreateKey"}  # something of his own
            request = filled(method.input_type, ids | ({"name": "his"} if stores else {}))
            answers, code = b"", None
            with principal.use(BOB):
                call = getattr(s.jobs, method.name)(iter([request]) if method.client_streaming else request)
                try:
                    if method.server_streaming:
                        answers = b"".join([one.SerializeToString() async for one in call])
                    else:
                        answers = (await call).SerializeToString()
                except grpc.aio.AioRpcError as error:
                    code = error.code()
            if request.ByteSize() and not stores:
                assert code is grpc.StatusCode.NOT_FOUND, method.name
            assert not [
                mark for mark in (job.id, upload.id, "secret-word", key.id, "secret-key") if mark.encode() in answers
            ], method.name
        assert (await s.get(job.id)).state not in ENDED
        with principal.use(ALICE):
            await s.jobs.GetUpload(upload_pb.GetUploadRequest(upload_id=upload.id))
            kept = await s.jobs.GetVocabulary(vocabulary_pb.GetVocabularyRequest(name="secret-words"))
            keys = (await s.jobs.ListKeys(key_pb.ListKeysRequest())).keys
        assert kept.words == ["secret-word"]
        assert list(keys) == [key]


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


async def test_a_language_that_the_model_lacks_ends_the_job_at_once(tmp_path: Path, redis_url: str) -> None:
    """What another attempt cannot get over is final: one attempt, and the job's error names the language."""
    async with suite(tmp_path, redis_url) as s:
        worker = Transcriber(s)
        await worker.report()
        job = await s.create(SHORT, language="yue")
        attempt = await worker.claim(*await worker.take())
        details = {"field": "language", "language": "yue"}
        await attempt.say(failure=chunk_pb.ChunkFailure(code=ErrorKind.INVALID_LANGUAGE.code, details=details))
        await attempt.answer()
        ended = await s.get(job.id)
        assert (ended.state, ended.error.code) == (pb.JOB_STATE_FAILED, "INVALID_LANGUAGE")
        assert "'yue'" in ended.error.message_en
        assert "'yue'" in ended.error.message_ko


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
        (SHORT[:40], "DAMAGED_FILE"),
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

            async def broken(after_s: float):
                yield upload_pb.AppendUploadRequest(start=upload_pb.AppendStart(upload_id=upload.id, offset=0))
                yield upload_pb.AppendUploadRequest(data=SHORT[:50_000])
                await asyncio.sleep(after_s)
                call.cancel()

            # A call that is cancelled before its bytes have arrived leaves none, and no answer says when they have.
            for after_s in (0.2, 1.0, 5.0, 20.0):
                call = s.jobs.AppendUpload(broken(after_s))
                with pytest.raises(asyncio.CancelledError):
                    await call
                for _ in range(100):
                    now = await s.jobs.GetUpload(upload_pb.GetUploadRequest(upload_id=upload.id))
                    if now.received_bytes:
                        break
                    await asyncio.sleep(0.02)
                if now.received_bytes:
                    break
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
