"""Preparing and merging in the database: one owner at a time, by a lease on the job's row."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, case, func, insert, or_, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from sayit.scheduler.db import codec, dispatches, events, sequential_chunks
from sayit.scheduler.db.jobs import ENDED, SqlJobs, end, load
from sayit.scheduler.db.locks import lock_job, locks_rows, put
from sayit.scheduler.db.redecodes import OPEN_REDECODES
from sayit.scheduler.db.schema import chunks, job_texts, jobs, uploads, webhooks
from sayit.scheduler.db.transactions import writes
from sayit.scheduler.jobs.channels import ChannelSpeech, told
from sayit.scheduler.jobs.records import ChunkState, Dispatch, JobRecord, NewChunk
from sayit.scheduler.jobs.text_search import folded
from sayit.speech.jobs import ChunkText, EventBody, JobState, StateChanged
from sayit.speech.options import Context

_NUMBERS = select(chunks.c.number).where(chunks.c.job_id == bindparam("of_job"))
_INSERT_CHUNKS = insert(chunks)
_SIZE = select(uploads.c.received).where(uploads.c.id == jobs.c.upload_id).scalar_subquery()
_FREE = or_(jobs.c.lease_until_s.is_(None), jobs.c.lease_until_s < bindparam("now_s"))
# Asked for every second by several loops.
_CANDIDATE = select(jobs.c.id).where(jobs.c.state == bindparam("in_state"), _FREE).limit(1)
_MERGEABLE = _CANDIDATE.where(~OPEN_REDECODES)
_SMALL_CANDIDATE = _CANDIDATE.where(bindparam("max_bytes") >= _SIZE)
_COUNT_CHUNKED = (
    update(jobs)
    .where(jobs.c.id == bindparam("of_job"))
    .values(samples_chunked=jobs.c.samples_chunked + bindparam("length"))
)
_COUNT_DONE = (
    update(jobs)
    .where(jobs.c.id == bindparam("of_job"))
    .values(
        chunks_done=jobs.c.chunks_done + bindparam("count"),
        samples_done=jobs.c.samples_done + bindparam("length"),
        started_s=func.coalesce(jobs.c.started_s, bindparam("now_s")),
    )
    .returning(jobs.c.chunks_done, jobs.c.chunks_total)
)


class JobStore(SqlJobs):
    """Jobs and their durable events. Whatever changes a job's state appends the event in the same transaction."""

    async def lease_preparing(self, owner: str, *, until_s: float, max_bytes: int | None = None) -> JobRecord | None:
        """Takes an accepted job without a lease, small files first; only files of at most `max_bytes` if given."""
        attempt = {"prepare_attempts": jobs.c.prepare_attempts + 1}
        bound: dict[str, object] = {"in_state": JobState.PREPARING.value}
        if max_bytes is None:
            return await self._lease(_CANDIDATE, bound, owner, until_s, _SIZE, attempt)
        return await self._lease(_SMALL_CANDIDATE, {**bound, "max_bytes": max_bytes}, owner, until_s, _SIZE, attempt)

    async def lease_merging(self, owner: str, *, until_s: float) -> JobRecord | None:
        """Takes a job without a lease whose chunks are all done and whose re-decodes have all ended."""
        bound: dict[str, object] = {"in_state": JobState.MERGING.value}
        return await self._lease(_MERGEABLE, bound, owner, until_s, jobs.c.created_s, {})

    async def _lease(
        self,
        candidate: Select[Any],
        bound: Mapping[str, object],
        owner: str,
        until_s: float,
        order: ColumnElement[Any],
        values: dict[str, Any],
    ) -> JobRecord | None:
        bound = {**bound, "now_s": time.time()}
        # The usual answer is "nothing"; it should not cost a write transaction.
        if not await self._database.read(lambda connection: connection.execute(candidate, bound).first()):
            return None
        first = candidate.order_by(order).with_for_update(skip_locked=True, of=jobs)

        def take(connection: Connection) -> JobRecord | None:
            job_id = connection.execute(first, bound).scalar_one_or_none()
            if job_id is None:
                return None
            # The transaction that held the lock may have added re-decodes, which the statement above did not see.
            still = candidate.where(jobs.c.id == job_id)
            if locks_rows(connection) and connection.execute(still, bound).first() is None:
                return None
            connection.execute(
                update(jobs).where(jobs.c.id == job_id).values(lease_owner=owner, lease_until_s=until_s, **values)
            )
            return load(connection, None, job_id)

        return await self._database.write(take)

    @writes
    def renew_lease(self, connection: Connection, job_id: str, owner: str, *, until_s: float) -> bool:
        """Prolongs a lease; False when it is lost or the job has ended."""
        renewed = connection.execute(update(jobs).where(*_owned(job_id, owner)).values(lease_until_s=until_s))
        return renewed.rowcount == 1

    @writes
    def return_lease(self, connection: Connection, job_id: str, owner: str, *, not_before_s: float) -> None:
        """Gives a lease back: nothing was wrong with the job, so it does not count as an attempt at preparing it."""
        preparing = case((jobs.c.state == JobState.PREPARING.value, 1), else_=0)
        connection.execute(
            update(jobs)
            .where(*_owned(job_id, owner))
            .values(
                lease_owner=None,
                lease_until_s=not_before_s,
                prepare_attempts=jobs.c.prepare_attempts - preparing,
            )
        )

    @writes
    def drop_leases(self, connection: Connection) -> None:
        """Ends the leases of all jobs and messages; only for the one scheduler of a database, at its start.

        Clients of live sessions have the usual time to come back, from now on.
        """
        held = jobs.c.lease_owner.is_not(None)
        until_s = case((jobs.c.state == JobState.RECEIVING.value, time.time()))
        connection.execute(update(jobs).where(held).values(lease_owner=None, lease_until_s=until_s))
        connection.execute(update(webhooks).where(webhooks.c.lease_until_s.is_not(None)).values(lease_until_s=None))

    @writes
    def set_cache_key(self, connection: Connection, job_id: str, owner: str, cache_key: str) -> None:
        """Notes what the job's content and options hash to."""
        connection.execute(update(jobs).where(*_owned(job_id, owner)).values(cache_key=cache_key))

    async def add_chunks(
        self,
        job_id: str,
        owner: str,
        new: Sequence[NewChunk],
        *,
        scanned: int,
        declared: int | None = None,
        channels: int = 1,
        limit: int = 0,
    ) -> list[Dispatch] | None:
        """Appends chunks (those there stay) and notes how far the file was read; None when the lease is lost.

        Chunks that have a text are done, and their events are written. Chunks that have none may be lost together with
        the power of the caller's machine, until something durable is written after them: the file is cut again.

        `declared` are the samples that the file says it has, `channels` are those that are transcribed side by side.

        With a limit, dispatches at once what there is room for, as `ChunkStore.dispatch` does, unless another scheduler
        does so just now.
        """
        known = func.coalesce(declared, jobs.c.samples_declared)
        values = {"samples_scanned": scanned, "samples_declared": known, "channels": channels}

        def add(connection: Connection) -> list[Dispatch] | None:
            job = connection.execute(kept(job_id, owner, **values)).one_or_none()
            return None if job is None else self._add(connection, job, new, limit=limit)

        # An event that was seen must not be lost. Without one a transcriber need not wait for the disk, if the process
        # that cuts the file ends as well: a PostgreSQL that crashes alone would leave a job without some chunks.
        forgettable = self._database.is_sqlite and all(chunk.output is None for chunk in new)
        return await self._database.write(add, durable=not forgettable)

    def _add(self, connection: Connection, job: Any, new: Sequence[NewChunk], *, limit: int) -> list[Dispatch]:
        """Appends chunks and dispatches what there is room for, inside the caller's transaction."""
        if not new:
            return []
        # A crash while preparing decodes again and finds the same cuts; chunks that are there may run already.
        there = set(connection.execute(_NUMBERS, {"of_job": job.id}).scalars())
        missing = [chunk for chunk in new if chunk.index not in there]
        if not missing:
            return []
        insert_chunks(connection, job, missing)
        return dispatches.take(connection, job.model, self._rules.choose, limit=limit, patient=False) if limit else []

    @writes
    def finish_preparing(
        self,
        connection: Connection,
        job_id: str,
        owner: str,
        *,
        samples: int,
        chunks: int,
        speech: Sequence[ChannelSpeech],
        warnings: Sequence[str],
    ) -> JobRecord | None:
        """All chunks were added: RUNNING, or MERGING when they are done already; None when the lease is lost."""
        statement = kept(
            job_id,
            owner,
            samples_total=samples,
            samples_scanned=samples,
            chunks_total=chunks,
            channels=max(1, len(speech)),
            speech=codec.speech_text(speech),
            lease_owner=None,
            lease_until_s=None,
        )
        job = connection.execute(statement.where(jobs.c.state == JobState.PREPARING.value)).one_or_none()
        if job is None:
            return None
        add_warnings(connection, job_id, warnings)
        enter(connection, job_id, JobState.MERGING if job.chunks_done == chunks else JobState.RUNNING)
        return load(connection, None, job_id)

    @writes
    def complete_job(
        self,
        connection: Connection,
        job_id: str,
        owner: str,
        *,
        events: Sequence[EventBody],
        cached: bool,
        samples: int,
        warnings: Sequence[str] = (),
        text: str = "",
    ) -> bool:
        """COMPLETED, with its last events; False when the lease is lost or the job has ended. Warnings are added.

        `text` is what the job is found by.
        """
        lock_job(connection, job_id)
        values: dict[str, object] = {"cached": cached, "samples_total": samples}
        if warnings:
            values["warnings"] = json.dumps(list(warnings))
        if not end(connection, job_id, JobState.COMPLETED, self._rules, owner, **values):
            return False
        put(connection, job_texts, {"job_id": job_id}, {"text": folded(text)})
        _append(connection, job_id, events)
        return True


