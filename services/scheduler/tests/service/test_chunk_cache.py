"""What was decoded once is not decoded again: chunks of other jobs of the same tenant, with the real splitter."""

from __future__ import annotations

import asyncio
import io
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from prometheus_client import REGISTRY

from sayit.chassis import principal
from sayit.chassis.principal import Principal
from sayit.v1 import resources_pb2 as pb
from sayit.v1 import transcription_service_pb2 as service_pb

from .helper import ALICE, BOB, RECORDINGS, Suite, Transcriber, suite

RATE = 16_000


def samples(name: str) -> np.ndarray[Any, Any]:
    """A recording's samples."""
    found, rate = soundfile.read(RECORDINGS / f"{name}.flac", dtype="int16")
    assert rate == RATE
    return np.asarray(found)


def file_of(*parts: np.ndarray[Any, Any], kind: str = "WAV") -> bytes:
    """Samples one after the other, as a file."""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.concatenate(parts), RATE, format=kind)
    return buffer.getvalue()


SHORT = samples("ko-8s")
QUIET = np.zeros(12 * RATE, np.int16)
#: Three chunks: such silences end them. A second of it at the end, or what follows would move the last one's end.
LONG = np.concatenate([SHORT, QUIET, samples("en-8s"), QUIET, samples("en-8s") // 2, QUIET[:RATE]])


def kept(s: Suite) -> int:
    """Texts in the chunk cache."""
    with closing(sqlite3.connect(s.settings.data_dir / "sayit.db")) as database:
        return int(database.execute("SELECT count(*) FROM chunk_cache").fetchone()[0])


def on_engine(s: Suite) -> int:
    """Chunks of which the scheduler knows that they are on the engine."""
    with closing(sqlite3.connect(s.settings.data_dir / "sayit.db")) as database:
        return int(database.execute("SELECT count(*) FROM chunks WHERE on_engine").fetchone()[0])


@asynccontextmanager
async def working(s: Suite, **of: Any) -> AsyncIterator[Transcriber]:
    """A transcriber that does everything, while the block runs."""
    worker = Transcriber(s, **of)
    await worker.report()
    running = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        running.cancel()


async def transcribed(s: Suite, audio: bytes, *, who: Principal = ALICE, **options: Any) -> tuple[pb.Job, Any]:
    """A finished job and its transcript."""
    job = await s.create(audio, who=who, **options)
    events = await asyncio.wait_for(s.events(job.id, who=who), 60)
    assert events[-1].WhichOneof("event") == "completed"
    durable = [event.seq for event in events if event.seq]
    assert durable == list(range(1, len(durable) + 1))
    return await s.get(job.id, who=who), await s.transcript(job.id, who=who)


async def test_an_edited_file_decodes_only_what_changed(tmp_path: Path, redis_url: str) -> None:
    """Another container decodes nothing, a longer tail and a part replaced only the chunks that they touch."""
    async with suite(tmp_path, redis_url) as s, working(s) as worker:
        first, original = await transcribed(s, file_of(LONG))
        chunks = first.progress.chunks_total
        assert worker.attempts == chunks == kept(s) == 3

        hits = REGISTRY.get_sample_value("sayit_chunk_cache_total", {"found": "hit"}) or 0.0
        again, same = await transcribed(s, file_of(LONG, kind="FLAC"))
        assert not again.cached
        assert worker.attempts == chunks
        assert same.segments == original.segments
        assert same.usage.compute_s == 0.0
        assert again.progress == first.progress
        assert again.start_time.ToSeconds() > 0
        assert REGISTRY.get_sample_value("sayit_chunk_cache_total", {"found": "hit"}) == hits + chunks

        _, with_tail = await transcribed(s, file_of(LONG, QUIET, SHORT // 4))
        assert worker.attempts == chunks + 1
        assert with_tail.usage.compute_s == pytest.approx(0.5)

        replaced = LONG.copy()
        replaced[: len(SHORT)] //= 2
        await transcribed(s, file_of(replaced))
        assert worker.attempts == chunks + 2


async def test_only_the_same_question_is_answered(tmp_path: Path, redis_url: str) -> None:
    """What the engine is asked counts, and whose file it is; the guard works on the kept text."""
    audio, other_file = file_of(SHORT), file_of(SHORT, kind="FLAC")
    async with suite(tmp_path, redis_url) as s, working(s) as worker:
        await transcribed(s, audio, language="ko", word_timestamps=True)
        assert worker.attempts == 1
        for options in ({"language": "ko"}, {"language": "ko", "guard": pb.GUARD_STRICT}):
            await transcribed(s, other_file, **options)
            assert worker.attempts == 1, options
        for number, options in enumerate(
            (
                {"language": "en"},
                {"language": "ko", "prompt": "안녕"},
                {"language": "ko", "context": pb.CONTEXT_SEQUENTIAL},
                {"language": "ko", "who": BOB},
            ),
            start=2,
        ):
            await transcribed(s, other_file, **options)
            assert worker.attempts == number, options
        # What hangs on earlier chunks is not kept either.
        assert kept(s) == 4
        await transcribed(s, audio, language="ko", context=pb.CONTEXT_SEQUENTIAL)
        assert worker.attempts == 6


async def test_a_deleted_job_takes_its_text_along(tmp_path: Path, redis_url: str) -> None:
    """After DeleteJob no text of it answers anybody, and none is in the database."""
    async with suite(tmp_path, redis_url) as s, working(s) as worker:
        job, _ = await transcribed(s, file_of(SHORT))
        assert kept(s) == 1
        with principal.use(ALICE):
            await s.jobs.DeleteJob(service_pb.DeleteJobRequest(job_id=job.id))
        assert kept(s) == 0
        await transcribed(s, file_of(SHORT, kind="FLAC"))
        assert worker.attempts == 2


async def test_another_model_under_the_same_name_answers_for_itself(tmp_path: Path, redis_url: str) -> None:
    """Neither chunks nor whole files are answered by what another model said; while two differ, nothing is."""
    async with suite(tmp_path, redis_url, report_s=10) as s:
        async with working(s, name="old", revision="r1") as old:
            await transcribed(s, file_of(SHORT))
            await old.report(draining=True)
        async with working(s, name="new", revision="r2") as new:
            await transcribed(s, file_of(SHORT))
            await transcribed(s, file_of(SHORT, kind="FLAC"))
            assert new.attempts == 1
            await Transcriber(s, name="third", revision="r3", slots=0).report()
            await transcribed(s, file_of(SHORT))
            assert new.attempts == 2
            silent = Transcriber(s, name="third", revision="", slots=0)
            await silent.report()
            await transcribed(s, file_of(SHORT))
            assert new.attempts == 3


@pytest.mark.parametrize("off", [{"cache_ttl_h": 0}, {"chunk_cache_mb": 0}])
async def test_it_can_be_switched_off(tmp_path: Path, redis_url: str, off: dict[str, Any]) -> None:
    """Without a lifetime or without room nothing is kept."""
    async with suite(tmp_path, redis_url, **off) as s, working(s) as worker:
        await transcribed(s, file_of(SHORT))
        assert kept(s) == 0
        await transcribed(s, file_of(SHORT, kind="FLAC"))
        assert worker.attempts == 2


async def test_the_text_of_a_suspect_is_not_kept(tmp_path: Path, redis_url: str) -> None:
    """A chunk that once took its transcriber along is decoded again in every job."""
    async with suite(tmp_path, redis_url) as s:
        worker = Transcriber(s)
        await worker.report()
        job = await s.create(file_of(SHORT))
        attempt = await worker.claim(*await worker.take())
        await attempt.on_engine()
        while not on_engine(s):  # noqa: ASYNC110 - the transcriber is not told
            await asyncio.sleep(0.02)
        attempt.call.cancel()
        attempt = await worker.claim(*await worker.take())
        assert attempt.assignment.alone
        await attempt.finish("안녕하세요")
        await s.events(job.id)
        assert kept(s) == 0
