"""Re-decodes in the database: rows of `chunks` that do not count as the job's chunks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, exists, insert, select, update

from sayit.scheduler.db import codec, dispatches
from sayit.scheduler.db.locks import lock_job
from sayit.scheduler.db.schema import chunks, jobs
from sayit.scheduler.db.transactions import Store, reads, writes
from sayit.scheduler.jobs.records import ChunkState, Dispatch, NewChunk
from sayit.scheduler.jobs.redecodes import REDECODE_NUMBERS, Redecode
from sayit.speech.jobs import JobState

_OPEN = chunks.c.state.in_([ChunkState.DUE.value, ChunkState.RUNNING.value])
#: Whether a row of jobs waits for re-decodes. Their numbers find them in the index, however many chunks there are.
OPEN_REDECODES = (
    exists().where(chunks.c.job_id == jobs.c.id, chunks.c.number >= REDECODE_NUMBERS, _OPEN).correlate(jobs)
)


class RedecodeStore(Store):
    """Re-decodes, which are chunks that are not counted. Claims, results and leases are `ChunkStore`'s."""

    @writes
    def add(
        self,
        connection: Connection,
        job_id: str,
        owner: str,
        new: Sequence[NewChunk],
        *,
        limit: int = 0,
    ) -> list[Dispatch] | None:
        """Makes re-decodes due and returns the job's lease: the job is not merged until all of them have ended.

        None when the lease is lost or the job has ended. With a limit, dispatches at once what there is room for.
        """
        lock_job(connection, job_id)
        held = and_(jobs.c.id == job_id, jobs.c.lease_owner == owner, jobs.c.state == JobState.MERGING.value)
        freed = update(jobs).where(held).values(lease_owner=None, lease_until_s=None)
        job = connection.execute(freed.returning(jobs.c.id, jobs.c.tenant, jobs.c.model)).one_or_none()
        if job is None:
            return None
        now = time.time()
        rows = [codec.chunk_values(job, redecode, ChunkState.DUE, now) for redecode in new]
        connection.execute(insert(chunks), rows)
        return dispatches.take(connection, job.model, self._rules.choose, limit=limit, patient=False) if limit else []

    async def of_job(self, job_id: str) -> list[Redecode]:
        """All re-decodes of a job, in order, in any state."""
        rows = await self._of_job(job_id)
        return await asyncio.to_thread(lambda: [codec.redecode_of(row) for row in rows])

    @reads
    def _of_job(self, connection: Connection, job_id: str) -> Sequence[Row[Any]]:
        mine = and_(chunks.c.job_id == job_id, chunks.c.number >= REDECODE_NUMBERS)
        return connection.execute(select(chunks).where(mine).order_by(chunks.c.number)).all()

    @writes
    def give_up_waiting(self, connection: Connection, *, before_s: float) -> int:
        """Gives up unclaimed re-decodes that have been due since before then; returns how many."""
        waits = and_(
            chunks.c.state == ChunkState.DUE.value, chunks.c.number >= REDECODE_NUMBERS, chunks.c.due_s < before_s
        )
        late = select(chunks.c.id).where(waits).with_for_update(skip_locked=True, key_share=True)
        dropped = update(chunks).where(chunks.c.id.in_(late)).values(state=ChunkState.DROPPED.value)
        return connection.execute(dropped).rowcount


def drop_redecode(connection: Connection, chunk_id: str) -> None:
    """Gives a re-decode up, inside the caller's transaction: its job goes on without it."""
    dropped = {"state": ChunkState.DROPPED.value, "lease_until_s": None}
    connection.execute(update(chunks).where(chunks.c.id == chunk_id).values(dropped))
