"""Chunks in the database: dispatch, claims, results. The attempt's number is the fencing token of every write."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, insert, select, true, update

from sayit.scheduler.db import chunk_cache, codec, dispatches, events, sequential_chunks
from sayit.scheduler.db.job_leases import add_warnings, count_done, enter
from sayit.scheduler.db.jobs import fail, load
from sayit.scheduler.db.locks import lock_job, lock_job_of
from sayit.scheduler.db.redecodes import drop_redecode
from sayit.scheduler.db.schema import attempts, chunks, jobs
from sayit.scheduler.db.transactions import Store, reads, writes, writes_lightly
from sayit.scheduler.jobs.channels import output_of_channel, told
from sayit.scheduler.jobs.chunk_failures import verdict
from sayit.scheduler.jobs.records import (
    AttemptEnd,
    ChunkOutput,
    ChunkState,
    Claim,
    Dispatch,
    DoneChunk,
    Ending,
    JobRecord,
    NewCacheEntry,
)
from sayit.speech.chunk_queue import ChunkMessage
from sayit.speech.errors import SayItError
from sayit.speech.jobs import ChunkText, JobState
from sayit.speech.options import Context

#: Unclaimed dispatches that are read together.
_SEARCH_BATCH = 500
# What every chunk passes through is made once: building a statement takes longer than SQLite takes to answer it.
_CLAIM = (
    update(chunks)
    .where(
        chunks.c.id == bindparam("of_chunk"),
        chunks.c.dispatch == bindparam("of_dispatch"),
        chunks.c.state == ChunkState.DUE.value,
    )
    .values(
        state=ChunkState.RUNNING.value,
        attempt=chunks.c.attempt + 1,
        lease_until_s=bindparam("until_s"),
        on_engine=False,
    )
    .returning(*chunks.c)
)
_JOB_OF_CLAIM = select(jobs.c.options, jobs.c.traceparent, jobs.c.started_s).where(jobs.c.id == bindparam("of_job"))
_BEGIN_ATTEMPT = insert(attempts)
_END_ATTEMPT = (
    update(attempts)
    .where(attempts.c.chunk_id == bindparam("of_chunk"), attempts.c.attempt == bindparam("of_attempt"))
    .values(ended_s=bindparam("at_s"), outcome=bindparam("how"), detail=bindparam("why"))
)
_COUNT_LATE_WRITE = (
    update(attempts)
    .where(attempts.c.chunk_id == bindparam("of_chunk"), attempts.c.attempt == bindparam("of_attempt"))
    .values(late_writes=attempts.c.late_writes + 1)
)
_CURRENT = and_(
    chunks.c.id == bindparam("of_chunk"),
    chunks.c.attempt == bindparam("of_attempt"),
    chunks.c.state == ChunkState.RUNNING.value,
)
_RENEW = update(chunks).where(_CURRENT).values(lease_until_s=bindparam("until_s"), on_engine=bindparam("begun"))
_STORE = (
    update(chunks).where(_CURRENT).values(state=ChunkState.DONE.value, output=bindparam("text"), lease_until_s=None)
)
# The next two are asked for every second.
_UNCLAIMED = (
    select(chunks.c.id, chunks.c.dispatch, chunks.c.model)
    .where(chunks.c.state == ChunkState.DUE.value, chunks.c.dispatched_s < bindparam("before_s"))
    .limit(_SEARCH_BATCH)
)
_EXPIRED = (
    select(chunks, jobs.c.options, jobs.c.traceparent, attempts.c.transcriber_id)
    .join(jobs, jobs.c.id == chunks.c.job_id)
    .join(attempts, and_(attempts.c.chunk_id == chunks.c.id, attempts.c.attempt == chunks.c.attempt))
    .where(chunks.c.state == ChunkState.RUNNING.value, chunks.c.lease_until_s < bindparam("now_s"))
)
_COUNTERS = {AttemptEnd.INTERRUPTED: "interruptions", AttemptEnd.CRASHED: "crashes", AttemptEnd.FAILED: "failures"}


class ChunkStore(Store):
    """Chunks, their attempts and leases."""

    @writes_lightly
    def dispatch(self, connection: Connection, model: str, *, limit: int) -> list[Dispatch]:
        """Numbers the chunks that go into the queue next, so that at most about `limit` are there or running.

        Several schedulers take turns, or they would queue twice as much as fits, and in no fair order.
        """
        return dispatches.take(connection, model, self._rules.choose, limit=limit)

    @reads
    def unclaimed(self, connection: Connection, *, before_s: float) -> list[tuple[ChunkMessage, str]]:
        """Dispatches (and their models) from before `before_s` that are still unclaimed."""
        rows = connection.execute(_UNCLAIMED, {"before_s": before_s}).all()
        return [(ChunkMessage(chunk_id=row.id, dispatch=row.dispatch), row.model) for row in rows]

    @writes
    def take_back(self, connection: Connection, messages: Sequence[ChunkMessage]) -> int:
        """Takes back dispatches that are still unclaimed, so that their chunks go again; returns how many."""
        taken = 0
        for message in messages:
            same = and_(chunks.c.id == message.chunk_id, chunks.c.dispatch == message.dispatch)
            unclaimed = and_(same, chunks.c.state == ChunkState.DUE.value)
            locked = select(chunks.c.id).where(unclaimed).with_for_update(skip_locked=True, key_share=True)
            taken += connection.execute(
                update(chunks).where(chunks.c.id.in_(locked)).values(dispatched_s=None)
            ).rowcount
        return taken

    @writes_lightly
    def claim(
        self, connection: Connection, chunk_id: str, dispatch: int, transcriber_id: str, *, lease_until_s: float
    ) -> Claim | None:
        """Due → running, attempt + 1; None when the dispatch is stale or the chunk is not due."""
        lock_job_of(connection, chunk_id)
        granted = {"of_chunk": chunk_id, "of_dispatch": dispatch, "until_s": lease_until_s}
        row = connection.execute(_CLAIM, granted).one_or_none()
        if row is None:
            return None
        job = connection.execute(_JOB_OF_CLAIM, {"of_job": row.job_id}).one()
        now = time.time()
        connection.execute(
            _BEGIN_ATTEMPT,
            {
                "chunk_id": chunk_id,
                "attempt": row.attempt,
                "dispatch": dispatch,
                "transcriber_id": transcriber_id[:64],
                "started_s": now,
                "outcome": "running",
            },
        )
        if job.started_s is None:
            connection.execute(update(jobs).where(jobs.c.id == row.job_id).values(started_s=now))
        return codec.claim_of(row, job.options, job.traceparent, transcriber_id[:64])

    @writes_lightly
    def renew_claim(
        self, connection: Connection, chunk_id: str, attempt: int, *, on_engine: bool, lease_until_s: float
    ) -> bool:
        """Prolongs a claim; False when the attempt is no longer the current one."""
        current = {"of_chunk": chunk_id, "of_attempt": attempt}
        return connection.execute(_RENEW, {**current, "until_s": lease_until_s, "begun": on_engine}).rowcount == 1

    @writes
    def commit(
        self, connection: Connection, claim: Claim, output: ChunkOutput, remember: NewCacheEntry | None = None
    ) -> JobRecord | None:
        """Stores the chunk's text and its event, and what other jobs may have of it.

        None when the attempt is fenced (the late write is counted). A re-decode has no event and is not counted.
        """
        lock_job(connection, claim.job_id)
        output = output_of_channel(output, claim.channel)
        current = {"of_chunk": claim.chunk_id, "of_attempt": claim.attempt}
        if connection.execute(_STORE, {**current, "text": codec.output_bytes(output)}).rowcount != 1:
            connection.execute(_COUNT_LATE_WRITE, current)
            return None
        _end_attempt(connection, claim, "committed", "")
        if claim.redecode_kind:
            return load(connection, None, claim.job_id)
        counts = count_done(connection, claim.job_id, 1, claim.end_sample - claim.start_sample, time.time())
        text = ChunkText(chunk_index=claim.index, segments=told(output.segments, claim.options))
        events.append(connection, claim.job_id, [text])
        add_warnings(connection, claim.job_id, output.warnings)
        if remember is not None:
            chunk_cache.remember(connection, claim.tenant, claim.job_id, remember)
        if claim.options.context is Context.SEQUENTIAL:
            sequential_chunks.release(connection, claim.job_id)
        if counts.chunks_done == counts.chunks_total:
            enter(connection, claim.job_id, JobState.MERGING)
        return load(connection, None, claim.job_id)

    @writes
    def give_up(self, connection: Connection, claim: Claim, end: Ending) -> JobRecord | None:
        """Ends an attempt without a result; None when it was fenced. A re-decode that fails is given up."""
        counter = chunks.c[_COUNTERS[end.how]]
        lock_job(connection, claim.job_id)
        statement = (
            update(chunks)
            .where(_CURRENT, true() if end.expired_s is None else chunks.c.lease_until_s < end.expired_s)
            .values(
                {
                    "state": ChunkState.DUE.value,
                    "due_s": time.time() + end.delay_s,
                    "dispatched_s": None,
                    "lease_until_s": None,
                    counter.name: counter + 1,
                }
            )
            .returning(chunks.c.crashes, chunks.c.failures)
        )
        current = {"of_chunk": claim.chunk_id, "of_attempt": claim.attempt}
        counts = connection.execute(statement, current).one_or_none()
        if counts is None:
            return None
        _end_attempt(connection, claim, end.how.value, end.detail)
        kind = verdict(crashes=counts.crashes, failures=counts.failures)
        error = end.refusal or (SayItError(kind) if kind else None)
        if error is not None and claim.redecode_kind:
            drop_redecode(connection, claim.chunk_id)
        elif error is not None:
            fail(connection, claim.job_id, error, self._rules)
        return load(connection, None, claim.job_id)

    @reads
    def expired_claims(self, connection: Connection, *, now_s: float) -> list[Claim]:
        """Claims whose lease ran out: their scheduler died, for a living one ends its calls itself."""
        rows = connection.execute(_EXPIRED, {"now_s": now_s}).all()
        return [codec.claim_of(row, row.options, row.traceparent, row.transcriber_id) for row in rows]

    async def done_chunks(self, job_id: str) -> list[DoneChunk]:
        """All chunks with their text, in order; without re-decodes."""
        rows = await self._done(job_id)
        # Hours of text take a second to read; the loop has heartbeats to answer.
        return await asyncio.to_thread(lambda: [codec.done_chunk_of(row) for row in rows])

    @reads
    def _done(self, connection: Connection, job_id: str) -> Sequence[Row[Any]]:
        statement = (
            select(chunks)
            .where(chunks.c.job_id == job_id, chunks.c.look == "", chunks.c.output.is_not(None))
            .order_by(chunks.c.number)
        )
        return connection.execute(statement).all()


def _end_attempt(connection: Connection, claim: Claim, outcome: str, detail: str) -> None:
    ended = {"at_s": time.time(), "how": outcome, "why": detail[:2000]}
    connection.execute(_END_ATTEMPT, {"of_chunk": claim.chunk_id, "of_attempt": claim.attempt, **ended})
