"""The stores: every method is one transaction, and the attempt's number fences every write."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, inspect, text
from sqlalchemy.engine import make_url

from sayit.chassis.start import StartError
from sayit.scheduler.db import events
from sayit.scheduler.db.engine import database_at
from sayit.scheduler.db.migrations import downgrade, is_newest, upgrade
from sayit.scheduler.db.schema import metadata
from sayit.scheduler.db.stores import Stores
from sayit.scheduler.jobs.records import AttemptEnd, Claim, Ending, PartRecord
from sayit.scheduler.jobs.transcribers import Backlog, UncutRecording
from sayit.scheduler.settings import hours_of
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import ChunkText, Completed, JobState, StateChanged

from .helper import FAR, accepted, chunk, dispatched, event_log, output, prepared, stores, uploaded


async def claimed(s: Stores, job_id: str, index: int = 0) -> Claim:
    """Dispatches and claims a chunk."""
    (message,) = [m for m in await dispatched(s, job_id) if m.chunk_id == f"{job_id}-{index}"]
    claim = await s.chunks.claim(message.chunk_id, message.dispatch, "t1", lease_until_s=FAR)
    assert claim is not None
    return claim


async def test_migrations_build_the_schema_and_go_back(empty_database_url: str) -> None:
    """The migrations come to the schema that an empty database gets at once; the way back leaves an empty database."""
    url = make_url(empty_database_url)
    database = database_at(empty_database_url)
    await upgrade(url)
    await upgrade(url)
    migrated = await database.read(_schema)
    assert await database.write(is_newest)
    await downgrade(url, "0001")
    assert not await database.write(is_newest)
    await downgrade(url, "base")
    assert await database.read(lambda c: inspect(c).get_table_names()) == ["alembic_version"]
    await database.write(lambda c: c.execute(text("DROP TABLE alembic_version")))
    assert await database.write(is_newest)
    assert await database.read(_schema) == migrated
    assert set(migrated) == {*metadata.tables, "alembic_version"}
    await database.close()


async def test_an_old_url_of_sqlite_is_understood(tmp_path: Path) -> None:
    """A URL that names aiosqlite, as earlier versions wanted it, opens the same file without it."""
    async with stores(f"sqlite:///{tmp_path / 'sayit.db'}") as s:
        await uploaded(s, "u")
    async with stores(f"sqlite+aiosqlite:///{tmp_path / 'sayit.db'}") as s:
        assert (await s.uploads.get_upload("t", "u")).received == 10


def _schema(connection: Connection) -> dict[str, object]:
    """Every table's columns, keys and indexes, in no order."""
    found = inspect(connection)
    return {
        name: {
            "columns": {
                column["name"]: (str(column["type"]), column["nullable"], str(column["default"]).strip("()"))
                for column in found.get_columns(name)
            },
            "key": found.get_pk_constraint(name),
            "references": sorted(str(each) for each in found.get_foreign_keys(name)),
            "indexes": sorted(str(each) for each in found.get_indexes(name)),
        }
        for name in found.get_table_names()
    }


async def test_a_second_scheduler_on_one_file_is_refused(tmp_path: Path) -> None:
    """The SQLite file has one scheduler; the second hears so at once."""
    url = f"sqlite:///{tmp_path / 'sayit.db'}"
    async with stores(url):
        with pytest.raises(StartError, match="another scheduler uses"):
            async with stores(url):
                pass
    async with stores(url):
        pass


