"""The audit log: who did what to which job, vocabulary or limit. Rows are added, and go when they are too old."""

from __future__ import annotations

import secrets
import time
from typing import Any

from sqlalchemy import Connection, and_, insert, or_, select

from sayit.scheduler.db.engine import caller
from sayit.scheduler.db.schema import audit
from sayit.scheduler.db.transactions import Rules, Store, reads, writes, writes_lightly

#: Who did what the scheduler does by itself.
SCHEDULER = "scheduler"


class AuditStore(Store):
    """Rows that belong to no other transaction, and reading them."""

    @writes
    def note(self, connection: Connection, action: str, *, tenant: str, subject: str, detail: str = "") -> None:
        """Notes something that changes no row."""
        record(connection, self._rules, action, tenant=tenant, subject=subject, detail=detail)

    @writes_lightly
    def note_reading(self, connection: Connection, action: str, *, tenant: str, key_id: str, job_id: str) -> None:
        """Notes that a text is given out, before it is."""
        record(connection, self._rules, action, tenant=tenant, subject=job_id, key_id=key_id)

    @reads
    def rows(
        self, connection: Connection, *, since_s: float, after: tuple[float, str] = (0.0, ""), limit: int = 1_000
    ) -> list[dict[str, Any]]:
        """Rows by column since then, oldest first, behind the (at_s, id) of the page before."""
        later = or_(audit.c.at_s > after[0], and_(audit.c.at_s == after[0], audit.c.id > after[1]))
        statement = select(audit).where(audit.c.at_s >= since_s, later).order_by(audit.c.at_s, audit.c.id).limit(limit)
        return [dict(row) for row in connection.execute(statement).mappings()]

    @reads
    def newest(self, connection: Connection, *, tenant: str, limit: int) -> list[dict[str, Any]]:
        """The newest rows by column, newest first; of this tenant's data, if one is named."""
        statement = select(audit).order_by(audit.c.at_s.desc(), audit.c.id.desc()).limit(limit)
        if tenant:
            statement = statement.where(audit.c.tenant == tenant)
        return [dict(row) for row in connection.execute(statement).mappings()]


def record(
    connection: Connection,
    rules: Rules,
    action: str,
    *,
    tenant: str,
    subject: str,
    detail: str = "",
    key_id: str = "",
) -> None:
    """Adds a row inside the caller's transaction, in the name of the key whose call it serves.

    Args:
        connection: the transaction's.
        rules: whether the log is kept.
        action: such as "job.delete".
        tenant: whose it is.
        subject: the job's id, the vocabulary's name.
        detail: figures and names; nothing that was said.
        key_id: the key, where the transaction does not know it.
    """
    if not rules.audit_s:
        return
    who = caller(connection)
    row = {"tenant": tenant, "key_id": key_id or (who.key_id if who else SCHEDULER), "action": action}
    connection.execute(
        insert(audit).values(id=secrets.token_hex(12), at_s=time.time(), subject=subject, detail=detail, **row)
    )
