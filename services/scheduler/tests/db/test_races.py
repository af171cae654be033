"""Many writers at once. On PostgreSQL they really run side by side, on connections of several schedulers."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from sayit.scheduler.db.stores import Stores
from sayit.scheduler.jobs.records import AttemptEnd, Claim, Ending, Full, JobLimits, PartRecord
from sayit.scheduler.jobs.transcribers import TranscriberRecord
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import ChunkText, Completed, EventBody, Failed, JobState, StateChanged

from .helper import FAR, accepted, chunk, create, dispatched, event_log, output, prepared, stores, uploaded

ROUNDS = 5
WIDE = JobLimits(jobs=1_000, of_tenant=1_000)
LAST = Completed(language="", duration_s=0.0, segment_count=0, cached=False)


@asynccontextmanager
async def schedulers(url: str, count: int = 3) -> AsyncIterator[list[Stores]]:
    """Stores of as many schedulers as the database can have, with connections of their own."""
    async with stores(url) as first:
        if first.exclusive:
            yield [first] * count
            return
        async with stores(url) as second, stores(url) as third:
            yield [first, second, third][:count]


async def all_claims(s: Stores, job_id: str) -> list[Claim]:
    """Dispatches and claims every due chunk of a job."""
    messages = await dispatched(s, job_id)
    claims = [await s.chunks.claim(m.chunk_id, m.dispatch, "t", lease_until_s=FAR) for m in messages]
    return [claim for claim in claims if claim is not None]


async def at_once(*work: Awaitable[Any]) -> list[Any]:
    """Runs everything at once, in any order; errors are returned, and only ours are."""

    async def later(each: Awaitable[Any]) -> Any:
        await asyncio.sleep(random.uniform(0, 0.003))
        return await each

    done = await asyncio.gather(*(later(each) for each in work), return_exceptions=True)
    for each in done:
        if isinstance(each, BaseException) and not isinstance(each, SayItError):
            raise each
        assert not (isinstance(each, SayItError) and each.kind is ErrorKind.UNAVAILABLE), each.cause
    return done


async def check_events(s: Stores, job_id: str) -> list[EventBody]:
    """The job's events, numbered without a gap, of which only the last may end it."""
    events = await event_log(s, job_id)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    ends = [i for i, event in enumerate(events) if _is_end(event.body)]
    assert ends in ([], [len(events) - 1])
    return [event.body for event in events]


def _is_end(body: EventBody) -> bool:
    return isinstance(body, Completed | Failed) or (isinstance(body, StateChanged) and body.state.terminal)


async def test_the_last_commit_and_the_end_of_preparing_meet(database_url: str) -> None:
    """Whichever of them is last finds that all is done: merging begins exactly once, never not at all."""
    async with schedulers(database_url) as (a, b, c):
        for number in range(ROUNDS):
            job = await accepted(a, f"j{number}")
            assert await a.jobs.lease_preparing("me", until_s=FAR) is not None
            await a.jobs.add_chunks(job.id, "me", [chunk(i) for i in range(3)], scanned=300)
            claims = await all_claims(a, job.id)
            ready = a.jobs.finish_preparing(job.id, "me", samples=300, chunks=3, speech=[], warnings=[])
            await at_once(
                ready,
                a.chunks.commit(claims[0], output("x")),
                b.chunks.commit(claims[1], output("x")),
                c.chunks.commit(claims[2], output("x")),
            )
            bodies = await check_events(a, job.id)
            assert (await a.jobs.get_job("t", job.id)).state is JobState.MERGING
            assert bodies.count(StateChanged(state=JobState.MERGING)) == 1
            assert await a.jobs.cancel_job("t", job.id)


