"""What was deleted can be found in no file of the installation."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import grpc
import pytest

from sayit.chassis import principal
from sayit.v1 import transcription_service_pb2 as service_pb
from sayit.v1 import vocabulary_service_pb2 as vocabulary_pb

from .helper import ALICE, SHORT, SWEEPING, Suite, Transcriber, suite

MARKER = "quince-marmalade-4711"


def files_with(folder: Path, marker: str) -> set[str]:
    """Names of the files below a folder that hold the marker."""
    found = set()
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            if path.is_file() and marker.encode() in path.read_bytes():
                found.add(path.name)
    return found


async def until_gone(folder: Path, marker: str) -> None:
    """Waits until no file holds the marker."""
    while True:
        if not files_with(folder, marker):
            return
        await asyncio.sleep(0.05)


async def spoken(s: Suite) -> str:
    """A finished job whose text, prompt and vocabulary hold the marker; with a text that fills many pages."""
    worker = Transcriber(s)
    await worker.report()
    with principal.use(ALICE):
        await s.jobs.PutVocabulary(
            vocabulary_pb.PutVocabularyRequest(name="fruit", words=[f"word {MARKER}"], prompt=f"put {MARKER}")
        )
    job = await s.create(SHORT, prompt=f"asked {MARKER}", vocabulary="fruit")
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