async def test_parts_append_only_at_the_end(database_url: str) -> None:
    """Two senders at one offset: one wins, the other hears where the upload ends."""
    async with stores(database_url) as s:
        upload = await uploaded(s, "u")
        with pytest.raises(SayItError) as error:
            await s.uploads.add_part(upload.id, PartRecord(offset=0, size=5, object_key="x"))
        assert error.value.kind is ErrorKind.UPLOAD_OFFSET_MISMATCH
        assert error.value.details["expected"] == "10"
        await s.uploads.add_part(upload.id, PartRecord(offset=10, size=5, object_key="y"))
        assert [part.offset for part in await s.uploads.parts(upload.id)] == [0, 10]
        job = await accepted(s)
        with pytest.raises(SayItError) as error:
            await s.uploads.delete_upload("t", job.upload_id)
        assert error.value.kind is ErrorKind.UPLOAD_NOT_FOUND


async def test_events_are_gapless_under_concurrent_commits(database_url: str) -> None:
    """Chunks that finish at once still number their events without a gap, and the last one starts merging."""
    async with stores(database_url) as s:
        job = await prepared(s, 12)
        claims = [await claimed(s, job.id, i) for i in range(12)]
        await asyncio.gather(*(s.chunks.commit(claim, output(str(claim.index))) for claim in claims))
        events = await event_log(s, job.id)
        after = await s.jobs.get_job("t", job.id)
        done = await s.chunks.done_chunks(job.id)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert sum(isinstance(event.body, ChunkText) for event in events) == 12
    assert events[-1].body == StateChanged(state=JobState.MERGING)
    assert after.state is JobState.MERGING
    assert after.samples_done == 1200
    assert [each.output.segments[0].text for each in done] == [str(i) for i in range(12)]


async def test_events_are_published_when_they_are_committed(database_url: str) -> None:
    """What was told to watchers is what the log has, in its order; a transaction that is undone tells nothing."""
    told: list[tuple[str, bytes]] = []
    async with stores(database_url, published=lambda job_id, event: told.append((job_id, event))) as s:
        job = await prepared(s, 2)
        for index in range(2):
            await s.chunks.commit(await claimed(s, job.id, index), output("x"))
        _, logged = await s.jobs.events_after("t", job.id, 0, 100)
        assert told == [(job.id, event) for event in logged]

        def undone(connection: Connection) -> None:
            events.append(connection, job.id, [StateChanged(state=JobState.MERGING)])
            raise SayItError(ErrorKind.INTERNAL)

        with pytest.raises(SayItError):
            await s.jobs._database.write(undone)
        assert len(told) == len(logged)


async def test_only_the_current_attempt_writes(database_url: str) -> None:
    """After a chunk was given to another, the former attempt's heartbeat, result and failure change nothing."""
    async with stores(database_url) as s:
        job = await prepared(s, 1)
        old = await claimed(s, job.id)
        assert await s.chunks.give_up(old, Ending(how=AttemptEnd.INTERRUPTED, detail="x")) is not None
        new = await claimed(s, job.id)
        assert (old.attempt, new.attempt) == (1, 2)
        assert not await s.chunks.renew_claim(old.chunk_id, old.attempt, on_engine=True, lease_until_s=FAR)
        assert await s.chunks.commit(old, output("late")) is None
        assert await s.chunks.give_up(old, Ending(how=AttemptEnd.CRASHED, detail="late")) is None
        assert await s.chunks.commit(new, output("right")) is not None
        assert await s.chunks.commit(new, output("twice")) is None
        done = await s.chunks.done_chunks(job.id)
    assert [each.output.segments[0].text for each in done] == ["right"]


async def test_crashes_quarantine_and_interruptions_do_not(database_url: str) -> None:
    """Ten interruptions are nothing; the third crash fails the job."""
    async with stores(database_url) as s:
        job = await prepared(s, 2)
        for _ in range(10):
            await s.chunks.give_up(await claimed(s, job.id), Ending(how=AttemptEnd.INTERRUPTED))
        for _ in range(2):
            after = await s.chunks.give_up(await claimed(s, job.id), Ending(how=AttemptEnd.CRASHED))
            assert after is not None
            assert after.state is JobState.RUNNING
        last = await claimed(s, job.id)
        assert last.alone
        after = await s.chunks.give_up(last, Ending(how=AttemptEnd.CRASHED))
        assert after is not None
        assert after.state is JobState.FAILED
        assert after.error_code == "CHUNK_QUARANTINED"
        assert await s.chunks.dispatch("micro", limit=9) == []