async def test_cancelling_meets_commits_and_failures(database_url: str) -> None:
    """Nothing is written into a job after its end, nothing waits for the other for ever, and one end wins."""
    async with schedulers(database_url) as (a, b, c):
        for number in range(ROUNDS):
            job = await prepared(a, 6, f"j{number}")
            claims = await all_claims(a, job.id)
            done = await at_once(
                *(s.chunks.commit(claim, output("x")) for s, claim in zip((a, b, c, a), claims, strict=False)),
                b.chunks.give_up(claims[4], Ending(how=AttemptEnd.CRASHED)),
                b.jobs.cancel_job("t", job.id),
                c.jobs.cancel_job("t", job.id),
                a.jobs.fail_job(job.id, SayItError(ErrorKind.INTERNAL)),
                c.chunks.renew_claim(claims[5].chunk_id, claims[5].attempt, on_engine=True, lease_until_s=FAR),
            )
            assert [done[5][1], done[6][1], done[7]].count(True) == 1
            bodies = await check_events(a, job.id)
            after = await a.jobs.get_job("t", job.id)
            assert after.state.terminal
            assert sum(isinstance(body, ChunkText) for body in bodies) == after.chunks_done
            assert await all_claims(a, job.id) == []


async def test_one_chunk_has_one_claimant_and_one_result(database_url: str) -> None:
    """Of many claims for one dispatch one is granted; of two commits of an attempt one counts; late ones are noted."""
    async with schedulers(database_url) as (a, b, c):
        job = await prepared(a, 4)
        messages = await at_once(*(s.chunks.dispatch("micro", limit=9) for s in (a, b, c)))
        assert sorted(m.chunk_id for each in messages for m, _ in each) == [f"{job.id}-{i}" for i in range(4)]
        first = next(m for each in messages for m, _ in each)
        granted = await at_once(
            *(s.chunks.claim(first.chunk_id, first.dispatch, "t", lease_until_s=FAR) for s in (a, b, c) * 4)
        )
        (claim,) = [each for each in granted if each is not None]
        committed = await at_once(*(s.chunks.commit(claim, output(str(i))) for i, s in enumerate((a, b, c, a, b))))
        assert sum(each is not None for each in committed) == 1
        assert len(await a.chunks.done_chunks(job.id)) == 1
        assert (await a.jobs.get_job("t", job.id)).chunks_done == 1


async def test_one_key_makes_one_job_of_many_requests(database_url: str) -> None:
    """Fifty requests with one key, of several schedulers at once, get one job, and exactly one of them made it."""
    async with schedulers(database_url) as all_of_them:
        first = await accepted(all_of_them[0], "seed")
        made = await at_once(
            *(
                all_of_them[i % 3].jobs.create_job(replace(first, id=f"n{i}", idempotency_key="same"), WIDE)
                for i in range(50)
            )
        )
    assert [new for _, new in made].count(True) == 1
    assert len({job.id for job, _ in made}) == 1


async def test_bounds_hold_however_many_come_at_once(database_url: str) -> None:
    """Forty requests of two tenants at several schedulers: as many are accepted as there is room for, none more."""
    async with schedulers(database_url) as all_of_them:
        seed = await accepted(all_of_them[0], "seed")
        other = await uploaded(all_of_them[0], "u-other", tenant="other")
        bounds = JobLimits(jobs=9, of_tenant=6)
        jobs = [
            replace(seed, id=f"n{i}")
            if i % 2
            else replace(seed, id=f"n{i}", tenant="other", upload_id=other.id, idempotency_key=f"k{i}")
            for i in range(40)
        ]
        made = await at_once(*(all_of_them[i % 3].jobs.create_job(job, bounds) for i, job in enumerate(jobs)))
        assert await all_of_them[0].jobs.full("t", JobLimits(jobs=9, of_tenant=7)) is Full.JOBS
        assert await all_of_them[0].jobs.full("t", JobLimits(jobs=10, of_tenant=7)) is None
        assert sum(isinstance(each, tuple) and each[1] for each in made) == 8
        first = next(i for i, each in enumerate(made) if isinstance(each, tuple) and jobs[i].idempotency_key)
        again = await all_of_them[1].jobs.create_job(replace(jobs[first], id="again"), bounds)
        assert isinstance(again, tuple), "a retry is answered although there is no room"
        assert again[0].id == jobs[first].id


