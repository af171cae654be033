"""The event log: numbers come from the job's row, in the transaction that caused the events, so there are no gaps."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, insert, select, update

from sayit.scheduler.db.codec import event_bytes
from sayit.scheduler.db.engine import publish
from sayit.scheduler.db.schema import events, jobs
from sayit.speech.jobs import EventBody

_TAKE_NUMBERS = (
    update(jobs)
    .where(jobs.c.id == bindparam("of_job"))
    .values(last_seq=jobs.c.last_seq + bindparam("count"))
    .returning(jobs.c.last_seq)
)
_INSERT = insert(events)
_AFTER = (
    select(events.c.payload)
    .where(events.c.job_id == bindparam("of_job"), events.c.seq > bindparam("seen"))
    .order_by(events.c.seq)
    .limit(bindparam("most"))
)


def append(connection: Connection, job_id: str, bodies: Sequence[EventBody]) -> None:
    """Appends durable events inside the caller's transaction; they are published when it is committed."""
    if not bodies:
        return
    last: int = connection.execute(_TAKE_NUMBERS, {"of_job": job_id, "count": len(bodies)}).scalar_one()
    numbered = enumerate(bodies, start=last - len(bodies) + 1)
    appended = [(seq, event_bytes(job_id, body, seq=seq)) for seq, body in numbered]
    connection.execute(_INSERT, [{"job_id": job_id, "seq": seq, "payload": event} for seq, event in appended])
    publish(connection, job_id, [event for _, event in appended])


def after(connection: Connection, job_id: str, seq: int, limit: int) -> list[bytes]:
    """Events after `seq`, serialized, in order."""
    return list(connection.execute(_AFTER, {"of_job": job_id, "seen": seq, "most": limit}).scalars())