_append = events.append


def insert_chunks(connection: Connection, job: Row[Any], new: Sequence[NewChunk]) -> None:
    """Inserts chunks of a job that `kept` returned, with the events of those that have a text, and counts them."""
    length = sum(chunk.end_sample - chunk.start_sample for chunk in new)
    connection.execute(_COUNT_CHUNKED, {"of_job": job.id, "length": length})
    sequential = codec.options_of(job.options).context is Context.SEQUENTIAL
    waiting = ChunkState.HELD if sequential else ChunkState.DUE
    now = time.time()
    connection.execute(_INSERT_CHUNKS, [codec.chunk_values(job, chunk, waiting, now) for chunk in new])
    _tell(connection, job, new, now)
    if sequential:
        sequential_chunks.release(connection, job.id)


def add_warnings(connection: Connection, job_id: str, warnings: Sequence[str]) -> None:
    """Adds to a job's warnings, in the caller's transaction, which has locked the job; of a kind the first stays."""
    if not warnings:
        return
    of_job = jobs.c.id == job_id
    found = json.loads(connection.execute(select(jobs.c.warnings).where(of_job)).scalar_one())
    by_kind = {warning.split(":")[0]: warning for warning in [*warnings, *found]}
    connection.execute(update(jobs).where(of_job).values(warnings=json.dumps(list(by_kind.values()))))