async def test_a_job_and_the_deletion_of_its_upload_meet(database_url: str) -> None:
    """Either the job is accepted and the upload stays, or the upload goes and the job is refused; nothing else."""
    async with schedulers(database_url) as (a, b, _):
        seed = await accepted(a, "seed")
        template = await a.uploads.get_upload("t", seed.upload_id)
        for number in range(2 * ROUNDS):
            upload = replace(template, id=f"u{number}")
            await a.uploads.create_upload(upload)
            job, deleted = await at_once(
                create(b, replace(seed, id=f"n{number}", upload_id=upload.id)),
                a.uploads.delete_upload("t", upload.id),
            )
            assert isinstance(job, SayItError) != isinstance(deleted, SayItError)
            if isinstance(job, SayItError):
                assert job.kind is ErrorKind.UPLOAD_NOT_FOUND
        garbage = await a.transcribers.garbage()
        assert len(garbage) == len(set(garbage))


async def test_two_jobs_of_one_upload_are_deleted_at_once(database_url: str) -> None:
    """Whoever deletes last takes the upload along; each prefix goes into the bin once."""
    async with schedulers(database_url) as (a, b, _):
        for number in range(ROUNDS):
            first = await accepted(a, f"a{number}")
            second = replace(first, id=f"b{number}")
            await create(a, second)
            done = await at_once(
                a.jobs.delete_job("t", first.id), b.jobs.delete_job("t", second.id), b.jobs.delete_job("t", first.id)
            )
            assert sum(isinstance(each, SayItError) for each in done) == 1
            with pytest.raises(SayItError):
                await a.uploads.get_upload("t", first.upload_id)
            assert f"uploads/{first.upload_id}/" in await a.transcribers.garbage()


async def test_retention_runs_at_several_schedulers(database_url: str) -> None:
    """Expired rows go once, however many schedulers expire them, also while their owner deletes them."""
    async with schedulers(database_url) as (a, b, c):
        for number in range(12):
            job = await accepted(a, f"j{number}")
            await a.jobs.cache_put("t", f"k{number}", job.id, expires_s=1.0)
            await a.jobs.cancel_job("t", job.id)
        far = time.time() + 7200
        gone = await at_once(
            a.transcribers.expire(now_s=far),
            b.transcribers.expire(now_s=far),
            c.transcribers.expire(now_s=far),
            c.jobs.delete_job("t", "j3"),
        )
        deleted = gone[3] is None
        assert sum(gone[:3]) + deleted == 12
        assert sorted(await a.transcribers.garbage()) == sorted(
            prefix for n in range(12) for prefix in (f"jobs/j{n}/", f"jobs/j{n}/chunks/", f"uploads/u-j{n}/")
        )


async def test_upserts_meet(database_url: str) -> None:
    """Two schedulers may note the same cache key or the same transcriber at once."""
    async with schedulers(database_url) as (a, b, c):
        jobs = [await accepted(a, f"j{i}") for i in range(3)]
        report = TranscriberRecord(
            id="t1", model="m", slots=1, busy=0, audio_s=0, compute_s=0, draining=False, seen_s=time.time()
        )
        for _ in range(ROUNDS):
            await at_once(
                *(s.jobs.cache_put("t", "key", job.id, expires_s=FAR) for s, job in zip((a, b, c), jobs, strict=True)),
                *(s.transcribers.report(report) for s in (a, b, c)),
            )
        assert await a.jobs.cache_put("t", "other", "gone", expires_s=FAR) is None
        assert len(await a.transcribers.transcribers(seen_after_s=0)) == 1