async def test_expired_claims_are_found(database_url: str) -> None:
    """A claim whose lease ran out shows up; a renewed one does not."""
    async with stores(database_url) as s:
        job = await prepared(s, 1)
        claim = await claimed(s, job.id)
        await s.chunks.renew_claim(claim.chunk_id, claim.attempt, on_engine=True, lease_until_s=100.0)
        assert await s.chunks.expired_claims(now_s=99.0) == []
        assert [each.attempt for each in await s.chunks.expired_claims(now_s=101.0)] == [1]


async def test_preparing_twice_keeps_the_first_chunks(database_url: str) -> None:
    """A second preparer finds its predecessor's chunks and adds only the rest; the first one's writes are refused."""
    async with stores(database_url) as s:
        await accepted(s)
        first = await s.jobs.lease_preparing("first", until_s=time.time() - 1)
        assert first is not None
        assert await s.jobs.add_chunks(first.id, "first", [chunk(0)], scanned=100) == []
        await claimed(s, first.id)
        second = await s.jobs.lease_preparing("second", until_s=FAR)
        assert second is not None
        assert second.prepare_attempts == 2
        assert await s.jobs.lease_preparing("third", until_s=FAR) is None
        assert await s.jobs.add_chunks(first.id, "first", [chunk(7)], scanned=800) is None
        assert await s.jobs.add_chunks(first.id, "second", [chunk(0), chunk(1)], scanned=200) == []
        assert [c.index for _, c in await s.chunks.dispatch("micro", limit=9)] == [1]
        assert not await s.jobs.renew_lease(first.id, "first", until_s=FAR)


async def test_a_terminal_state_never_changes(database_url: str) -> None:
    """Of cancelling, failing and completing at once, one happens, with one last event."""
    async with stores(database_url) as s:
        job = await prepared(s, 0)
        assert job.state is JobState.MERGING
        assert await s.jobs.lease_merging("me", until_s=FAR) is not None
        last = Completed(language="", duration_s=0.0, segment_count=0, cached=False)
        outcomes = await asyncio.gather(
            s.jobs.complete_job(job.id, "me", events=[last], cached=False, samples=0),
            s.jobs.fail_job(job.id, SayItError(ErrorKind.INTERNAL)),
            s.jobs.cancel_job("t", job.id),
        )
        assert [outcomes[0], outcomes[1], outcomes[2][1]].count(True) == 1
        events = await event_log(s, job.id)
    ends = [e for e in events if not isinstance(e.body, StateChanged) or e.body.state is JobState.CANCELLED]
    assert len(ends) == 1


async def test_expiry_forgets_rows_and_names_the_objects(database_url: str) -> None:
    """Expired jobs, their uploads and uploads nobody used go; the bin lists what to delete, until it is emptied."""
    async with stores(database_url, result_ttl_s=-1.0) as s:
        job = await prepared(s, 1)
        await s.jobs.cancel_job("t", job.id)
        await accepted(s, "kept")
        assert await s.transcribers.expire(now_s=time.time()) == 1
        with pytest.raises(SayItError):
            await s.jobs.get_job("t", job.id)
        garbage = await s.transcribers.garbage()
        assert set(garbage) == {"jobs/j/chunks/", "jobs/j/", "uploads/u-j/"}
        for prefix in garbage:
            await s.transcribers.forget_garbage(prefix)
        assert set(await s.transcribers.garbage()) == set(garbage), "another scheduler may still be writing there"
        assert (await s.jobs.get_job("t", "kept")).state is JobState.PREPARING


