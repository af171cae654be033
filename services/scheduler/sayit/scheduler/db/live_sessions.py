"""Live sessions in the database: the scheduler that holds the job's lease writes, and a newer call takes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import Connection, bindparam, insert, select, update

from sayit.scheduler.db import codec
from sayit.scheduler.db.audit import record
from sayit.scheduler.db.job_leases import add_warnings, enter, insert_chunks, kept
from sayit.scheduler.db.jobs import load
from sayit.scheduler.db.locks import lock_job
from sayit.scheduler.db.schema import jobs, live_sessions, upload_parts, uploads
from sayit.scheduler.db.transactions import Store, reads, writes
from sayit.scheduler.jobs.channels import ChannelSpeech
from sayit.scheduler.jobs.live import LiveRecord
from sayit.scheduler.jobs.records import JobRecord, NewChunk, PartRecord, SampleSpan
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import JobState

_RECEIVING = jobs.c.state == JobState.RECEIVING.value
# Asked for every second.
_LEFT = select(jobs.c.id).where(_RECEIVING, jobs.c.lease_until_s < bindparam("before_s")).limit(1)


class LiveStore(Store):
    """Sessions. What a session writes is written only while its call holds the job's lease, which `JobStore` renews."""

    @writes
    def take(self, connection: Connection, tenant: str, job_id: str, owner: str, *, until_s: float) -> LiveRecord:
        """A session for the call that goes on with it; a session that has ended is returned as it is.

        Another call that has it loses its lease: the client that asks last is the one that is there.

        Raises:
            SayItError: JOB_NOT_FOUND, for another tenant's, too; INVALID_ARGUMENT for a job that is no live session.
        """
        lock_job(connection, job_id)
        job = load(connection, tenant, job_id)
        taken = _taken(connection, job, owner, until_s)
        record(connection, self._rules, "live.open", tenant=tenant, subject=job_id)
        return taken

    async def take_left(self, owner: str, *, until_s: float, before_s: float) -> LiveRecord | None:
        """A session whose lease ended before then: its client did not come back."""
        # The usual answer is "none"; it should not cost a write transaction.
        left = {"before_s": before_s}
        if not await self._database.read(lambda connection: connection.execute(_LEFT, left).first()):
            return None

        def take(connection: Connection) -> LiveRecord | None:
            first = _LEFT.order_by(jobs.c.lease_until_s).with_for_update(skip_locked=True, of=jobs)
            job_id = connection.execute(first, left).scalar_one_or_none()
            return None if job_id is None else _taken(connection, load(connection, None, job_id), owner, until_s)

        return await self._database.write(take)

    @reads
    def options(self, connection: Connection, job_id: str) -> str:
        """How a session was asked for (JSON); empty for a job that is none."""
        asked = select(live_sessions.c.options).where(live_sessions.c.job_id == job_id)
        return connection.execute(asked).scalar_one_or_none() or ""

    @writes
    def add_part(self, connection: Connection, job_id: str, owner: str, part: PartRecord, *, scanned: int) -> bool:
        """Appends stored audio and notes how far the session has its text; False when the lease is lost."""
        job = connection.execute(kept(job_id, owner, samples_scanned=scanned)).one_or_none()
        if job is None:
            return False
        _append(connection, job_id, part)
        return True

    @writes
    def save_state(self, connection: Connection, job_id: str, owner: str, state: str) -> bool:
        """Stores where the session goes on; False when the lease is lost."""
        job = connection.execute(kept(job_id, owner, lease_owner=owner)).one_or_none()
        if job is None:
            return False
        _set_state(connection, job_id, state)
        return True

    @writes
    def commit(
        self,
        connection: Connection,
        job_id: str,
        owner: str,
        utterance: NewChunk,
        *,
        state: str,
        speech: Sequence[SampleSpan],
        part: PartRecord | None,
    ) -> bool:
        """Stores an utterance's final text as a chunk, with its event, and where the session goes on behind it.

        All of it or nothing; False when the lease is lost.

        Args:
            connection: the transaction.
            job_id: the session.
            owner: who holds the lease.
            utterance: with its text.
            state: where the session goes on.
            speech: all speech so far, that of this utterance included.
            part: audio that is to be appended with it, if any.
        """
        values = {"samples_scanned": utterance.end_sample, "speech": _speech(speech)}
        job = connection.execute(kept(job_id, owner, **values)).one_or_none()
        if job is None:
            return False
        insert_chunks(connection, job, [utterance])
        if utterance.output is not None:
            add_warnings(connection, job_id, utterance.output.warnings)
        _set_state(connection, job_id, state)
        if part is not None:
            _append(connection, job_id, part)
        return True

    @writes
    def finish(
        self, connection: Connection, job_id: str, owner: str, *, samples: int, speech: Sequence[SampleSpan]
    ) -> JobRecord | None:
        """All audio has its text: MERGING; None when the lease is lost."""
        lengths = {"samples_total": samples, "samples_scanned": samples, "chunks_total": jobs.c.chunks_done}
        free = {"lease_owner": None, "lease_until_s": None}
        finished = kept(job_id, owner, **lengths, **free, speech=_speech(speech))
        if connection.execute(finished.where(_RECEIVING)).one_or_none() is None:
            return None
        _set_state(connection, job_id, "")
        enter(connection, job_id, JobState.MERGING)
        return load(connection, None, job_id)


def _taken(connection: Connection, job: JobRecord, owner: str, until_s: float) -> LiveRecord:
    """A session, with its lease while it goes on, inside the caller's transaction, which has locked the job."""
    columns = (live_sessions.c.options, live_sessions.c.state, uploads.c.received, jobs.c.speech)
    joined = select(*columns).select_from(live_sessions).join(jobs, jobs.c.id == live_sessions.c.job_id)
    statement = joined.join(uploads, uploads.c.id == jobs.c.upload_id).where(jobs.c.id == job.id)
    row = connection.execute(statement).one_or_none()
    if row is None:
        reason = "the job is no live session"
        raise SayItError(ErrorKind.INVALID_ARGUMENT, field="resume_job_id", reason=reason)
    leased = update(jobs).where(jobs.c.id == job.id, _RECEIVING)
    connection.execute(leased.values(lease_owner=owner, lease_until_s=until_s))
    spans = [span for one in codec.speech_of(row.speech) for span in one.spans]
    return LiveRecord(job=job, options=row.options, state=row.state, received=row.received, speech=tuple(spans))


def _append(connection: Connection, job_id: str, part: PartRecord) -> None:
    """Appends audio to the upload of a session whose lease is held, inside the caller's transaction."""
    of_job = select(jobs.c.upload_id).where(jobs.c.id == job_id).scalar_subquery()
    grown = update(uploads).where(uploads.c.id == of_job, uploads.c.received == part.offset)
    upload_id = connection.execute(
        grown.values(received=part.offset + part.size).returning(uploads.c.id)
    ).scalar_one_or_none()
    if upload_id is None:
        raise SayItError(ErrorKind.INTERNAL, cause=f"audio at {part.offset} is not behind that of {job_id}")
    connection.execute(insert(upload_parts).values(upload_id=upload_id, **asdict(part)))


def _set_state(connection: Connection, job_id: str, state: str) -> None:
    connection.execute(update(live_sessions).where(live_sessions.c.job_id == job_id).values(state=state))


def _speech(spans: Sequence[SampleSpan]) -> str:
    return codec.speech_text([ChannelSpeech(channel=0, spans=tuple(spans))])
