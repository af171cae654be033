"""Versions of transcripts in the database."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Connection, insert, select, update

from sayit.scheduler.db import codec
from sayit.scheduler.db.audit import record
from sayit.scheduler.db.jobs import kept_values, load
from sayit.scheduler.db.locks import lock_job, put
from sayit.scheduler.db.schema import job_texts, jobs, transcript_versions
from sayit.scheduler.db.transactions import Store, reads, writes
from sayit.scheduler.jobs.text_search import folded
from sayit.speech.corrections import Corrections, TranscriptVersion


class CorrectionStore(Store):
    """What callers corrected, by job and version."""

    @reads
    def changes(
        self, connection: Connection, tenant: str, job_id: str, *, last: int | None = None
    ) -> list[Corrections]:
        """What each version changed, from the first to `last`, or to the newest one; JOB_NOT_FOUND."""
        load(connection, tenant, job_id)
        statement = select(transcript_versions.c.changes).where(transcript_versions.c.job_id == job_id)
        if last is not None:
            statement = statement.where(transcript_versions.c.version <= last)
        rows = connection.execute(statement.order_by(transcript_versions.c.version)).scalars()
        return list(map(codec.changes_of, rows))

    @reads
    def versions(
        self, connection: Connection, tenant: str, job_id: str, *, before: int | None, limit: int
    ) -> list[TranscriptVersion]:
        """The newest versions, or the newest before one; JOB_NOT_FOUND."""
        load(connection, tenant, job_id)
        statement = select(transcript_versions).where(transcript_versions.c.job_id == job_id)
        if before is not None:
            statement = statement.where(transcript_versions.c.version < before)
        statement = statement.order_by(transcript_versions.c.version.desc()).limit(limit)
        return [_version(row) for row in connection.execute(statement)]

    @writes
    def add(
        self, connection: Connection, tenant: str, job_id: str, key_id: str, changes: Corrections, *, text: str = ""
    ) -> bool:
        """Stores a version if it follows the newest one; whether it did. The first one keeps its job; JOB_NOT_FOUND.

        `text` is the version's, which the job is found by then.
        """
        lock_job(connection, job_id)
        job = load(connection, tenant, job_id)
        if job.transcript_version != changes.version - 1:
            return False
        kept = kept_values(job) if changes.version == 1 else {}
        connection.execute(update(jobs).where(jobs.c.id == job_id).values(transcript_version=changes.version, **kept))
        connection.execute(
            insert(transcript_versions).values(
                job_id=job_id,
                version=changes.version,
                created_s=time.time(),
                key_id=key_id,
                changes=codec.changes_bytes(changes),
            )
        )
        put(connection, job_texts, {"job_id": job_id}, {"text": folded(text)})
        detail = f"version={changes.version}"
        record(connection, self._rules, "transcript.correct", tenant=tenant, subject=job_id, detail=detail)
        return True


def _version(row: Any) -> TranscriptVersion:
    changes = codec.changes_of(row.changes)
    return TranscriptVersion(
        version=row.version,
        created_at_s=row.created_s,
        key_id=row.key_id,
        segments=tuple(change.segment for change in changes.segments),
        names=tuple(changes.names),
    )