async def test_a_returned_lease_is_free_and_not_held_against_the_job(database_url: str) -> None:
    """A preparer that could not work, or was told to stop, leaves the job as if it had never had it."""
    async with stores(database_url) as s:
        await accepted(s)
        for _ in range(20):
            job = await s.jobs.lease_preparing("me", until_s=FAR)
            assert job is not None
            assert job.prepare_attempts == 1
            await s.jobs.return_lease(job.id, "me", not_before_s=0.0)
        await s.jobs.lease_preparing("me", until_s=FAR)
        await s.jobs.return_lease(job.id, "me", not_before_s=FAR)
        assert await s.jobs.lease_preparing("me", until_s=FAR) is None


async def test_small_files_have_a_lane_of_their_own(database_url: str) -> None:
    """A preparer of small files leaves large ones alone."""
    async with stores(database_url) as s:
        await accepted(s)
        assert await s.jobs.lease_preparing("me", until_s=FAR, max_bytes=9) is None
        assert await s.jobs.lease_preparing("me", until_s=FAR, max_bytes=10) is not None


async def test_an_upload_is_sealed_by_its_job(database_url: str) -> None:
    """Nothing can be appended to what a job was made on."""
    async with stores(database_url) as s:
        job = await accepted(s)
        with pytest.raises(SayItError) as error:
            await s.uploads.add_part(job.upload_id, PartRecord(offset=10, size=5, object_key="y"))
        assert error.value.kind is ErrorKind.INVALID_ARGUMENT


async def test_a_tenant_with_many_jobs_does_not_hide_another(database_url: str) -> None:
    """However long one tenant's backlog is, the candidates hold every tenant's best."""
    async with stores(database_url) as s:
        for number in range(6):
            await prepared(s, 1, f"many{number}")
        await prepared(s, 1, "few", tenant="other")
        assert {c.tenant for _, c in await s.chunks.dispatch("micro", limit=2)} == {"t", "other"}


async def test_a_delayed_chunk_is_not_due_yet(database_url: str) -> None:
    """A chunk that was given back with a delay waits for it."""
    async with stores(database_url) as s:
        job = await prepared(s, 1)
        await s.chunks.give_up(await claimed(s, job.id), Ending(how=AttemptEnd.INTERRUPTED, delay_s=60.0))
        assert await s.chunks.dispatch("micro", limit=9) == []


async def test_jobs_that_never_end_are_found(database_url: str) -> None:
    """A job accepted long ago that has not ended is overdue; an ended one is not."""
    async with stores(database_url) as s:
        await prepared(s, 1, "running")
        await prepared(s, 1, "ended")
        await s.jobs.cancel_job("t", "ended")
        assert await s.transcribers.overdue(accepted_before_s=FAR) == ["running"]
        assert await s.transcribers.overdue(accepted_before_s=0.0) == []


async def test_the_backlog_is_counted_by_job_and_lane(database_url: str) -> None:
    """What is due, what is in the queue or running, and who holds the running chunks."""
    async with stores(database_url) as s:
        await prepared(s, 3, "early")
        (message, _), *_ = await s.chunks.dispatch("micro", limit=2)
        before = time.time()
        await s.chunks.claim(message.chunk_id, message.dispatch, "t1", lease_until_s=FAR)
        await prepared(s, 2, "late")
        found = await s.transcribers.backlog("micro")
        assert await s.transcribers.backlog("other") == Backlog(waiting=[], running=[], uncut=[])
    early, late = sorted(found.waiting, key=lambda each: each.job_id)
    assert (early.due_chunks, early.due_samples, early.held_chunks, early.held_samples) == (1, 100, 2, 200)
    assert (late.due_chunks, late.due_samples, late.held_chunks, late.held_samples) == (2, 200, 0, 0)
    assert early.due_s <= late.due_s
    (held,) = found.running
    assert (held.job_id, held.samples, held.transcriber_id) == ("early", 100, "t1")
    assert before <= held.started_s <= time.time()


