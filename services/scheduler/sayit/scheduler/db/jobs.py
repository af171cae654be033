"""Jobs in the database: acceptance, reading, cancelling, deleting."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace

from sqlalchemy import Connection, and_, bindparam, case, delete, exists, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from sayit.scheduler.db import codec, events
from sayit.scheduler.db.audit import record
from sayit.scheduler.db.engine import after_commit, deleted
from sayit.scheduler.db.holds import JOB_FREE, check_free
from sayit.scheduler.db.locks import lock_job, lock_name, put
from sayit.scheduler.db.object_gc import mark_as_garbage
from sayit.scheduler.db.schema import attempts, cache, chunks, job_texts, jobs, live_sessions
from sayit.scheduler.db.transactions import Rules, Store, reads, writes
from sayit.scheduler.db.uploads import drop_unused
from sayit.scheduler.db.usage import note_usage
from sayit.scheduler.db.webhooks import announce, drop_messages
from sayit.scheduler.jobs import metrics
from sayit.scheduler.jobs.channels import ChannelSpeech
from sayit.scheduler.jobs.records import ChunkState, Full, JobLimits, JobRecord
from sayit.scheduler.jobs.text_search import folded
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import Failed, JobError, JobState, StateChanged

#: What a job's record needs: not the spans of speech, which are long and wanted once.
BRIEF = tuple(jobs.c[one.name] for one in fields(JobRecord) if one.name in jobs.c)
ENDED = tuple(state.value for state in JobState if state.terminal)
_LOAD = select(*BRIEF).where(jobs.c.id == bindparam("of_job"))
#: What is counted, and told, of a job that ends.
_OF_ENDED = tuple(
    jobs.c[name]
    for name in (
        *("id", "tenant", "model", "created_s", "finished_s", "samples_total", "cached", "error_code"),
        *("labels", "callback_url", "key_id", "options"),
    )
)
#: States of chunks that are dropped when their job ends.
UNFINISHED = (ChunkState.HELD.value, ChunkState.DUE.value, ChunkState.RUNNING.value)
ACTIVE = tuple(state.value for state in JobState if not state.terminal)


class SqlJobs(Store):
    """The part of `JobStore` that needs no lease."""

    async def create_job(
        self, job: JobRecord, bounds: JobLimits, live: str | None = None
    ) -> tuple[JobRecord, bool] | Full:
        """Accepts a job, or returns the one that its idempotency key already made (and False).

        However many requests arrive together, at whichever scheduler: no job is accepted beyond the bounds.
        A live session's job comes with its client's options.
        """
        try:
            return await self._accept(job, bounds, live)
        except IntegrityError:
            existing = await self.find_by_idempotency_key(job.tenant, job.idempotency_key)
            if existing is None:
                # Not the key: the upload was deleted between its check and this insert.
                raise SayItError(ErrorKind.UPLOAD_NOT_FOUND, upload_id=job.upload_id) from None
            return existing, False

    @writes
    def _accept(
        self, connection: Connection, job: JobRecord, bounds: JobLimits, live: str | None
    ) -> tuple[JobRecord, bool] | Full:
        # From counting to committing no other transaction may accept one.
        lock_name(connection, "accept")
        if (full := _full(connection, job.tenant, bounds)) is not None:
            existing = _by_key(connection, job.tenant, job.idempotency_key)
            return full if existing is None else (existing, False)
        # A session that its call leaves at once is finished as any other that no call resumes.
        left = {} if live is None else {"lease_until_s": job.created_s}
        connection.execute(insert(jobs).values({**codec.job_values(job), **left}))
        if live is not None:
            connection.execute(insert(live_sessions).values(job_id=job.id, options=live))
        events.append(connection, job.id, [StateChanged(state=job.state)])
        record(connection, self._rules, "job.create", tenant=job.tenant, subject=job.id, key_id=job.key_id)
        return load(connection, job.tenant, job.id), True

    @reads
    def get_job(self, connection: Connection, tenant: str | None, job_id: str) -> JobRecord:
        """Returns a job; JOB_NOT_FOUND for another tenant's, too, unless no tenant is named."""
        return load(connection, tenant, job_id)

    @reads
    def find_by_idempotency_key(self, connection: Connection, tenant: str, key: str) -> JobRecord | None:
        """The job that this key made."""
        return _by_key(connection, tenant, key)

    @reads
    def list_jobs(
        self,
        connection: Connection,
        tenant: str | None,
        *,
        states: Sequence[JobState],
        labels: Mapping[str, str],
        created_after_s: float,
        before: tuple[float, str] | None,
        limit: int,
        text: str = "",
    ) -> list[JobRecord]:
        """Jobs, newest first, below the key (created, id) of the page before; without a tenant, all tenants'.

        With a text, those whose transcript has all of its words.
        """
        statement = select(*BRIEF).where(jobs.c.created_s >= created_after_s)
        if tenant is not None:
            statement = statement.where(jobs.c.tenant == tenant)
        if states:
            statement = statement.where(jobs.c.state.in_([state.value for state in states]))
        for name, value in labels.items():
            # Not LIKE, whose case SQLite ignores.
            statement = statement.where(
                func.replace(jobs.c.labels, codec.labels_text({name: value}), "") != jobs.c.labels
            )
        if words := folded(text).split():
            has = [job_texts.c.text.contains(word, autoescape=True) for word in words]
            statement = statement.where(exists().where(job_texts.c.job_id == jobs.c.id, *has))
        if before is not None:
            created, job_id = before
            older = jobs.c.created_s < created
            statement = statement.where(or_(older, and_(jobs.c.created_s == created, jobs.c.id < job_id)))
        statement = statement.order_by(jobs.c.created_s.desc(), jobs.c.id.desc()).limit(limit)
        return [codec.job_of(row) for row in connection.execute(statement).all()]

    @reads
    def active_by_tenant(self, connection: Connection, *, limit: int) -> list[tuple[str, int]]:
        """Tenants with jobs that have not ended, and how many, those with the most first."""
        number = func.count().label("number")
        active = select(jobs.c.tenant, number).where(jobs.c.state.in_(ACTIVE)).group_by(jobs.c.tenant)
        found = connection.execute(active.order_by(number.desc(), jobs.c.tenant).limit(limit))
        return [(row.tenant, row.number) for row in found]

    @reads
    def full(self, connection: Connection, tenant: str, bounds: JobLimits) -> Full | None:
        """Which bound another job of this tenant would exceed."""
        return _full(connection, tenant, bounds)

    @writes
    def cancel_job(
        self, connection: Connection, tenant: str, job_id: str, *, to_delete: bool = False
    ) -> tuple[JobRecord, bool]:
        """Cancels a job unless it ended; returns it and whether this call did it. LEGAL_HOLD where one forbids."""
        lock_job(connection, job_id)
        job = load(connection, tenant, job_id)
        if to_delete:
            check_free(connection, tenant, and_(jobs.c.id == job_id, JOB_FREE))
        if not end(connection, job_id, JobState.CANCELLED, self._rules):
            return job, False
        events.append(connection, job_id, [StateChanged(state=JobState.CANCELLED)])
        record(connection, self._rules, "job.cancel", tenant=tenant, subject=job_id)
        return load(connection, tenant, job_id), True

    @writes
    def update_job(
        self,
        connection: Connection,
        tenant: str,
        job_id: str,
        *,
        kept: bool | None,
        filename: str | None,
        labels: Mapping[str, str] | None,
    ) -> JobRecord:
        """Changes what is not None; `kept` lets an ended job never expire, or expire as one that ends now."""
        lock_job(connection, job_id)
        job = load(connection, tenant, job_id)
        values: dict[str, object] = {}
        if kept is not None:
            if not job.state.terminal:
                raise SayItError(ErrorKind.JOB_NOT_FINISHED, job_id=job_id, retry_after_s=1.0)
            values = kept_values(job) if kept else {"expires_s": self._rules.expiry_s(tenant, time.time())}
            record(connection, self._rules, "job.keep", tenant=tenant, subject=job_id, detail=f"kept={kept}")
        if filename is not None:
            values["filename"] = filename
        if labels is not None:
            values["labels"] = codec.labels_text(labels)
        if values:
            connection.execute(update(jobs).where(jobs.c.id == job_id).values(**values))
        renamed = " ".join(name for name in ("filename", "labels") if name in values)
        if renamed:
            record(connection, self._rules, "job.rename", tenant=tenant, subject=job_id, detail=renamed)
        return load(connection, tenant, job_id)

    async def delivered(self, tenant: str, job_id: str) -> None:
        """Lets a job expire soon whose whole text was given to its tenant, if it goes when it was read."""
        job = await self.get_job(tenant, job_id)
        if job.state is JobState.COMPLETED and self._rules.goes_when_read(job):
            await self._expire_soon(tenant, job_id)

    @writes
    def _expire_soon(self, connection: Connection, tenant: str, job_id: str) -> None:
        lock_job(connection, job_id)
        job = load(connection, tenant, job_id)
        soon_s = time.time() + self._rules.read_again_s
        # Kept meanwhile, or read before: the first reading counts.
        if self._rules.goes_when_read(job) and (job.expires_s is None or soon_s < job.expires_s):
            connection.execute(update(jobs).where(jobs.c.id == job_id).values(expires_s=soon_s))

    @writes
    def delete_job(self, connection: Connection, tenant: str, job_id: str) -> None:
        """Deletes a job, with what is still to be told of it, and marks its objects and an unused upload as garbage."""
        lock_job(connection, job_id)
        job = load(connection, tenant, job_id)
        check_free(connection, tenant, and_(jobs.c.id == job_id, JOB_FREE))
        forget(connection, job.id)
        drop_messages(connection, job.id)
        record(connection, self._rules, "job.delete", tenant=tenant, subject=job.id)
        drop_unused(connection, job.upload_id)

    @writes
    def fail_job(self, connection: Connection, job_id: str, error: SayItError) -> bool:
        """FAILED, unless the job has ended."""
        return fail(connection, job_id, error, self._rules)

    @reads
    def events_after(
        self, connection: Connection, tenant: str, job_id: str, seq: int, limit: int
    ) -> tuple[JobRecord, list[bytes]]:
        """A job, and its durable events after `seq`, serialized, in order; JOB_NOT_FOUND as `get_job`."""
        return load(connection, tenant, job_id), events.after(connection, job_id, seq, limit)

    @reads
    def speech(self, connection: Connection, job_id: str) -> tuple[ChannelSpeech, ...]:
        """Detected speech by channel, once all chunks are known."""
        statement = select(jobs.c.speech).where(jobs.c.id == job_id)
        return codec.speech_of(connection.execute(statement).scalar_one_or_none() or "[]")

    @writes
    def cache_put(self, connection: Connection, tenant: str, cache_key: str, job_id: str, *, expires_s: float) -> None:
        """Remembers that this job's transcript answers this key."""
        lock_job(connection, job_id)
        if connection.execute(select(jobs.c.id).where(jobs.c.id == job_id)).first() is None:
            return  # deleted a moment ago
        values = {"job_id": job_id, "expires_s": expires_s}
        put(connection, cache, {"tenant": tenant, "cache_key": cache_key}, values)

    @reads
    def cache_get(self, connection: Connection, tenant: str, cache_key: str) -> JobRecord | None:
        """The completed job whose transcript answers this key."""
        statement = (
            select(*BRIEF)
            .join(cache, cache.c.job_id == jobs.c.id)
            .where(cache.c.tenant == tenant, cache.c.cache_key == cache_key, cache.c.expires_s > time.time())
            .where(jobs.c.state == JobState.COMPLETED.value)
        )
        row = connection.execute(statement).one_or_none()
        return None if row is None else codec.job_of(row)


