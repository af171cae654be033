"""Second looks in the database: chunks that nobody counts, and that no job fails by."""

from __future__ import annotations

import asyncio
import time

from sayit.scheduler.db.stores import Stores
from sayit.scheduler.jobs.chunk_overrides import ChunkOverrides
from sayit.scheduler.jobs.records import AttemptEnd, Claim, Ending, JobRecord, NewChunk
from sayit.scheduler.jobs.redecodes import REDECODE_NUMBERS, RedecodeRequest
from sayit.speech.jobs import JobState

from .helper import FAR, dispatched, output, prepared, stores

CHANGES = ChunkOverrides(language="en", temperatures=(0.0, 0.4), preceding='said "before"', word_timestamps=True)


def wanted(start: int) -> RedecodeRequest:
    """A re-decode of 100 samples."""
    return RedecodeRequest(kind="gap", start_sample=start, end_sample=start + 100, overrides=CHANGES)


def new(*starts: int, round_: int = 1) -> list[NewChunk]:
    """Re-decodes of 100 samples."""
    return [
        wanted(start).chunk(round_ * REDECODE_NUMBERS + number, f"jobs/j/chunks/look-{start}", ((start, start + 100),))
        for number, start in enumerate(starts)
    ]


async def claimed(s: Stores, job_id: str, number: int) -> Claim:
    """Dispatches and claims a chunk or look."""
    (message,) = [m for m in await dispatched(s, job_id) if m.chunk_id == f"{job_id}-{number}"]
    claim = await s.chunks.claim(message.chunk_id, message.dispatch, "t1", lease_until_s=FAR)
    assert claim is not None
    return claim


async def merging(s: Stores) -> JobRecord:
    """A job of two chunks, both done, whose merger is "me"."""
    job = await prepared(s, 2)
    for number in range(2):
        await s.chunks.commit(await claimed(s, job.id, number), output(str(number)))
    leased = await s.jobs.lease_merging("me", until_s=FAR)
    assert leased is not None
    return leased


async def test_a_job_is_merged_when_all_its_looks_have_an_end(database_url: str) -> None:
    """Looks are claimed and committed like chunks, with their own options; nobody counts them and no event tells."""
    async with stores(database_url) as s:
        job = await merging(s)
        added = await s.redecodes.add(job.id, "me", new(50, 80), limit=99)
        assert added is not None
        assert [chunk.index for _, chunk in added] == [REDECODE_NUMBERS, REDECODE_NUMBERS + 1]
        assert await s.jobs.lease_merging("other", until_s=FAR) is None
        for message, _ in added:
            claim = await s.chunks.claim(message.chunk_id, message.dispatch, "t1", lease_until_s=FAR)
            assert claim is not None
            assert (claim.redecode_kind, claim.overrides) == ("gap", CHANGES)
            assert await s.jobs.lease_merging("other", until_s=FAR) is None
            assert await s.chunks.commit(claim, output("again")) is not None
        after = await s.jobs.lease_merging("other", until_s=FAR)
        had = await s.redecodes.of_job(job.id)
        chunks = await s.chunks.done_chunks(job.id)
    assert after is not None
    assert (after.state, after.last_seq) == (JobState.MERGING, job.last_seq)
    assert (after.chunks_done, after.samples_done, after.chunks_total) == (2, 200, 2)
    assert [(redecode.request, redecode.round) for redecode in had] == [(wanted(50), 1), (wanted(80), 1)]
    assert all(redecode.output is not None for redecode in had)
    assert [chunk.index for chunk in chunks] == [0, 1]


async def test_a_look_that_cannot_be_had_is_given_up(database_url: str) -> None:
    """Three crashes or engine errors end a look, and not its job; interruptions end nothing."""
    async with stores(database_url) as s:
        job = await merging(s)
        await s.redecodes.add(job.id, "me", new(50, 80))
        for number, end in ((REDECODE_NUMBERS, AttemptEnd.CRASHED), (REDECODE_NUMBERS + 1, AttemptEnd.FAILED)):
            for _ in range(5):
                await s.chunks.give_up(await claimed(s, job.id, number), Ending(how=AttemptEnd.INTERRUPTED))
            for _ in range(3):
                assert await s.jobs.lease_merging("other", until_s=FAR) is None
                after = await s.chunks.give_up(await claimed(s, job.id, number), Ending(how=end))
                assert after is not None
                assert after.state is JobState.MERGING
        assert await s.jobs.lease_merging("other", until_s=FAR) is not None
        assert [redecode.output for redecode in await s.redecodes.of_job(job.id)] == [None, None]


async def test_a_late_text_of_a_look_is_fenced(database_url: str) -> None:
    """Only the current attempt at a look writes, as with every chunk."""
    async with stores(database_url) as s:
        job = await merging(s)
        await s.redecodes.add(job.id, "me", new(50))
        old = await claimed(s, job.id, REDECODE_NUMBERS)
        await s.chunks.give_up(old, Ending(how=AttemptEnd.INTERRUPTED))
        now = await claimed(s, job.id, REDECODE_NUMBERS)
        assert await s.chunks.commit(old, output("late")) is None
        assert await s.chunks.commit(now, output("right")) is not None
        (redecode,) = await s.redecodes.of_job(job.id)
    assert redecode.output is not None
    assert redecode.output.segments[0].text == "right"


async def test_looks_nobody_comes_for_are_given_up(database_url: str) -> None:
    """A look that waits for too long is dropped, one that runs is not."""
    async with stores(database_url) as s:
        job = await merging(s)
        await s.redecodes.add(job.id, "me", new(50, 80))
        running = await claimed(s, job.id, REDECODE_NUMBERS)
        assert await s.redecodes.give_up_waiting(before_s=time.time() - 60) == 0
        assert await s.redecodes.give_up_waiting(before_s=time.time() + 60) == 1
        assert await s.chunks.commit(running, output("again")) is not None
        assert await s.jobs.lease_merging("other", until_s=FAR) is not None


async def test_looks_end_with_their_job(database_url: str) -> None:
    """Cancelled, no look of a job is claimed, committed or added any more."""
    async with stores(database_url) as s:
        job = await merging(s)
        await s.redecodes.add(job.id, "me", new(50, 80))
        claim = await claimed(s, job.id, REDECODE_NUMBERS)
        (waiting,) = await dispatched(s, job.id)
        await s.jobs.cancel_job("t", job.id)
        assert await s.chunks.commit(claim, output("late")) is None
        assert await s.chunks.claim(waiting.chunk_id, waiting.dispatch, "t1", lease_until_s=FAR) is None
        assert await s.redecodes.add(job.id, "me", new(10, round_=2)) is None
        await s.jobs.delete_job("t", job.id)
        assert await s.redecodes.of_job(job.id) == []


async def test_only_the_owner_of_the_lease_has_looks(database_url: str) -> None:
    """Of several schedulers that want looks for one job, the one that holds its lease adds them, once."""
    async with stores(database_url) as s:
        job = await merging(s)
        assert await s.redecodes.add(job.id, "other", new(50)) is None
        added = await asyncio.gather(*(s.redecodes.add(job.id, "me", new(50)) for _ in range(4)))
        assert [each is None for each in added].count(False) == 1
        assert len(await s.redecodes.of_job(job.id)) == 1
