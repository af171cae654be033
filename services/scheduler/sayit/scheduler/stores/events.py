"""The event log: numbers come from the job's row, in the transaction that caused the events, so there are no gaps."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, insert, select, update

from sayit.scheduler.stores import codec
from sayit.scheduler.stores.tables import events, jobs
from sayit.speech.jobs import EventBody, JobEvent

_TAKE_NUMBERS = (
    update(jobs)
    .where(jobs.c.id == bindparam("of_job"))
    .values(last_seq=jobs.c.last_seq + bindparam("count"))
    .returning(jobs.c.last_seq)
)
_INSERT = insert(events)


def append(connection: Connection, job_id: str, bodies: Sequence[EventBody]) -> tuple[JobEvent, ...]:
    """Appends durable events inside the caller's transaction."""
    if not bodies:
        return ()
    last: int = connection.execute(_TAKE_NUMBERS, {"of_job": job_id, "count": len(bodies)}).scalar_one()
    appended = codec.numbered(job_id, last - len(bodies) + 1, bodies, time.time())
    rows = [{"job_id": job_id, "seq": event.seq, "payload": codec.event_bytes(event)} for event in appended]
    connection.execute(_INSERT, rows)
    return appended


def after(connection: Connection, job_id: str, seq: int, limit: int) -> list[JobEvent]:
    """Events after `seq`, in order."""
    statement = (
        select(events.c.payload)
        .where(events.c.job_id == job_id, events.c.seq > seq)
        .order_by(events.c.seq)
        .limit(limit)
    )
    return [codec.event_of(payload) for payload in connection.execute(statement).scalars()]
