"""Chunks that wait for the one before them."""

from __future__ import annotations

import time
from dataclasses import replace

from sayit.scheduler.db.stores import Stores
from sayit.scheduler.jobs.records import AttemptEnd, Claim, Ending
from sayit.speech.jobs import JobState
from sayit.speech.options import Context

from .helper import FAR, accepted, chunk, create, dispatched, output, stores, uploaded


async def sequential(s: Stores, job_id: str = "j") -> str:
    """A job that is being prepared, whose chunks go one after the other."""
    other = await accepted(s, f"before-{job_id}")
    await s.jobs.cancel_job("t", other.id)
    upload = await uploaded(s, f"u-{job_id}")
    options = replace(other.options, context=Context.SEQUENTIAL)
    job = replace(other, id=job_id, upload_id=upload.id, options=options, created_s=time.time())
    await create(s, job)
    assert await s.jobs.lease_preparing("me", until_s=FAR) is not None
    return job_id


async def only_due(s: Stores, job_id: str) -> Claim:
    """Claims the one chunk of a job that can be had."""
    (message,) = await dispatched(s, job_id)
    claim = await s.chunks.claim(message.chunk_id, message.dispatch, "t1", lease_until_s=FAR)
    assert claim is not None
    assert await dispatched(s, job_id) == []
    return claim


async def test_a_chunk_waits_for_the_text_before_it(database_url: str) -> None:
    """One chunk at a time is due, with the end of the text before it; those that are cut later continue the row."""
    async with stores(database_url) as s:
        job_id = await sequential(s)
        await s.jobs.add_chunks(job_id, "me", [chunk(0), chunk(1)], scanned=200)
        first = await only_due(s, job_id)
        assert (first.index, first.overrides.preceding) == (0, "")
        await s.chunks.commit(first, output("가 " * 150 + "끝"))
        second = await only_due(s, job_id)
        assert second.index == 1
        assert second.overrides.preceding == "가 " * 99 + "끝"
        await s.chunks.commit(second, output("둘"))
        await s.jobs.add_chunks(job_id, "me", [chunk(2), chunk(3)], scanned=400)
        await s.jobs.finish_preparing(job_id, "me", samples=400, chunks=4, speech=[], warnings=[])
        third = await only_due(s, job_id)
        assert (third.index, third.overrides.preceding) == (2, "둘")
        await s.chunks.commit(third, output("셋"))
        done = await s.chunks.commit(await only_due(s, job_id), output("넷"))
    assert done is not None
    assert done.state is JobState.MERGING


async def test_what_is_tried_again_has_the_same_text_before_it(database_url: str) -> None:
    """A crash changes nothing of the order; the next attempt begins with the same words."""
    async with stores(database_url) as s:
        job_id = await sequential(s)
        await s.jobs.add_chunks(job_id, "me", [chunk(0), chunk(1), chunk(2)], scanned=300)
        await s.chunks.commit(await only_due(s, job_id), output("하나"))
        once = await only_due(s, job_id)
        await s.chunks.give_up(once, Ending(how=AttemptEnd.CRASHED))
        again = await only_due(s, job_id)
    assert (once.index, once.overrides) == (again.index, again.overrides)
    assert again.overrides.preceding == "하나"


async def test_waiting_chunks_end_with_their_job_and_count_as_work(database_url: str) -> None:
    """What waits for its turn is in the backlog, and nobody gets it once its job is cancelled."""
    async with stores(database_url) as s:
        job_id = await sequential(s)
        await s.jobs.add_chunks(job_id, "me", [chunk(0), chunk(1), chunk(2)], scanned=300)
        claim = await only_due(s, job_id)
        (waiting,) = (await s.transcribers.backlog("micro")).waiting
        assert (waiting.due_chunks, waiting.held_chunks) == (2, 1)
        await s.jobs.cancel_job("t", job_id)
        assert await s.chunks.commit(claim, output("late")) is None
        assert await dispatched(s, job_id) == []
        assert not (await s.transcribers.backlog("micro")).waiting
