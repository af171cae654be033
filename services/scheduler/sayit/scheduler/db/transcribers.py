"""Transcribers, statistics and retention in the database."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, case, delete, func, or_, select

from sayit.scheduler.db import object_gc
from sayit.scheduler.db.audit import record
from sayit.scheduler.db.engine import deleted
from sayit.scheduler.db.holds import JOB_FREE, UPLOAD_FREE
from sayit.scheduler.db.jobs import ACTIVE, ENDED, UNFINISHED, forget
from sayit.scheduler.db.locks import lock_name, put
from sayit.scheduler.db.schema import (
    api_keys,
    attempts,
    audit,
    cache,
    chunk_cache,
    chunks,
    jobs,
    share_links,
    transcribers,
    uploads,
    usage,
    webhooks,
    whole,
)
from sayit.scheduler.db.transactions import Store, reads, writes, writes_lightly
from sayit.scheduler.db.uploads import UNUSED, drop_unused
from sayit.scheduler.jobs.records import ChunkState
from sayit.scheduler.jobs.transcribers import (
    Backlog,
    DayStatistics,
    Load,
    RunningChunk,
    TranscriberRecord,
    UncutRecording,
    WaitingChunks,
)
from sayit.speech.jobs import JobState

#: Rows deleted in one transaction, so that retention never holds the writers up for long.
BATCH = 50
#: Seconds after which a silent transcriber's row goes.
FORGET_TRANSCRIBER_S = 3600.0
#: Seconds for which a key that has ended is still listed.
KEEP_ENDED_KEYS_S = 30 * 86_400.0


def _waiting_of_jobs() -> Select[Any]:
    length = chunks.c.samples
    # Chunks that wait for the one before them are work as well.
    due = and_(chunks.c.state.in_([ChunkState.HELD.value, ChunkState.DUE.value]), chunks.c.dispatched_s.is_(None))
    open_ = chunks.c.state.in_(UNFINISHED)
    by_job = (chunks.c.tenant, chunks.c.job_id, chunks.c.interactive)
    counted = select(
        *by_job,
        whole(func.sum(case((due, 1), else_=0))).label("due_chunks"),
        whole(func.sum(case((due, length), else_=0))).label("due_samples"),
        func.coalesce(func.min(case((due, chunks.c.due_s))), 0.0).label("due_s"),
        whole(func.sum(case((due, 0), else_=1))).label("held_chunks"),
        whole(func.sum(case((due, 0), else_=length))).label("held_samples"),
    )
    return counted.where(open_, chunks.c.model == bindparam("of_model")).group_by(*by_job)


def _running_chunks() -> Select[Any]:
    current = and_(attempts.c.chunk_id == chunks.c.id, attempts.c.attempt == chunks.c.attempt)
    running = (
        chunks.c.job_id,
        chunks.c.interactive,
        chunks.c.samples,
        attempts.c.transcriber_id,
        attempts.c.started_s,
    )
    return (
        select(*running)
        .join(attempts, current)
        .where(chunks.c.state == ChunkState.RUNNING.value, chunks.c.model == bindparam("of_model"))
    )


def _uncut_recordings() -> Select[Any]:
    """Recordings of a model that are being cut and say how long they are."""
    known = (jobs.c.id, jobs.c.tenant, jobs.c.samples_declared, jobs.c.samples_scanned, jobs.c.samples_chunked)
    return select(*known).where(
        jobs.c.state.in_(ACTIVE),
        jobs.c.model == bindparam("of_model"),
        jobs.c.chunks_total.is_(None),
        jobs.c.samples_declared > jobs.c.samples_scanned,
    )


def _open_chunks() -> Select[Any]:
    running = chunks.c.state == ChunkState.RUNNING.value
    state = case((running, "running"), (chunks.c.dispatched_s.is_not(None), "queued"), else_="waiting").label("state")
    by = (chunks.c.model, chunks.c.interactive, state)
    counted = (func.count().label("number"), func.sum(chunks.c.samples).label("samples"))
    # What waits for the chunk before it is not due yet.
    due_s = func.min(case((chunks.c.state == ChunkState.DUE.value, chunks.c.due_s))).label("due_s")
    return select(*by, *counted, due_s).where(chunks.c.state.in_(UNFINISHED)).group_by(*by)


def _open_jobs() -> Select[Any]:
    rest = jobs.c.samples_declared - jobs.c.samples_scanned
    uncut = func.sum(case((and_(jobs.c.chunks_total.is_(None), rest > 0), rest), else_=0)).label("uncut")
    by = (jobs.c.model, jobs.c.state)
    return select(*by, func.count().label("number"), uncut).where(jobs.c.state.in_(ACTIVE)).group_by(*by)


# Asked for several times a second, and made once: building a statement takes longer than SQLite takes to answer it.
_SEEN = select(transcribers).where(transcribers.c.seen_s > bindparam("after_s")).order_by(transcribers.c.id)
_WAITING, _RUNNING, _UNCUT = _waiting_of_jobs(), _running_chunks(), _uncut_recordings()
_OPEN_CHUNKS, _OPEN_JOBS = _open_chunks(), _open_jobs()


class TranscriberStore(Store):
    """Transcribers, statistics, expiry and garbage."""

    @writes_lightly
    def report(self, connection: Connection, transcriber: TranscriberRecord) -> None:
        """Stores a transcriber's report."""
        values = asdict(transcriber)
        put(connection, transcribers, {"id": values.pop("id")}, values)

    @reads
    def transcribers(self, connection: Connection, *, seen_after_s: float) -> list[TranscriberRecord]:
        """Transcribers that reported lately."""
        return [TranscriberRecord(**row._asdict()) for row in connection.execute(_SEEN, {"after_s": seen_after_s})]

    @reads
    def chunks_waiting(self, connection: Connection) -> int:
        """Due chunks."""
        statement = select(func.count()).select_from(chunks).where(chunks.c.state == ChunkState.DUE.value)
        return connection.execute(statement).scalar_one()

    @reads
    def backlog(self, connection: Connection, model: str) -> Backlog:
        """Chunks without a text, by job and lane, those that transcribers hold, and what is not cut yet."""
        of_model = {"of_model": model}
        return Backlog(
            waiting=[WaitingChunks(**row._asdict()) for row in connection.execute(_WAITING, of_model)],
            running=[RunningChunk(**row._asdict()) for row in connection.execute(_RUNNING, of_model)],
            uncut=[_uncut(row) for row in connection.execute(_UNCUT, of_model)],
        )

    @reads
    def load(self, connection: Connection) -> Load:
        """How much there is to do, over all models."""
        now = time.time()
        of_chunks, of_jobs = connection.execute(_OPEN_CHUNKS).all(), connection.execute(_OPEN_JOBS).all()
        lanes = {True: "interactive", False: "bulk"}
        oldest: dict[str, float] = {}
        uncut: dict[str, int] = {}
        for row in of_chunks:
            if row.due_s is not None:
                oldest[row.model] = max(oldest.get(row.model, 0.0), now - row.due_s)
        for row in of_jobs:
            uncut[row.model] = uncut.get(row.model, 0) + int(row.uncut)
        return Load(
            jobs={(row.model, row.state): row.number for row in of_jobs},
            chunks={
                (row.model, lanes[bool(row.interactive)], row.state): (row.number, int(row.samples))
                for row in of_chunks
            },
            uncut_samples=uncut,
            oldest_s=oldest,
        )

    @reads
    def statistics(self, connection: Connection, *, since_s: float) -> DayStatistics:
        """What happened since then."""
        completed = jobs.c.state == JobState.COMPLETED.value
        statement = select(
            func.count(),
            func.sum(case((completed, 1), else_=0)),
            func.sum(case((jobs.c.state == JobState.FAILED.value, 1), else_=0)),
            func.avg(case((completed, jobs.c.finished_s - jobs.c.created_s))),
        ).where(jobs.c.created_s > since_s)
        accepted, done, failed, mean = connection.execute(statement).one()
        return DayStatistics(accepted=accepted, completed=done or 0, failed=failed or 0, mean_s=mean)

    @reads
    def last_seen_s(self, connection: Connection) -> float:
        """The newest time of day that is stored; 0 in an empty database. Transcribers report every few seconds."""
        seen = connection.execute(select(func.max(transcribers.c.seen_s))).scalar()
        return seen or connection.execute(select(func.max(jobs.c.created_s))).scalar() or 0.0

    async def expire(self, *, now_s: float) -> int:
        """Forgets expired jobs, uploads, cache entries and transcribers; returns how many jobs and uploads went."""
        await self._expire_small(now_s)
        gone = 0
        while batch := await self._expire_batch(now_s):
            gone += batch
        return gone

    @writes
    def _expire_small(self, connection: Connection, now_s: float) -> None:
        # One scheduler at a time: deleting the same rows in another order, two could wait for each other.
        lock_name(connection, "expire")
        for texts in (cache, chunk_cache):
            if connection.execute(delete(texts).where(texts.c.expires_s < now_s)).rowcount:
                deleted(connection)
        connection.execute(delete(audit).where(audit.c.at_s < now_s - self._rules.audit_s))
        connection.execute(delete(usage).where(usage.c.ended_s < now_s - self._rules.usage_s))
        connection.execute(delete(webhooks).where(webhooks.c.expires_s < now_s))
        ended = or_(api_keys.c.revoked_s < now_s - KEEP_ENDED_KEYS_S, api_keys.c.expires_s < now_s - KEEP_ENDED_KEYS_S)
        connection.execute(delete(api_keys).where(ended))
        connection.execute(delete(share_links).where(share_links.c.expires_s < now_s))
        connection.execute(delete(transcribers).where(transcribers.c.seen_s < now_s - FORGET_TRANSCRIBER_S))

    @writes
    def _expire_batch(self, connection: Connection, now_s: float) -> int:
        lock_name(connection, "expire")
        old_jobs = (
            select(jobs.c.id, jobs.c.tenant, jobs.c.upload_id).where(jobs.c.expires_s < now_s, JOB_FREE).limit(BATCH)
        )
        expired = connection.execute(old_jobs.with_for_update(skip_locked=True)).all()
        for row in expired:
            forget(connection, row.id)
            record(connection, self._rules, "job.expire", tenant=row.tenant, subject=row.id)
        for upload_id in sorted({row.upload_id for row in expired}):
            drop_unused(connection, upload_id)
        return len(expired) + _drop_orphans(connection, uploads.c.expires_s < now_s)

    @writes
    def drop_orphans(self, connection: Connection, *, before_s: float) -> int:
        """Deletes the oldest uploads that were opened before then and that no job uses; returns how many."""
        lock_name(connection, "expire")
        return _drop_orphans(connection, uploads.c.created_s < before_s)

    @reads
    def overdue(self, connection: Connection, *, accepted_before_s: float) -> list[str]:
        """Jobs accepted before then that have not ended."""
        statement = (
            select(jobs.c.id).where(jobs.c.state.not_in(ENDED), jobs.c.created_s < accepted_before_s).limit(BATCH)
        )
        return list(connection.execute(statement).scalars())

    @reads
    def garbage(self, connection: Connection) -> list[str]:
        """Prefixes of objects to delete."""
        return object_gc.garbage(connection)

    @writes
    def forget_garbage(self, connection: Connection, prefix: str) -> None:
        """Notes that a prefix's objects are deleted; it stays marked for a while, see `object_gc.LINGER_S`."""
        object_gc.forget(connection, prefix)

    async def erase(self) -> None:
        """Overwrites what was deleted, see `Database.erase`."""
        await self._database.erase()

    @reads
    def check(self, connection: Connection) -> None:
        """Raises UNAVAILABLE unless the database answers."""
        connection.execute(select(1))


def _drop_orphans(connection: Connection, old: ColumnElement[bool]) -> int:
    orphans = select(uploads.c.id).where(old, UNUSED, UPLOAD_FREE).order_by(uploads.c.created_s).limit(BATCH)
    found = connection.execute(orphans).scalars().all()
    for upload_id in sorted(found):
        drop_unused(connection, upload_id)
    return len(found)


def _uncut(row: Any) -> UncutRecording:
    rest = max(0, row.samples_declared - row.samples_scanned)
    speaking = row.samples_chunked / row.samples_scanned if row.samples_scanned else 1.0
    return UncutRecording(job_id=row.id, tenant=row.tenant, samples=round(rest * speaking))
