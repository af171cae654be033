"""Legal holds: what an operator keeps from being deleted, a job or all that a tenant has."""

from __future__ import annotations

import time

from sqlalchemy import ColumnElement, Connection, delete, exists, or_, select

from sayit.scheduler.db.audit import SCHEDULER, record
from sayit.scheduler.db.engine import caller
from sayit.scheduler.db.locks import lock_name, put
from sayit.scheduler.db.schema import jobs, legal_holds, uploads
from sayit.scheduler.db.transactions import Store, reads, writes
from sayit.speech.administration import LegalHold
from sayit.speech.errors import ErrorKind, SayItError

#: Whether nothing holds a row of jobs.
JOB_FREE = ~exists().where(
    legal_holds.c.tenant == jobs.c.tenant, or_(legal_holds.c.job_id == jobs.c.id, legal_holds.c.job_id == "")
).correlate(jobs)
#: Whether nothing holds a row of uploads; that of a held job is used, and no one deletes it alone.
UPLOAD_FREE = ~exists().where(legal_holds.c.tenant == uploads.c.tenant, legal_holds.c.job_id == "").correlate(uploads)


class HoldStore(Store):
    """Holds that operators placed."""

    @writes
    def place(self, connection: Connection, tenant: str, job_id: str, reason: str) -> LegalHold:
        """Holds a job, or with an empty id all of a tenant's; one that is there gets the new reason."""
        lock_name(connection, "expire")
        lock_name(connection, _of(tenant))
        if job_id and not connection.execute(select(exists().where(jobs.c.id == job_id))).scalar_one():
            raise SayItError(ErrorKind.JOB_NOT_FOUND, job_id=job_id)
        who = caller(connection)
        values = {"reason": reason, "key_id": who.key_id if who else SCHEDULER, "created_s": time.time()}
        put(connection, legal_holds, {"tenant": tenant, "job_id": job_id}, values)
        record(connection, self._rules, "hold.place", tenant=tenant, subject=job_id or tenant, detail=reason)
        return next(hold for hold in _holds(connection) if (hold.tenant, hold.job_id) == (tenant, job_id))

    @writes
    def release(self, connection: Connection, tenant: str, job_id: str) -> bool:
        """Ends a hold; whether there was one. What is due to be deleted goes with the next sweep."""
        this = (legal_holds.c.tenant == tenant, legal_holds.c.job_id == job_id)
        if not connection.execute(delete(legal_holds).where(*this)).rowcount:
            return False
        record(connection, self._rules, "hold.release", tenant=tenant, subject=job_id or tenant)
        return True

    @reads
    def holds(self, connection: Connection) -> list[LegalHold]:
        """All holds, the oldest first."""
        return _holds(connection)


def check_free(connection: Connection, tenant: str, free: ColumnElement[bool]) -> None:
    """Refuses what a hold is on, inside the transaction that is to delete it.

    Args:
        connection: the transaction's.
        tenant: whose it is; no hold of the tenant's is placed until the transaction ends.
        free: whether the row is there without a hold, such as `jobs.c.id == … & JOB_FREE`.

    Raises:
        SayItError: LEGAL_HOLD.
    """
    lock_name(connection, _of(tenant))
    if not connection.execute(select(exists().where(free))).scalar_one():
        raise SayItError(ErrorKind.LEGAL_HOLD)


def _holds(connection: Connection) -> list[LegalHold]:
    rows = connection.execute(select(legal_holds).order_by(legal_holds.c.created_s)).mappings()
    same = ("tenant", "job_id", "reason", "key_id")
    return [LegalHold(**{name: row[name] for name in same}, created_at_s=row["created_s"]) for row in rows]


def _of(tenant: str) -> str:
    return f"hold/{tenant}"