async def test_parts_of_one_offset_meet(database_url: str) -> None:
    """Of many parts for one place one is taken; the others hear where the upload ends now."""
    async with schedulers(database_url) as all_of_them:
        upload = await uploaded(all_of_them[0], "u")
        for offset in (10, 20, 30):
            done = await at_once(
                *(
                    s.uploads.add_part(upload.id, PartRecord(offset=offset, size=10, object_key=f"{offset}-{i}"))
                    for i, s in enumerate(all_of_them * 3)
                )
            )
            refused = [each for each in done if isinstance(each, SayItError)]
            assert len(refused) == 8
            assert {each.details["expected"] for each in refused} == {str(offset + 10)}
        assert [part.offset for part in await all_of_them[0].uploads.parts(upload.id)] == [0, 10, 20, 30]


async def test_a_job_seals_its_upload(database_url: str) -> None:
    """Of a job and a further part at once the part may come first; it never comes after the job was accepted."""
    async with schedulers(database_url) as (a, b, _):
        seed = await accepted(a, "seed")
        template = await a.uploads.get_upload("t", seed.upload_id)
        for number in range(ROUNDS):
            upload = replace(template, id=f"u{number}")
            await a.uploads.create_upload(upload)
            part = PartRecord(offset=upload.received, size=1, object_key="x")
            accepting = create(a, replace(seed, id=f"n{number}", upload_id=upload.id))
            _, refused = await at_once(accepting, b.uploads.add_part(upload.id, part))
            with pytest.raises(SayItError):
                await b.uploads.add_part(upload.id, replace(part, offset=upload.received + (refused is None)))
            if refused is not None:
                assert refused.kind is ErrorKind.INVALID_ARGUMENT


async def test_leases_are_given_once(database_url: str) -> None:
    """Many schedulers that look for work at once get different jobs, and each job goes to one of them."""
    async with schedulers(database_url) as all_of_them:
        for number in range(9):
            await accepted(all_of_them[0], f"j{number}")
        taken = await at_once(*(s.jobs.lease_preparing(f"o{i}", until_s=FAR) for i, s in enumerate(all_of_them * 5)))
        rest = [await all_of_them[0].jobs.lease_preparing("rest", until_s=FAR) for _ in range(9)]
    ids = [job.id for job in (*taken, *rest) if job is not None]
    assert sorted(ids) == [f"j{number}" for number in range(9)]


async def test_an_expired_claim_is_freed_once_and_never_a_renewed_one(database_url: str) -> None:
    """Several schedulers free a dead one's claim: it counts once; a claim that was renewed meanwhile stays."""
    async with schedulers(database_url) as (a, b, c):
        job = await prepared(a, 2)
        dead, alive = await all_claims(a, job.id)
        for claim in (dead, alive):
            await a.chunks.renew_claim(claim.chunk_id, claim.attempt, on_engine=True, lease_until_s=100.0)
        found = await b.chunks.expired_claims(now_s=101.0)
        await a.chunks.renew_claim(alive.chunk_id, alive.attempt, on_engine=True, lease_until_s=200.0)
        freed = await at_once(
            *(
                s.chunks.give_up(claim, Ending(how=AttemptEnd.INTERRUPTED, detail="gone", expired_s=101.0))
                for s in (a, b, c)
                for claim in found
            )
        )
        assert sum(each is not None for each in freed) == 1
        assert await a.chunks.commit(dead, output("late")) is None
        assert await a.chunks.commit(alive, output("right")) is not None


async def test_several_schedulers_dispatch_no_more_than_fits(postgres_url: str) -> None:
    """While one scheduler fills the room in the queue, another one waits and then sees it full."""
    async with schedulers(postgres_url) as all_of_them:
        await prepared(all_of_them[0], 30)
        dispatches = await at_once(*(s.chunks.dispatch("micro", limit=4) for s in all_of_them * 4))
        assert sum(len(each) for each in dispatches) == 4


async def test_what_a_column_cannot_hold_is_the_callers_mistake(postgres_url: str) -> None:
    """PostgreSQL knows no NUL in texts; an id with one is refused, not reported as an outage."""
    async with stores(postgres_url) as s:
        with pytest.raises(SayItError) as error:
            await s.jobs.get_job("t", "a\x00b")
    assert error.value.kind is ErrorKind.INVALID_ARGUMENT
