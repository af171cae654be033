"""What was deleted can be found in no file of the installation."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import grpc
import pytest
from pydantic import SecretStr

from sayit.chassis import principal
from sayit.v1 import resources_pb2 as pb
from sayit.v1 import transcription_service_pb2 as service_pb
from sayit.v1 import vocabulary_service_pb2 as vocabulary_pb
from tests.receiver import answer, receiver

from .helper import ALICE, SHORT, SWEEPING, Suite, Transcriber, suite
from .live_helper import SPEECH, Client, LiveTranscriber
from .test_audit import noted

MARKER = "quince-marmalade-4711"


def files_with(folder: Path, marker: str | bytes) -> set[str]:
    """Names of the files below a folder that hold the marker."""
    found = set()
    wanted = marker.encode() if isinstance(marker, str) else marker
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            if path.is_file() and wanted in path.read_bytes():
                found.add(path.name)
    return found


async def until_gone(folder: Path, marker: str | bytes) -> None:
    """Waits until no file holds the marker."""
    while True:
        if not files_with(folder, marker):
            return
        await asyncio.sleep(0.05)


async def spoken(s: Suite, **options: bool) -> str:
    """A finished job whose text, prompt and vocabulary hold the marker; with a text that fills many pages."""
    worker = Transcriber(s)
    await worker.report()
    with principal.use(ALICE):
        await s.jobs.PutVocabulary(
            vocabulary_pb.PutVocabularyRequest(name="fruit", words=[f"word {MARKER}"], prompt=f"put {MARKER}")
        )
    job = await s.create(SHORT, prompt=f"asked {MARKER}", vocabulary="fruit", **options)
    attempt = await worker.claim(*await worker.take())
    await attempt.finish(" ".join(f"{number} {MARKER}" for number in range(5_000)))
    assert (await s.events(job.id))[-1].HasField("completed")
    return job.id


async def test_a_deleted_job_leaves_no_trace(tmp_path: Path, redis_url: str) -> None:
    """Its text and prompt leave database, log, free pages and caches, and so do the words of a vocabulary."""
    async with suite(tmp_path, redis_url, sweep_s=SWEEPING) as s:
        job_id = await spoken(s)
        data = s.settings.data_dir
        assert {"sayit.db-wal", "transcript.pb"} <= files_with(data, MARKER)
        with principal.use(ALICE):
            await s.jobs.DeleteJob(service_pb.DeleteJobRequest(job_id=job_id))
            await s.jobs.PutVocabulary(vocabulary_pb.PutVocabularyRequest(name="fruit", words=["plum-4712"]))
        await asyncio.wait_for(until_gone(data, MARKER), 30)
        with principal.use(ALICE):
            await s.jobs.DeleteVocabulary(vocabulary_pb.DeleteVocabularyRequest(name="fruit"))
        await asyncio.wait_for(until_gone(data, "plum-4712"), 30)


async def corrected_live_session(s: Suite, callback: str) -> str:
    """A live session whose text was corrected, with the marker wherever a client can write it."""
    client = Client(s)
    config = service_pb.JobConfig(filename=MARKER, labels={"about": MARKER}, callback_url=f"{callback}/{MARKER}")
    config.options.CopyFrom(pb.TranscriptionOptions(language="en", prompt=MARKER))
    job_id = (await client.begin(config=config)).job.id
    await client.say(SPEECH)
    await client.finish()
    await s.until(job_id, pb.JOB_STATE_COMPLETED)
    correction = pb.SegmentCorrection(segment=(await s.transcript(job_id)).segments[0].id, text=MARKER)
    with principal.use(ALICE):
        await s.jobs.UpdateTranscript(
            service_pb.UpdateTranscriptRequest(job_id=job_id, expected_version=0, segments=[correction])
        )
    return job_id


async def test_a_deleted_live_session_leaves_no_trace(tmp_path: Path, redis_url: str) -> None:
    """Its recording, its state and texts, corrections, and what was still to be told of it; not who did what."""
    sound = SPEECH[160_000:160_064]
    async with receiver(answer(500)) as server:
        settings = {"webhook_secrets": SecretStr("s" * 32), "outbound_trusted": f"localhost:{server.port}"}
        async with suite(tmp_path, redis_url, sweep_s=SWEEPING, **settings) as s, LiveTranscriber(s).serving():
            data = s.settings.data_dir
            job_id = await corrected_live_session(s, f"http://localhost:{server.port}")
            await server.received(1)  # it is told again later
            assert files_with(data, MARKER)
            assert files_with(data, sound)
            with principal.use(ALICE):
                await s.jobs.DeleteJob(service_pb.DeleteJobRequest(job_id=job_id))
            await asyncio.wait_for(until_gone(data, MARKER), 30)
            await asyncio.wait_for(until_gone(data, sound), 30)
            rows = await noted(s.settings, until="job.delete")
            of_job = [row["action"] for row in rows if row["subject"] == job_id]
            actions = ("job.create", "live.open", "transcript.read", "transcript.correct", "job.delete")
            assert of_job == list(actions)
            assert MARKER not in str(rows)


async def test_a_job_that_was_read_leaves_no_trace(tmp_path: Path, redis_url: str) -> None:
    """Where its options say so, a while after its whole transcript was given out; watching its events is no reading."""
    async with suite(tmp_path, redis_url, sweep_s=SWEEPING, read_again_s=0.2) as s:
        data = s.settings.data_dir
        job_id = await spoken(s, delete_after_read=True)
        await asyncio.sleep(12 * SWEEPING)
        assert MARKER in (await s.transcript(job_id)).text
        assert MARKER in (await s.transcript(job_id)).text
        with principal.use(ALICE):
            await s.jobs.DeleteVocabulary(vocabulary_pb.DeleteVocabularyRequest(name="fruit"))
        await asyncio.wait_for(until_gone(data, MARKER), 30)
        with pytest.raises(grpc.aio.AioRpcError):
            await s.transcript(job_id)


async def test_an_expired_job_leaves_no_trace(tmp_path: Path, redis_url: str) -> None:
    """The same when its time is over; what reads the database for long, such as a backup, only delays it."""
    async with suite(tmp_path, redis_url, sweep_s=SWEEPING, result_ttl_h=1 / 3600) as s:
        data = s.settings.data_dir
        with closing(sqlite3.connect(data / "sayit.db", isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM jobs").fetchone()
            job_id = await spoken(s)
            with principal.use(ALICE):
                await s.jobs.DeleteVocabulary(vocabulary_pb.DeleteVocabularyRequest(name="fruit"))
            with pytest.raises(grpc.aio.AioRpcError):
                await s.until(job_id)  # a state that no job has: until it is gone
            assert "sayit.db-wal" in files_with(data, MARKER)
        await asyncio.wait_for(until_gone(data, MARKER), 30)
