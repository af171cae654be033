"""Chunks in the database: dispatch, claims, results. The attempt's number is the fencing token of every write."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from sqlalchemy import ColumnElement, and_, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sayit.scheduler.job.records import (
    AttemptEnd,
    ChunkOutput,
    ChunkState,
    Claim,
    DoneChunk,
    DueChunk,
    InFlight,
    JobRecord,
)
from sayit.scheduler.job.rules import verdict
from sayit.scheduler.stores import codec, events
from sayit.scheduler.stores.database import Database
from sayit.scheduler.stores.jobs import fail, load
from sayit.scheduler.stores.leases import enter
from sayit.scheduler.stores.locks import lock_job, lock_job_of, lock_name
from sayit.scheduler.stores.tables import attempts, chunks, jobs
from sayit.speech.dispatch import ChunkMessage
from sayit.speech.errors import SayItError
from sayit.speech.jobs import ChunkText, JobEvent, JobState
from sayit.speech.transcript import Segment

#: Chunks that could be in the queue but are not.
_UNDISPATCHED = and_(chunks.c.state == ChunkState.DUE.value, chunks.c.dispatched_s.is_(None))
_COUNTERS = {AttemptEnd.INTERRUPTED: "interruptions", AttemptEnd.CRASHED: "crashes", AttemptEnd.FAILED: "failures"}


class SqlChunks:
    """`ports.ChunkStore` on a database.

    Args:
        database: where.
        result_ttl_s: seconds that an ended job is kept.
    """

    def __init__(self, database: Database, *, result_ttl_s: float) -> None:
        self._database = database
        self.result_ttl_s = result_ttl_s

    async def due_chunks(self, model: str, *, per_job: int, limit: int) -> list[DueChunk]:
        """See the port. Every tenant's best candidates come before any tenant's next best."""
        place = func.row_number().over(partition_by=chunks.c.job_id, order_by=chunks.c.number).label("place")
        waiting = select(chunks, place).where(_UNDISPATCHED, chunks.c.model == model, chunks.c.due_s <= time.time())
        ranked = waiting.subquery()
        order = (ranked.c.interactive.desc(), ranked.c.place, ranked.c.due_s)
        turn = func.row_number().over(partition_by=ranked.c.tenant, order_by=order).label("turn")
        turns = select(ranked, turn).where(ranked.c.place <= per_job).subquery()
        statement = select(turns).order_by(turns.c.turn, turns.c.due_s).limit(limit)
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        return [
            DueChunk(
                id=row.id,
                job_id=row.job_id,
                tenant=row.tenant,
                model=row.model,
                index=row.number,
                dispatch=row.dispatch,
                interactive=bool(row.interactive),
                due_s=row.due_s,
            )
            for row in rows
        ]

    async def waiting_models(self) -> list[str]:
        """See the port."""
        async with self._database.read() as connection:
            due = chunks.c.state == ChunkState.DUE.value
            return list((await connection.execute(select(chunks.c.model).where(due).distinct())).scalars())

    async def in_flight(self, model: str) -> list[InFlight]:
        """See the port."""
        dispatched = and_(chunks.c.state == ChunkState.DUE.value, chunks.c.dispatched_s.is_not(None))
        statement = select(chunks.c.tenant, chunks.c.job_id, chunks.c.interactive).where(
            or_(dispatched, chunks.c.state == ChunkState.RUNNING.value), chunks.c.model == model
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        return [InFlight(tenant=row.tenant, job_id=row.job_id, interactive=bool(row.interactive)) for row in rows]

    async def mark_dispatched(self, due: Sequence[DueChunk]) -> list[ChunkMessage]:
        """See the port."""
        if not due:
            return []
        async with self._database.write() as connection:
            found = select(chunks.c.id, chunks.c.dispatch).where(chunks.c.id.in_([c.id for c in due]), _UNDISPATCHED)
            locked = found.with_for_update(skip_locked=True, key_share=True)
            dispatches = {row.id: row.dispatch for row in (await connection.execute(locked)).all()}
            same = [chunk for chunk in due if dispatches.get(chunk.id) == chunk.dispatch]
            await connection.execute(
                update(chunks)
                .where(chunks.c.id.in_([chunk.id for chunk in same]))
                .values(dispatch=chunks.c.dispatch + 1, dispatched_s=time.time())
            )
        return [ChunkMessage(chunk_id=chunk.id, dispatch=chunk.dispatch + 1) for chunk in same]

    @asynccontextmanager
    async def dispatching(self, model: str) -> AsyncIterator[None]:
        """See the port."""
        if self._database.is_sqlite:
            yield  # it has one scheduler
            return
        async with self._database.write() as connection:
            await lock_name(connection, f"dispatch {model}")
            yield

    async def undispatch(self, model: str, *, before_s: float) -> int:
        """See the port."""
        stale = and_(chunks.c.state == ChunkState.DUE.value, chunks.c.model == model, chunks.c.dispatched_s < before_s)
        async with self._database.read() as connection:
            if (await connection.execute(select(chunks.c.id).where(stale).limit(1))).first() is None:
                return 0
        async with self._database.write() as connection:
            locked = select(chunks.c.id).where(stale).with_for_update(skip_locked=True, key_share=True)
            taken_back = update(chunks).where(chunks.c.id.in_(locked)).values(dispatched_s=None)
            return (await connection.execute(taken_back)).rowcount

    async def claim(self, chunk_id: str, dispatch: int, transcriber_id: str, *, lease_until_s: float) -> Claim | None:
        """See the port."""
        now = time.time()
        async with self._database.write() as connection:
            await lock_job_of(connection, chunk_id)
            claimed = await connection.execute(
                update(chunks)
                .where(chunks.c.id == chunk_id, chunks.c.dispatch == dispatch, chunks.c.state == ChunkState.DUE.value)
                .values(
                    state=ChunkState.RUNNING.value,
                    attempt=chunks.c.attempt + 1,
                    lease_until_s=lease_until_s,
                    on_engine=False,
                )
            )
            if claimed.rowcount != 1:
                return None
            claim = await _claim(connection, chunk_id)
            await connection.execute(
                insert(attempts).values(
                    chunk_id=chunk_id,
                    attempt=claim.attempt,
                    dispatch=dispatch,
                    transcriber_id=transcriber_id[:64],
                    started_s=now,
                    outcome="running",
                )
            )
            await connection.execute(
                update(jobs).where(jobs.c.id == claim.job_id, jobs.c.started_s.is_(None)).values(started_s=now)
            )
            return claim

    async def renew_claim(self, chunk_id: str, attempt: int, *, on_engine: bool, lease_until_s: float) -> bool:
        """See the port."""
        async with self._database.write() as connection:
            renewed = await connection.execute(
                update(chunks)
                .where(_current(chunk_id, attempt))
                .values(lease_until_s=lease_until_s, on_engine=on_engine)
            )
            return renewed.rowcount == 1

    async def commit(self, claim: Claim, output: ChunkOutput) -> tuple[JobRecord, tuple[JobEvent, ...]] | None:
        """See the port."""
        async with self._database.write() as connection:
            await lock_job(connection, claim.job_id)
            stored = await connection.execute(
                update(chunks)
                .where(_current(claim.chunk_id, claim.attempt))
                .values(state=ChunkState.DONE.value, output=codec.output_bytes(output), lease_until_s=None)
            )
            if stored.rowcount != 1:
                await _count_late_write(connection, claim)
                return None
            await _end_attempt(connection, claim, "committed", "")
            statement = (
                update(jobs)
                .where(jobs.c.id == claim.job_id)
                .values(
                    chunks_done=jobs.c.chunks_done + 1,
                    samples_done=jobs.c.samples_done + (claim.end_sample - claim.start_sample),
                )
                .returning(jobs.c.chunks_done, jobs.c.chunks_total)
            )
            counts = (await connection.execute(statement)).one()
            text = ChunkText(chunk_index=claim.index, segments=visible(output, claim))
            appended = await events.append(connection, claim.job_id, [text])
            if counts.chunks_done == counts.chunks_total:
                await enter(connection, claim.job_id, JobState.MERGING)
            return await load(connection, None, claim.job_id), appended

    async def give_up(
        self, claim: Claim, end: AttemptEnd, detail: str, *, delay_s: float = 0.0, expired_s: float | None = None
    ) -> JobRecord | None:
        """See the port."""
        counter = chunks.c[_COUNTERS[end]]
        current = _current(claim.chunk_id, claim.attempt)
        if expired_s is not None:
            current = and_(current, chunks.c.lease_until_s < expired_s)
        async with self._database.write() as connection:
            await lock_job(connection, claim.job_id)
            statement = (
                update(chunks)
                .where(current)
                .values(
                    {
                        "state": ChunkState.DUE.value,
                        "due_s": time.time() + delay_s,
                        "dispatched_s": None,
                        "lease_until_s": None,
                        counter.name: counter + 1,
                    }
                )
                .returning(chunks.c.crashes, chunks.c.failures)
            )
            counts = (await connection.execute(statement)).one_or_none()
            if counts is None:
                return None
            await _end_attempt(connection, claim, end.value, detail)
            kind = verdict(crashes=counts.crashes, failures=counts.failures)
            if kind is not None:
                await fail(connection, claim.job_id, SayItError(kind), self.result_ttl_s)
            return await load(connection, None, claim.job_id)

    async def expired_claims(self, *, now_s: float) -> list[Claim]:
        """See the port."""
        statement = (
            select(chunks, jobs.c.options, jobs.c.traceparent)
            .join(jobs, jobs.c.id == chunks.c.job_id)
            .where(chunks.c.state == ChunkState.RUNNING.value, chunks.c.lease_until_s < now_s)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        return [codec.claim_of(row, row.options, row.traceparent) for row in rows]

    async def done_chunks(self, job_id: str) -> list[DoneChunk]:
        """See the port."""
        statement = (
            select(chunks).where(chunks.c.job_id == job_id, chunks.c.output.is_not(None)).order_by(chunks.c.number)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        # Hours of text take a second to read; the loop has heartbeats to answer.
        return await asyncio.to_thread(lambda: [codec.done_chunk_of(row) for row in rows])


def visible(output: ChunkOutput, claim: Claim) -> tuple[Segment, ...]:
    """What a watcher sees of a chunk's text: words only where they were asked for."""
    if claim.options.word_timestamps:
        return output.segments
    return tuple(replace(segment, words=()) for segment in output.segments)


def _current(chunk_id: str, attempt: int) -> ColumnElement[bool]:
    return and_(chunks.c.id == chunk_id, chunks.c.attempt == attempt, chunks.c.state == ChunkState.RUNNING.value)


async def _claim(connection: AsyncConnection, chunk_id: str) -> Claim:
    statement = (
        select(chunks, jobs.c.options, jobs.c.traceparent)
        .join(jobs, jobs.c.id == chunks.c.job_id)
        .where(chunks.c.id == chunk_id)
    )
    row = (await connection.execute(statement)).one()
    return codec.claim_of(row, row.options, row.traceparent)


async def _end_attempt(connection: AsyncConnection, claim: Claim, outcome: str, detail: str) -> None:
    await connection.execute(
        update(attempts)
        .where(attempts.c.chunk_id == claim.chunk_id, attempts.c.attempt == claim.attempt)
        .values(ended_s=time.time(), outcome=outcome, detail=detail[:2000])
    )


async def _count_late_write(connection: AsyncConnection, claim: Claim) -> None:
    await connection.execute(
        update(attempts)
        .where(attempts.c.chunk_id == claim.chunk_id, attempts.c.attempt == claim.attempt)
        .values(late_writes=attempts.c.late_writes + 1)
    )
