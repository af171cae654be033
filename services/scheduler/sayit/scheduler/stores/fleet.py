"""Transcribers, statistics and retention in the database."""

from __future__ import annotations

from sqlalchemy import Connection, case, delete, func, or_, select

from sayit.scheduler.job.records import ChunkState, DayStatistics, JobRecord, TranscriberRecord
from sayit.scheduler.stores import bin as bins
from sayit.scheduler.stores.database import Database, reads, writes, writes_lightly
from sayit.scheduler.stores.jobs import ENDED, forget
from sayit.scheduler.stores.locks import lock_name
from sayit.scheduler.stores.rows import put
from sayit.scheduler.stores.tables import cache, chunks, jobs, transcribers, uploads
from sayit.scheduler.stores.uploads import drop_unused
from sayit.speech.audio import seconds_of
from sayit.speech.jobs import JobState

#: Rows deleted in one transaction, so that retention never holds the writers up for long.
BATCH = 50
#: Seconds after which a silent transcriber's row goes.
FORGET_TRANSCRIBER_S = 3600.0


class SqlFleet:
    """`ports.FleetStore` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @writes_lightly
    def report(self, connection: Connection, transcriber: TranscriberRecord) -> None:
        """See the port."""
        names = [name for name in transcribers.c.keys() if name != "id"]  # noqa: SIM118 - a column collection
        values = {name: getattr(transcriber, name) for name in names}
        put(connection, transcribers, {"id": transcriber.id}, values)

    @reads
    def transcribers(self, connection: Connection, *, seen_after_s: float) -> list[TranscriberRecord]:
        """See the port."""
        statement = select(transcribers).where(transcribers.c.seen_s > seen_after_s).order_by(transcribers.c.id)
        rows = connection.execute(statement).mappings().all()
        return [TranscriberRecord(**row) for row in rows]

    @reads
    def chunks_waiting(self, connection: Connection) -> int:
        """See the port."""
        statement = select(func.count()).select_from(chunks).where(chunks.c.state == ChunkState.DUE.value)
        return connection.execute(statement).scalar_one()

    @reads
    def waiting_before(self, connection: Connection, job: JobRecord) -> tuple[int | None, float]:
        """See the port."""
        due = chunks.c.state == ChunkState.DUE.value
        mine = select(func.min(chunks.c.due_s), func.max(case((chunks.c.interactive, 1), else_=0))).where(
            due, chunks.c.job_id == job.id
        )
        first_due, interactive = connection.execute(mine).one()
        if first_due is None:
            return None, 0.0
        earlier = chunks.c.due_s < first_due
        ahead = earlier if interactive else or_(earlier, chunks.c.interactive)
        if interactive:
            ahead = earlier & chunks.c.interactive
        length = func.coalesce(func.sum(chunks.c.end_sample - chunks.c.start_sample), 0)
        statement = select(func.count(), length).where(
            due, chunks.c.job_id != job.id, chunks.c.model == job.model, ahead
        )
        count, samples = connection.execute(statement).one()
        return count, seconds_of(int(samples))

    @reads
    def statistics(self, connection: Connection, *, since_s: float) -> DayStatistics:
        """See the port."""
        completed = jobs.c.state == JobState.COMPLETED.value
        statement = select(
            func.count(),
            func.sum(case((completed, 1), else_=0)),
            func.sum(case((jobs.c.state == JobState.FAILED.value, 1), else_=0)),
            func.avg(case((completed, jobs.c.finished_s - jobs.c.created_s))),
        ).where(jobs.c.created_s > since_s)
        accepted, done, failed, mean = connection.execute(statement).one()
        return DayStatistics(accepted=accepted, completed=done or 0, failed=failed or 0, mean_s=mean)

    async def expire(self, *, now_s: float) -> int:
        """See the port."""
        await self._expire_small(now_s)
        gone = 0
        while batch := await self._expire_batch(now_s):
            gone += batch
        return gone

    @writes
    def _expire_small(self, connection: Connection, now_s: float) -> None:
        # One scheduler at a time: deleting the same rows in another order, two could wait for each other.
        lock_name(connection, "expire")
        connection.execute(delete(cache).where(cache.c.expires_s < now_s))
        connection.execute(delete(transcribers).where(transcribers.c.seen_s < now_s - FORGET_TRANSCRIBER_S))

    @writes
    def _expire_batch(self, connection: Connection, now_s: float) -> int:
        lock_name(connection, "expire")
        old_jobs = select(jobs.c.id, jobs.c.upload_id).where(jobs.c.expires_s < now_s).limit(BATCH)
        expired = connection.execute(old_jobs.with_for_update(skip_locked=True)).all()
        for row in expired:
            forget(connection, row.id)
        for upload_id in sorted({row.upload_id for row in expired}):
            drop_unused(connection, upload_id)
        used = select(jobs.c.upload_id)
        old_uploads = select(uploads.c.id).where(uploads.c.expires_s < now_s, uploads.c.id.not_in(used)).limit(BATCH)
        orphans = connection.execute(old_uploads).scalars().all()
        for upload_id in sorted(orphans):
            drop_unused(connection, upload_id)
        return len(expired) + len(orphans)

    @reads
    def overdue(self, connection: Connection, *, accepted_before_s: float) -> list[str]:
        """See the port."""
        statement = (
            select(jobs.c.id).where(jobs.c.state.not_in(ENDED), jobs.c.created_s < accepted_before_s).limit(BATCH)
        )
        return list(connection.execute(statement).scalars())

    @reads
    def bin(self, connection: Connection) -> list[str]:
        """See the port."""
        return bins.contents(connection)

    @writes
    def emptied(self, connection: Connection, prefix: str) -> None:
        """See the port."""
        bins.emptied(connection, prefix)

    @reads
    def check(self, connection: Connection) -> None:
        """See the port."""
        connection.execute(select(1))