async def test_what_is_not_cut_yet_is_in_the_backlog_by_its_declared_length(database_url: str) -> None:
    """Counted is the part that will lie in chunks if it goes on as it began; once all is cut nothing is left."""
    async with stores(database_url) as s:
        await accepted(s, "long")
        await s.jobs.lease_preparing("me", until_s=time.time() + 60)
        assert not (await s.transcribers.backlog("micro")).uncut
        await s.jobs.add_chunks("long", "me", [chunk(0)], scanned=200, declared=1000)
        assert (await s.transcribers.backlog("micro")).uncut == [UncutRecording(job_id="long", tenant="t", samples=400)]
        await s.jobs.finish_preparing("long", "me", samples=200, chunks=1, speech=[], warnings=[])
        assert not (await s.transcribers.backlog("micro")).uncut


async def test_a_tenant_may_have_a_time_of_its_own(database_url: str) -> None:
    """For which its ended jobs are kept, or none: then they stay until they are deleted."""
    async with stores(database_url, result_ttl_s=100.0) as s:
        s.rules.tenant_ttl_s = {"short": 10.0, "keeps": None}
        for tenant in ("usual", "short", "keeps"):
            await accepted(s, tenant, tenant=tenant)
            await s.jobs.cancel_job(tenant, tenant)
        kept = {}
        for tenant in ("usual", "short", "keeps"):
            job = await s.jobs.get_job(tenant, tenant)
            kept[tenant] = None if job.expires_s is None else job.expires_s - (job.finished_s or 0.0)
        assert kept == {"usual": pytest.approx(100.0), "short": pytest.approx(10.0), "keeps": None}
        await s.transcribers.expire(now_s=FAR)
        assert (await s.jobs.get_job("keeps", "keeps")).expires_s is None


@pytest.mark.parametrize("wrong", ["alice", "alice=", "=3", "alice=-1", "alice=nan", "alice=1h"])
def test_times_of_tenants_are_hours_or_keep(wrong: str) -> None:
    """Anything else does not start; a tenant's name may hold the sign."""
    with pytest.raises(ValueError, match="tenant=hours"):
        hours_of(wrong)
    assert hours_of("alice=72 b=ob=0.5 eve=keep") == {"alice": 72.0, "b=ob": 0.5, "eve": None}


async def test_a_job_goes_soon_after_it_was_read(database_url: str) -> None:
    """Where it, or else its tenant's default, says so; the first reading counts, and what is kept then stays."""
    async with stores(database_url) as s:
        s.rules.read_again_s = 10.0
        job = await accepted(s)
        for tenants, asked, goes in ((["x"], None, 0), (["t"], None, 1), (["*"], None, 1), (["*"], False, 0)):
            s.rules.delete_after_read = tenants
            options = replace(job.options, delete_after_read=asked)
            assert s.rules.goes_when_read(replace(job, options=options)) is bool(goes)
        s.rules.delete_after_read = ["t"]
        await s.jobs.delivered("t", "j")
        assert (await s.jobs.get_job("t", "j")).expires_s is None, "it has no text yet"
        await s.jobs.lease_preparing("me", until_s=time.time() + 60)
        await s.jobs.finish_preparing("j", "me", samples=0, chunks=0, speech=[], warnings=[])
        await s.jobs.lease_merging("me", until_s=time.time() + 60)
        await s.jobs.complete_job("j", "me", events=[], cached=False, samples=0)
        await s.jobs.delivered("t", "j")
        read = await s.jobs.get_job("t", "j")
        await s.jobs.delivered("t", "j")
        assert read.expires_s == (await s.jobs.get_job("t", "j")).expires_s
        assert (read.expires_s or 0.0) < time.time() + 10.0
        await s.jobs.update_job("t", "j", kept=True, filename=None, labels=None)
        await s.jobs.delivered("t", "j")
        assert (await s.jobs.get_job("t", "j")).expires_s is None
