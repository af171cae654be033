"""Preparing and merging in the database: one owner at a time, by a lease on the job's row."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, case, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sayit.scheduler.job.records import ChunkState, JobRecord, NewChunk
from sayit.scheduler.stores import codec, events
from sayit.scheduler.stores.database import Database
from sayit.scheduler.stores.jobs import ENDED, end, load
from sayit.scheduler.stores.tables import chunks, jobs, uploads
from sayit.speech.jobs import EventBody, JobState, StateChanged


class SqlLeases:
    """The part of `ports.JobStore` that prepares and merges.

    Args:
        database: where.
        result_ttl_s: seconds that an ended job is kept.
    """

    def __init__(self, database: Database, *, result_ttl_s: float) -> None:
        self._database = database
        self.result_ttl_s = result_ttl_s

    async def lease_preparing(self, owner: str, *, until_s: float) -> JobRecord | None:
        """See the port."""
        small_first = select(uploads.c.received).where(uploads.c.id == jobs.c.upload_id).scalar_subquery()
        return await self._lease(
            JobState.PREPARING, owner, until_s, small_first, {"prepare_attempts": jobs.c.prepare_attempts + 1}
        )

    async def lease_merging(self, owner: str, *, until_s: float) -> JobRecord | None:
        """See the port."""
        return await self._lease(JobState.MERGING, owner, until_s, jobs.c.created_s, {})

    async def _lease(
        self, state: JobState, owner: str, until_s: float, order: ColumnElement[Any], values: dict[str, object]
    ) -> JobRecord | None:
        free = or_(jobs.c.lease_until_s.is_(None), jobs.c.lease_until_s < time.time())
        candidate = (
            select(jobs.c.id)
            .where(jobs.c.state == state.value, free)
            .order_by(order)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        async with self._database.read() as connection:
            # The usual answer is "nothing"; it should not cost a write transaction.
            if (
                await connection.execute(select(jobs.c.id).where(jobs.c.state == state.value, free).limit(1))
            ).first() is None:
                return None
        async with self._database.write() as connection:
            job_id = (await connection.execute(candidate)).scalar_one_or_none()
            if job_id is None:
                return None
            await connection.execute(
                update(jobs).where(jobs.c.id == job_id).values(lease_owner=owner, lease_until_s=until_s, **values)
            )
            return await load(connection, None, job_id)

    async def renew_lease(self, job_id: str, owner: str, *, until_s: float) -> bool:
        """See the port."""
        async with self._database.write() as connection:
            renewed = await connection.execute(update(jobs).where(*_owned(job_id, owner)).values(lease_until_s=until_s))
            return renewed.rowcount == 1

    async def release_lease(self, job_id: str, owner: str) -> None:
        """See the port."""
        preparing = jobs.c.state == JobState.PREPARING.value
        untried = case((preparing, jobs.c.prepare_attempts - 1), else_=jobs.c.prepare_attempts)
        async with self._database.write() as connection:
            await connection.execute(
                update(jobs)
                .where(*_owned(job_id, owner))
                .values(lease_owner=None, lease_until_s=None, prepare_attempts=untried)
            )

    async def drop_leases(self) -> None:
        """See the port."""
        async with self._database.write() as connection:
            held = jobs.c.lease_owner.is_not(None)
            await connection.execute(update(jobs).where(held).values(lease_owner=None, lease_until_s=None))

    async def set_cache_key(self, job_id: str, owner: str, cache_key: str) -> None:
        """See the port."""
        async with self._database.write() as connection:
            await connection.execute(update(jobs).where(*_owned(job_id, owner)).values(cache_key=cache_key))

    async def add_chunks(self, job_id: str, owner: str, new: Sequence[NewChunk], *, scanned: int) -> bool:
        """See the port."""
        async with self._database.write() as connection:
            statement = (
                update(jobs)
                .where(*_owned(job_id, owner))
                .values(samples_scanned=scanned)
                .returning(jobs.c.tenant, jobs.c.model)
            )
            job = (await connection.execute(statement)).one_or_none()
            if job is None:
                return False
            # A crash while preparing decodes again and finds the same cuts; chunks that are there may run already.
            there = set((await connection.execute(select(chunks.c.number).where(chunks.c.job_id == job_id))).scalars())
            now = time.time()
            rows = [
                {
                    "id": f"{job_id}-{chunk.index}",
                    "job_id": job_id,
                    "number": chunk.index,
                    "tenant": job.tenant,
                    "model": job.model,
                    "start_sample": chunk.start_sample,
                    "end_sample": chunk.end_sample,
                    "hard_start": chunk.hard_start,
                    "hard_end": chunk.hard_end,
                    "object_key": chunk.object_key,
                    "interactive": chunk.interactive,
                    "state": ChunkState.DUE.value,
                    "due_s": now,
                }
                for chunk in new
                if chunk.index not in there
            ]
            if rows:
                await connection.execute(insert(chunks), rows)
                await _count_chunked(connection, job_id)
            return True

    async def finish_preparing(
        self,
        job_id: str,
        owner: str,
        *,
        samples: int,
        chunks: int,
        speech: Sequence[tuple[int, int]],
        warnings: Sequence[str],
    ) -> bool:
        """See the port."""
        async with self._database.write() as connection:
            statement = (
                update(jobs)
                .where(*_owned(job_id, owner), jobs.c.state == JobState.PREPARING.value)
                .values(
                    samples_total=samples,
                    samples_scanned=samples,
                    chunks_total=chunks,
                    speech=codec.spans_text(speech),
                    warnings=json.dumps(list(warnings)),
                    lease_owner=None,
                    lease_until_s=None,
                )
                .returning(jobs.c.chunks_done)
            )
            done = (await connection.execute(statement)).scalar_one_or_none()
            if done is None:
                return False
            state = JobState.MERGING if done == chunks else JobState.RUNNING
            await enter(connection, job_id, state)
            return True

    async def complete_job(
        self, job_id: str, owner: str, *, events: Sequence[EventBody], cached: bool, samples: int
    ) -> bool:
        """See the port."""
        async with self._database.write() as connection:
            values = {"cached": cached, "samples_total": samples}
            if not await end(connection, job_id, JobState.COMPLETED, self.result_ttl_s, owner, **values):
                return False
            await _append(connection, job_id, events)
            return True


_append = events.append


async def enter(connection: AsyncConnection, job_id: str, state: JobState) -> None:
    """Changes a running job's state and says so, inside the caller's transaction."""
    await connection.execute(update(jobs).where(jobs.c.id == job_id).values(state=state.value))
    await events.append(connection, job_id, [StateChanged(state=state)])


def _owned(job_id: str, owner: str) -> tuple[ColumnElement[bool], ...]:
    return jobs.c.id == job_id, jobs.c.lease_owner == owner, jobs.c.state.not_in(ENDED)


async def _count_chunked(connection: AsyncConnection, job_id: str) -> None:
    length = select(func.sum(chunks.c.end_sample - chunks.c.start_sample)).where(chunks.c.job_id == job_id)
    await connection.execute(update(jobs).where(jobs.c.id == job_id).values(samples_chunked=length.scalar_subquery()))