def enter(connection: Connection, job_id: str, state: JobState) -> None:
    """Changes a running job's state and appends the event, inside the caller's transaction."""
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(state=state.value))
    events.append(connection, job_id, [StateChanged(state=state)])


def _owned(job_id: str, owner: str) -> tuple[ColumnElement[bool], ...]:
    return jobs.c.id == job_id, jobs.c.lease_owner == owner, jobs.c.state.not_in(ENDED)


def kept(job_id: str, owner: str, **values: object) -> ReturningUpdate[Any]:
    """Writes into a job that the owner still holds; what is to be known of it then, or nothing."""
    statement = update(jobs).where(*_owned(job_id, owner)).values(**values)
    return statement.returning(jobs.c.id, jobs.c.tenant, jobs.c.model, jobs.c.chunks_done, jobs.c.options)


def _tell(connection: Connection, job: Any, new: Sequence[NewChunk], now_s: float) -> None:
    """Counts the chunks that came with their text, and writes their events."""
    done = [(chunk, chunk.output) for chunk in new if chunk.output is not None]
    if not done:
        return
    length = sum(chunk.end_sample - chunk.start_sample for chunk, _ in done)
    count_done(connection, job.id, len(done), length, now_s)
    options = codec.options_of(job.options)
    texts = [
        ChunkText(
            chunk_index=chunk.index,
            segments=told(output.segments, options) if chunk.told is None else chunk.told,
        )
        for chunk, output in done
    ]
    events.append(connection, job.id, texts)


def count_done(connection: Connection, job_id: str, count: int, length: int, now_s: float) -> Row[Any]:
    """Counts finished chunks and their samples; returns the job's `chunks_done` and `chunks_total`."""
    counted = {"of_job": job_id, "count": count, "length": length, "now_s": now_s}
    return connection.execute(_COUNT_DONE, counted).one()