def kept_values(job: JobRecord) -> dict[str, object]:
    """Columns of a job that does not expire, not even when it was read."""
    kept = replace(job, options=replace(job.options, delete_after_read=False))
    return {"expires_s": None, "options": codec.options_text(kept)}


def _full(connection: Connection, tenant: str, bounds: JobLimits) -> Full | None:
    own = func.coalesce(func.sum(case((jobs.c.tenant == tenant, 1), else_=0)), 0)
    # Named, not excluded: so the index serves, however many ended jobs are kept.
    active = select(func.count(), own).select_from(jobs).where(jobs.c.state.in_(ACTIVE))
    total, mine = connection.execute(active).one()
    if total >= bounds.jobs:
        return Full.JOBS
    return Full.TENANT if mine >= bounds.of_tenant else None


def _by_key(connection: Connection, tenant: str, key: str) -> JobRecord | None:
    if not key:
        return None
    statement = select(*BRIEF).where(jobs.c.tenant == tenant, jobs.c.idempotency_key == key)
    row = connection.execute(statement).one_or_none()
    return None if row is None else codec.job_of(row)


def load(connection: Connection, tenant: str | None, job_id: str) -> JobRecord:
    """A job inside the caller's transaction; without a tenant, any tenant's."""
    row = connection.execute(_LOAD, {"of_job": job_id}).one_or_none()
    if row is None or (tenant is not None and row.tenant != tenant):
        raise SayItError(ErrorKind.JOB_NOT_FOUND, job_id=job_id[:64])
    return codec.job_of(row)


