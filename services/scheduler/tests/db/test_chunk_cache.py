"""Texts of chunks for other jobs, in the database."""

from __future__ import annotations

import time

from sayit.scheduler.db.stores import Stores
from sayit.scheduler.jobs.records import NewCacheEntry
from sayit.speech.jobs import ChunkText, JobState

from .helper import FAR, accepted, chunk, dispatched, event_log, output, prepared, stores


async def remembered(s: Stores, job_id: str, *, tenant: str = "t", expires_s: float = FAR, text: str = "x") -> None:
    """A job with one chunk, whose text is kept under the job's id."""
    await prepared(s, 1, job_id, tenant=tenant)
    (message,) = await dispatched(s, job_id)
    claim = await s.chunks.claim(message.chunk_id, message.dispatch, "t1", lease_until_s=FAR)
    assert claim is not None
    assert claim.transcriber_id == "t1"
    what = NewCacheEntry(key=job_id, output=output(text), expires_s=expires_s)
    assert await s.chunks.commit(claim, output(text), what) is not None


async def test_a_text_is_its_tenants_until_it_is_old_or_its_job_is_gone(database_url: str) -> None:
    """Other tenants do not see it, nobody does after its time, and DeleteJob takes it along."""
    async with stores(database_url) as s:
        await remembered(s, "a")
        await remembered(s, "old", expires_s=time.time() - 1)
        found = await s.chunk_cache.lookup("t", ["a", "old", "unknown"])
        assert found == {"a": output("x")}
        assert await s.chunk_cache.lookup("other", ["a"]) == {}
        await s.transcribers.expire(now_s=time.time())
        assert await s.chunk_cache.shrink(max_bytes=10_000) == 0
        await s.jobs.delete_job("t", "a")
        assert await s.chunk_cache.lookup("t", ["a"]) == {}


async def test_a_tenant_that_keeps_too_much_loses_its_oldest(database_url: str) -> None:
    """The bound is each tenant's own; with none at all everything goes."""
    async with stores(database_url) as s:
        for number in range(10):
            await remembered(s, f"a{number}", expires_s=FAR + number, text="x" * 1000)
        await remembered(s, "b", tenant="other", text="x" * 1000)
        assert await s.chunk_cache.shrink(max_bytes=100_000) == 0
        gone = await s.chunk_cache.shrink(max_bytes=7_000)
        assert gone == 6
        left = await s.chunk_cache.lookup("t", [f"a{number}" for number in range(10)])
        assert sorted(left) == ["a6", "a7", "a8", "a9"]
        assert await s.chunk_cache.lookup("other", ["b"])
        assert await s.chunk_cache.shrink(max_bytes=0) == 5


async def test_chunks_with_a_text_are_done_when_they_are_added(database_url: str) -> None:
    """Counted, told to watchers and never dispatched; a job whose chunks all have one goes on to be merged."""
    async with stores(database_url) as s:
        await accepted(s)
        assert await s.jobs.lease_preparing("me", until_s=FAR) is not None
        known = [chunk(i, text=f"text {i}") for i in range(3)]
        assert await s.jobs.add_chunks("j", "me", [known[0], chunk(1)], scanned=200, limit=9) is not None
        job = await s.jobs.get_job("t", "j")
        assert (job.chunks_done, job.samples_done, job.samples_chunked) == (1, 100, 200)
        assert job.started_s is not None
        assert [message.chunk_id for message, _ in await s.chunks.unclaimed(before_s=FAR)] == ["j-1"]
        # A second preparer finds the same cuts: what is there stays.
        await s.jobs.add_chunks("j", "me", known[:2], scanned=200)
        await s.jobs.add_chunks("j", "me", known[2:], scanned=300)
        await s.jobs.finish_preparing("j", "me", samples=300, chunks=3, speech=[], warnings=[])
        job = await s.jobs.get_job("t", "j")
        assert (job.state, job.chunks_done, job.samples_done) == (JobState.RUNNING, 2, 200)

        await accepted(s, "all")
        assert await s.jobs.lease_preparing("me", until_s=FAR) is not None
        await s.jobs.add_chunks("all", "me", known[:2], scanned=200)
        await s.jobs.add_chunks("all", "me", known[2:], scanned=300)
        await s.jobs.finish_preparing("all", "me", samples=300, chunks=3, speech=[], warnings=[])
        assert (await s.jobs.get_job("t", "all")).state is JobState.MERGING
        told = await event_log(s, "all")
        assert [event.seq for event in told] == list(range(1, len(told) + 1))
        texts = [event.body.segments[0].text for event in told if isinstance(event.body, ChunkText)]
        assert texts == ["text 0", "text 1", "text 2"]
        assert [done.output.segments[0].text for done in await s.chunks.done_chunks("all")] == texts
