"""Share links in the database; of their tokens only hashes. They go with their job."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update

from sayit.chassis.api_keys import Secret, StoredKey
from sayit.scheduler.db.api_keys import USE_GRAIN_S
from sayit.scheduler.db.audit import record
from sayit.scheduler.db.jobs import kept_values, load
from sayit.scheduler.db.locks import lock_job
from sayit.scheduler.db.schema import jobs, share_links
from sayit.scheduler.db.transactions import Store, reads, writes, writes_lightly
from sayit.speech.api_keys import ApiKey
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import JobState
from sayit.speech.share_links import MAX_LINKS, REQUESTS, SHARED, ShareLink


class ShareLinkStore(Store):
    """Links by job."""

    @writes
    def create_link(
        self, connection: Connection, tenant: str, job_id: str, secret: Secret, *, valid_for_s: float
    ) -> ShareLink:
        """Stores a link, until whose end its job is kept; JOB_NOT_FOUND, JOB_NOT_FINISHED, TOO_MANY_LINKS."""
        # From counting to committing no other transaction may store one of this job's.
        lock_job(connection, job_id)
        job = load(connection, tenant, job_id)
        if job.state is not JobState.COMPLETED:
            raise SayItError(ErrorKind.JOB_NOT_FINISHED, job_id=job_id, retry_after_s=1.0)
        counted = select(func.count()).select_from(share_links).where(share_links.c.job_id == job_id, _valid())
        if int(connection.execute(counted).scalar_one()) >= MAX_LINKS:
            raise SayItError(ErrorKind.TOO_MANY_LINKS, limit=MAX_LINKS)
        now_s = time.time()
        link = ShareLink(id=secret.key_id, job_id=job_id, created_at_s=now_s, expires_at_s=now_s + valid_for_s)
        until_s = None if job.expires_s is None else max(job.expires_s, link.expires_at_s)
        kept = {**kept_values(job), "expires_s": until_s}  # or it would go when it is read
        connection.execute(update(jobs).where(jobs.c.id == job_id).values(**kept))
        times = {"created_s": link.created_at_s, "expires_s": link.expires_at_s}
        values = {"id": link.id, "job_id": job_id, "salt": secret.salt, "hash": secret.hash, **times}
        connection.execute(insert(share_links).values(values))
        detail = f"link={link.id} expires_s={link.expires_at_s:.0f}"
        record(connection, self._rules, "job.share", tenant=tenant, subject=job_id, detail=detail)
        return link

    @reads
    def list_links(self, connection: Connection, tenant: str, job_id: str) -> list[ShareLink]:
        """A job's links that have not ended, the oldest first; JOB_NOT_FOUND."""
        load(connection, tenant, job_id)
        statement = select(share_links).where(share_links.c.job_id == job_id, _valid())
        rows = connection.execute(statement.order_by(share_links.c.created_s, share_links.c.id))
        return list(map(_link_of, rows))

    @writes
    def revoke_link(self, connection: Connection, tenant: str, job_id: str, link_id: str) -> None:
        """Deletes a link; JOB_NOT_FOUND, LINK_NOT_FOUND."""
        load(connection, tenant, job_id)
        gone = delete(share_links).where(share_links.c.id == link_id, share_links.c.job_id == job_id)
        if not connection.execute(gone).rowcount:
            raise _not_found(link_id)
        record(connection, self._rules, "job.unshare", tenant=tenant, subject=job_id, detail=f"link={link_id}")

    @reads
    def job_of(self, connection: Connection, tenant: str, link_id: str) -> str:
        """The job that a link shows now; LINK_NOT_FOUND for one that has ended."""
        shown = select(share_links.c.job_id).join(jobs).where(share_links.c.id == link_id, _valid())
        job_id: str | None = connection.execute(shown.where(jobs.c.tenant == tenant)).scalar_one_or_none()
        if job_id is None:
            raise _not_found(link_id)
        return job_id

    @reads
    def look_up(self, connection: Connection, link_ids: Sequence[str]) -> list[StoredKey]:
        """Those of these links that exist, as keys that may do nothing else."""
        statement = select(share_links, jobs.c.tenant).join(jobs).where(share_links.c.id.in_(link_ids))
        return [_key_of(row) for row in connection.execute(statement)]

    @writes_lightly
    def note_use(self, connection: Connection, link_ids: Sequence[str]) -> None:
        """Notes that links were used just now, of those for which this is not noted yet."""
        now_s = time.time()
        stale = or_(share_links.c.last_used_s.is_(None), share_links.c.last_used_s < now_s - USE_GRAIN_S)
        used = and_(share_links.c.id.in_(link_ids), stale)
        connection.execute(update(share_links).where(used).values(last_used_s=now_s))


def _valid() -> Any:
    return share_links.c.expires_s > time.time()


def _not_found(link_id: str) -> SayItError:
    return SayItError(ErrorKind.LINK_NOT_FOUND, link_id=link_id[:64])


def _link_of(row: Any) -> ShareLink:
    return ShareLink(
        id=row.id,
        job_id=row.job_id,
        created_at_s=row.created_s,
        expires_at_s=row.expires_s,
        last_used_at_s=row.last_used_s,
    )


def _key_of(row: Any) -> StoredKey:
    key = ApiKey(
        id=row.id,
        tenant=row.tenant,
        scopes=(SHARED,),
        created_at_s=row.created_s,
        expires_at_s=row.expires_s,
        requests=REQUESTS,
    )
    return StoredKey(key=key, salt=row.salt, hash=row.hash)