def end(
    connection: Connection, job_id: str, state: JobState, rules: Rules, owner: str | None = None, **values: object
) -> bool:
    """Puts a job that has not ended into a terminal state, drops its unfinished chunks, has it told; whether it did.

    With an owner, only while that owner holds the job's lease.
    """
    now = time.time()
    statement = update(jobs).where(jobs.c.id == job_id, jobs.c.state.not_in(ENDED))
    if owner is not None:
        statement = statement.where(jobs.c.lease_owner == owner)
    of_job = select(jobs.c.tenant).where(jobs.c.id == job_id)
    tenant = connection.execute(of_job).scalar_one_or_none() if rules.tenant_ttl_s else None
    kept = {"finished_s": now, "expires_s": rules.expiry_s(tenant or "", now)}
    statement = statement.values(state=state.value, **kept, lease_owner=None, lease_until_s=None, **values)
    ended = connection.execute(statement.returning(*_OF_ENDED)).one_or_none()
    if ended is None:
        return False
    announce(connection, ended, state, rules)
    note_usage(connection, ended, state, rules)
    count = functools.partial(metrics.job_ended, state, model=ended.model, seconds=now - ended.created_s)
    after_commit(
        connection,
        functools.partial(count, samples=ended.samples_total, cached=ended.cached, error_code=ended.error_code),
    )
    connection.execute(
        update(chunks)
        .where(chunks.c.job_id == job_id, chunks.c.state.in_(UNFINISHED))
        .values(state=ChunkState.DROPPED.value, lease_until_s=None)
    )
    attempted = select(chunks.c.id).where(chunks.c.job_id == job_id)
    connection.execute(
        update(attempts)
        .where(attempts.c.chunk_id.in_(attempted), attempts.c.outcome == "running")
        .values(outcome="dropped", ended_s=now)
    )
    mark_as_garbage(connection, f"jobs/{job_id}/chunks/")
    if codec.options_of(ended.options).redacts:
        _forget_texts(connection, job_id)
    return True


def _forget_texts(connection: Connection, job_id: str) -> None:
    """Deletes what was said as it was said: an ended job has its redacted transcript, or none."""
    deleted(connection)
    connection.execute(update(chunks).where(chunks.c.job_id == job_id).values(output=None, decoding=""))
    connection.execute(update(live_sessions).where(live_sessions.c.job_id == job_id).values(state=""))


def fail(connection: Connection, job_id: str, error: SayItError, rules: Rules) -> bool:
    """FAILED inside the caller's transaction, unless the job has ended; whether it did."""
    details = json.dumps(error.details, ensure_ascii=False)
    if not end(connection, job_id, JobState.FAILED, rules, error_code=error.code, error_details=details):
        return False
    reason = JobError(code=error.code, message_en=error.message("en"), message_ko=error.message("ko"))
    events.append(connection, job_id, [Failed(error=reason)])
    return True


def forget(connection: Connection, job_id: str) -> None:
    """Deletes a job's rows inside the caller's transaction; its objects are marked as garbage."""
    deleted(connection)
    if connection.execute(delete(jobs).where(jobs.c.id == job_id)).rowcount == 1:
        mark_as_garbage(connection, f"jobs/{job_id}/")
