"""Redacted jobs in a real scheduler: what was said is told to no watcher and stays in no file."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import pytest
from pydantic import SecretStr

from sayit.chassis import principal
from sayit.internal.v1 import chunk_service_pb2 as chunk_pb
from sayit.speech.errors import ErrorKind
from sayit.speech.live import LiveText
from sayit.v1 import resources_pb2 as pb
from sayit.v1 import transcription_service_pb2 as service_pb

from .helper import ALICE, BOB, LONG, SHORT, SWEEPING, Suite, Transcriber, kind_of, suite
from .live_helper import SPEECH, Client, LiveTranscriber, said
from .test_deletion import files_with, until_gone

PHONE = "공일공 일이삼사 오육칠팔"


async def redacted(s: Suite, audio: bytes = SHORT, text: str = f"제 번호는 {PHONE}입니다", **options: object) -> str:
    """A redacted job whose chunks say this text, that has ended."""
    worker = Transcriber(s, revision="r1")
    await worker.report()
    job = await s.create(audio, **{"language": "ko", "redact": ["all"], **options})
    attempt = await worker.claim(*await worker.take())
    await attempt.finish(text)
    assert (await s.events(job.id))[-1].HasField("completed")
    return job.id


@pytest.mark.usefixtures("both_databases")
async def test_what_was_said_is_told_nobody_and_listed_by_its_kind(tmp_path: Path, redis_url: str) -> None:
    """Neither events nor any version of the transcript have it; the transcript lists kind and time."""
    async with suite(tmp_path, redis_url) as s:
        job_id = await redacted(s, word_timestamps=True)
        events = await s.events(job_id)
        transcript = await s.transcript(job_id, raw=True)
        same = await s.create(SHORT, language="ko", redact=["all"], word_timestamps=True)
        again = await s.events(same.id)
    assert transcript.text == "제 번호는 [PHONE]입니다"
    assert [(one.kind, one.start_s < one.end_s) for one in transcript.redacted] == [("phone", True)]
    assert not any(part in str(body) for part in PHONE.split() for body in (events, again, transcript))
    told = [segment.text for event in events if event.HasField("refinement") for segment in event.refinement.segments]
    assert told == [transcript.text]


async def test_what_was_said_stays_in_no_file(tmp_path: Path, redis_url: str) -> None:
    """Of a job that has ended, however: completed, cancelled, or failed; nor does the chunk cache keep it."""
    async with suite(tmp_path, redis_url, sweep_s=SWEEPING) as s:
        data = s.settings.data_dir
        job_id = await redacted(s)
        await asyncio.wait_for(until_gone(data, "오육칠팔"), 30)
        assert files_with(data, "[PHONE]")
        worker = Transcriber(s, slots=4)
        await worker.report()
        job = await s.create(LONG, language="ko", redact=["phone"])
        attempt = await worker.claim(*await worker.take())
        await attempt.finish(f"제 번호는 {PHONE}입니다")
        assert "sayit.db-wal" in files_with(data, "오육칠팔")
        with principal.use(ALICE):
            await s.jobs.CancelJob(service_pb.CancelJobRequest(job_id=job.id))
        await asyncio.wait_for(until_gone(data, "오육칠팔"), 30)
        assert (await s.transcript(job_id)).text == "제 번호는 [PHONE]입니다"


async def test_hashes_need_a_secret_and_are_of_a_tenant(tmp_path: Path, redis_url: str) -> None:
    """Without one they are refused, with the setting's name; with one tenants have hashes of their own."""
    async with suite(tmp_path, redis_url) as s:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await s.create(SHORT, redact=["phone"], redact_style=pb.REDACT_STYLE_HASH)
        assert kind_of(refused) is ErrorKind.INVALID_OPTION
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            await s.create(SHORT, redact=["telephone"])
        assert kind_of(unknown) is ErrorKind.INVALID_OPTION
    async with suite(tmp_path / "hashes", redis_url, redaction_secret=SecretStr("s" * 32)) as s:
        worker = Transcriber(s)
        await worker.report()
        marks = []
        for who in (ALICE, BOB):
            job = await s.create(SHORT, who=who, redact=["phone"], redact_style=pb.REDACT_STYLE_HASH)
            await (await worker.claim(*await worker.take())).finish(PHONE)
            await s.events(job.id, who=who)
            marks.append((await s.transcript(job.id, who=who)).text)
    assert marks[0] != marks[1]
    assert all(mark.startswith("[PHONE:") for mark in marks)


async def test_a_correction_may_not_bring_it_back(tmp_path: Path, redis_url: str) -> None:
    """One that holds what the job is redacted of is refused; others are taken."""
    async with suite(tmp_path, redis_url) as s:
        job_id = await redacted(s)

        async def correct(text: str) -> None:
            with principal.use(ALICE):
                correction = pb.SegmentCorrection(segment=0, text=text)
                await s.jobs.UpdateTranscript(
                    service_pb.UpdateTranscriptRequest(job_id=job_id, expected_version=0, segments=[correction])
                )

        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await correct("제 번호는 010-1234-5678입니다")
        assert kind_of(refused) is ErrorKind.INVALID_ARGUMENT
        await correct("제 전화번호는 [PHONE]입니다")
        assert (await s.transcript(job_id)).text == "제 전화번호는 [PHONE]입니다"


def dictated(decode: chunk_pb.LiveDecode) -> chunk_pb.LiveOutput:
    """An utterance in which the first half of a phone number is said."""
    answer = said(decode)
    for segment in answer.output.segments:
        for place, word in enumerate(segment.words):
            word.text = (" my", " phone", " is", " 010", " 4711", " 0815")[place % 6]
        segment.text = "".join(word.text for word in segment.words).strip()
    return answer


async def test_live_text_is_redacted_utterance_by_utterance(tmp_path: Path, redis_url: str) -> None:
    """No text is told before its utterance ends, and no digit that may be part of a number."""
    async with suite(tmp_path, redis_url, sweep_s=SWEEPING) as s, LiveTranscriber(s).serving() as worker:
        worker.says = dictated
        client = Client(s)
        job_id = (await client.begin(options={"redact": ["phone"]})).job.id
        await client.say(SPEECH)
        await client.finish()
        await s.until(job_id, pb.JOB_STATE_COMPLETED)
        events = await s.events(job_id)
        transcript = await s.transcript(job_id)
        texts = [event for event in client.events if isinstance(event, LiveText)]
        assert texts
        assert all(text.is_final for text in texts)
        assert not any(part in str(body) for part in ("4711", "0815") for body in (texts, events, transcript))
        assert "[PHONE]" in transcript.text
        await asyncio.wait_for(until_gone(s.settings.data_dir, "4711"), 30)
