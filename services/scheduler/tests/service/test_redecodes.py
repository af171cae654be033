"""Second looks and sequential chunks through a real scheduler with a scripted transcriber."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from sayit.internal.v1 import chunk_service_pb2 as chunk_pb
from sayit.speech import wire
from sayit.speech.chunk_queue import queue_name
from sayit.v1 import resources_pb2 as pb

from .helper import LONG, SHORT, Attempt, Suite, Transcriber, suite

#: What the first half of the recording says.
FIRST = "하나 하나 하나 하나 하나 하나"


async def with_a_gap(s: Suite, worker: Transcriber) -> tuple[pb.Job, Attempt]:
    """A job of one chunk whose second half was not written down, and the look at it, from 1.5 s on."""
    await worker.report()
    job = await s.create(SHORT, language="ko")
    first = await worker.claim(*await worker.take())
    await first.say(result=text_of((FIRST, 0.3, 4.5)))
    await first.answer()
    return job, await worker.claim(*await worker.take())


def text_of(*said: tuple[str, float, float]) -> chunk_pb.ChunkOutput:
    """A chunk's text: words and their times in seconds."""
    segments = [
        pb.Segment(
            text=text,
            language="ko",
            start=wire.duration_to_proto(start_s),
            end=wire.duration_to_proto(end_s),
            avg_logprob=-0.1,
        )
        for text, start_s, end_s in said
    ]
    return chunk_pb.ChunkOutput(
        segments=segments, language="ko", language_probability=1.0, compute=wire.duration_to_proto(0.5), windows=1
    )


def kinds(events: list[pb.JobEvent]) -> list[str | None]:
    """The durable events."""
    return [event.WhichOneof("event") for event in events if event.seq]


async def test_a_gap_is_heard_again_before_the_job_ends(tmp_path: Path, redis_url: str) -> None:
    """The look is decoded in its own way, no event shows it as a chunk; its text comes as a refinement."""
    async with suite(tmp_path, redis_url, redecode=True) as s:
        worker = Transcriber(s)
        job, redecode = await with_a_gap(s, worker)
        state = await s.get(job.id)
        assert state.state == pb.JOB_STATE_MERGING
        assert (state.progress.chunks_done, state.progress.chunks_total) == (1, 1)
        assert redecode.assignment.interactive
        assert redecode.assignment.options.word_timestamps
        assert list(redecode.assignment.options.temperatures) == pytest.approx([0.0, 0.4])
        assert redecode.assignment.audio_bytes == len(redecode.audio) > 0
        await redecode.say(partial=text_of(("둘 셋", 3.4, 5.5)))
        await redecode.say(result=text_of(("둘 셋", 3.4, 5.5)))
        await redecode.answer()
        events = await s.events(job.id)
        transcript = await s.transcript(job.id)
    assert kinds(events).count("chunk_text") == 1
    assert [event.refinement.number for event in events if event.HasField("refinement")] == [1]
    assert not any(event.HasField("partial_text") for event in events)
    assert transcript.text == f"{FIRST} 둘 셋"
    assert transcript.usage.compute_s == 1.0


async def test_without_redecodes_a_gap_is_reported(tmp_path: Path, redis_url: str) -> None:
    """Switched off, the job ends with what its chunks said."""
    async with suite(tmp_path, redis_url) as s:
        worker = Transcriber(s)
        await worker.report()
        job = await s.create(SHORT, language="ko")
        first = await worker.claim(*await worker.take())
        await first.say(result=text_of(("하나", 0.3, 1.0)))
        await first.answer()
        await s.events(job.id)
        transcript = await s.transcript(job.id)
    assert transcript.text == "하나"
    assert transcript.coverage.gaps


async def test_a_look_that_fails_harms_nobody(tmp_path: Path, redis_url: str) -> None:
    """After three engine errors the job completes with the text that it had."""
    async with suite(tmp_path, redis_url, redecode=True) as s:
        worker = Transcriber(s)
        job, redecode = await with_a_gap(s, worker)
        for _ in range(2):
            await redecode.say(failure=chunk_pb.ChunkFailure(detail="broken"))
            await redecode.answer()
            redecode = await worker.claim(*await worker.take())
        await redecode.say(failure=chunk_pb.ChunkFailure(detail="broken"))
        await redecode.answer()
        done = await s.until(job.id, pb.JOB_STATE_COMPLETED, pb.JOB_STATE_FAILED)
        transcript = await s.transcript(job.id)
    assert done.state == pb.JOB_STATE_COMPLETED
    assert transcript.text == FIRST
    assert transcript.coverage.gaps


async def test_a_restarted_scheduler_neither_loses_nor_repeats_a_look(tmp_path: Path, redis_url: str) -> None:
    """The look is dispatched again after a restart, and there is one of it."""
    async with suite(tmp_path, redis_url, redecode=True) as s:
        job, _ = await with_a_gap(s, Transcriber(s))
    async with suite(tmp_path, redis_url, redecode=True) as s:
        worker = Transcriber(s)
        await worker.report()
        redecode = await worker.claim(*await worker.take())
        await redecode.say(result=text_of(("둘", 3.4, 4.0)))
        await redecode.answer()
        done = await s.until(job.id, pb.JOB_STATE_COMPLETED, pb.JOB_STATE_FAILED)
        transcript = await s.transcript(job.id)
    assert done.state == pb.JOB_STATE_COMPLETED
    assert transcript.text == f"{FIRST} 둘"


async def test_sequential_chunks_carry_text_on(tmp_path: Path, redis_url: str) -> None:
    """Each chunk begins with the request's prompt and the text before it, and none begins before that is there."""
    async with suite(tmp_path, redis_url) as s:
        worker = Transcriber(s, slots=4)
        await worker.report()
        job = await s.create(LONG, language="en", prompt="Names.", context=pb.CONTEXT_SEQUENTIAL)
        prompts: list[str] = []
        while (await s.get(job.id)).state in (pb.JOB_STATE_PREPARING, pb.JOB_STATE_RUNNING):
            attempt: Any = await worker.claim(*await worker.take())
            assert await s.redis.zcard(queue_name("micro")) == 0
            prompts.append(attempt.assignment.options.prompt)
            await attempt.finish(f"part {attempt.assignment.chunk_index}")
            await asyncio.sleep(0)
        await s.until(job.id, pb.JOB_STATE_COMPLETED)
    assert len(prompts) > 2
    assert prompts == ["Names.", *(f"Names. part {index}" for index in range(len(prompts) - 1))]
