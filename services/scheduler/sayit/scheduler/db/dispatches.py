"""Choosing what goes into the queue next, inside the caller's transaction."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, func, or_, select, update

from sayit.scheduler.db.locks import lock_name, locks_rows, try_lock_name
from sayit.scheduler.db.schema import chunks
from sayit.scheduler.dispatch.order import fair_order, room
from sayit.scheduler.jobs.records import ChunkState, Dispatch, DueChunk, InFlight
from sayit.speech.chunk_queue import ChunkMessage

#: Chunks that could be in the queue but are not.
_UNDISPATCHED = and_(chunks.c.state == ChunkState.DUE.value, chunks.c.dispatched_s.is_(None))
#: What fairness needs to know of a chunk.
_CANDIDATE = tuple(
    chunks.c[name] for name in ("id", "job_id", "tenant", "number", "dispatch", "interactive", "due_s", "samples")
)
#: Chunks that fairness chooses from, or that are read together.
_CANDIDATES = 500


def _held() -> Select[Any]:
    dispatched = and_(chunks.c.state == ChunkState.DUE.value, chunks.c.dispatched_s.is_not(None))
    by_job = (chunks.c.tenant, chunks.c.job_id, chunks.c.interactive)
    return (
        select(*by_job, func.count(), func.sum(chunks.c.samples))
        .where(or_(dispatched, chunks.c.state == ChunkState.RUNNING.value), chunks.c.model == bindparam("of_model"))
        .group_by(*by_job)
    )


def _candidates() -> Select[Any]:
    place = func.row_number().over(partition_by=chunks.c.job_id, order_by=chunks.c.number).label("place")
    due = and_(_UNDISPATCHED, chunks.c.model == bindparam("of_model"), chunks.c.due_s <= bindparam("now_s"))
    ranked = select(*_CANDIDATE, place).where(due).subquery()
    order = (ranked.c.interactive.desc(), ranked.c.place, ranked.c.due_s)
    turn = func.row_number().over(partition_by=ranked.c.tenant, order_by=order).label("turn")
    turns = select(ranked, turn).where(ranked.c.place <= bindparam("per_job")).subquery()
    return select(turns).order_by(turns.c.turn, turns.c.due_s).limit(_CANDIDATES)


# Made once: building a statement takes longer than SQLite takes to answer it.
_HELD = _held()
_DUE = _candidates()
_NUMBER = (
    update(chunks)
    .where(chunks.c.id.in_(bindparam("ids", expanding=True)))
    .values(dispatch=chunks.c.dispatch + 1, dispatched_s=bindparam("now_s"))
)


def take(connection: Connection, model: str, *, limit: int, patient: bool = True) -> list[Dispatch]:
    """Numbers the chunks that go into the queue next; see `ChunkStore.dispatch`.

    Args:
        connection: a transaction that writes.
        model: whose queue.
        limit: chunks that may be dispatched or running.
        patient: whether to wait while another scheduler dispatches; otherwise nothing is taken in that case.
    """
    name = f"dispatch {model}"
    if patient:
        lock_name(connection, name)
    elif not try_lock_name(connection, name):
        return []
    in_flight = _in_flight(connection, model)
    space = room(limit=limit, in_flight=in_flight)
    if space.most == 0:
        return []
    chosen = fair_order(_due(connection, model, per_job=space.most), in_flight=in_flight, room=space)
    if locks_rows(connection):
        # Chunks that another transaction is changing are left for the next time.
        found = select(chunks.c.id).where(chunks.c.id.in_([chunk.id for chunk in chosen]), _UNDISPATCHED)
        free = set(connection.execute(found.with_for_update(skip_locked=True, key_share=True)).scalars())
        chosen = [chunk for chunk in chosen if chunk.id in free]
    if chosen:
        connection.execute(_NUMBER, {"ids": [chunk.id for chunk in chosen], "now_s": time.time()})
    return [(ChunkMessage(chunk_id=chunk.id, dispatch=chunk.dispatch + 1), chunk) for chunk in chosen]


def _in_flight(connection: Connection, model: str) -> list[InFlight]:
    """What each job holds of the queue and of the transcribers, by lane."""
    return [
        InFlight(tenant=tenant, job_id=job_id, interactive=bool(interactive), chunks=count, samples=int(length))
        for tenant, job_id, interactive, count, length in connection.execute(_HELD, {"of_model": model})
    ]


def _due(connection: Connection, model: str, *, per_job: int) -> list[DueChunk]:
    """Candidates: at most `per_job` of each job; every tenant's best ones come before any tenant's next best."""
    return [
        DueChunk(
            id=row.id,
            job_id=row.job_id,
            tenant=row.tenant,
            model=model,
            index=row.number,
            dispatch=row.dispatch,
            interactive=bool(row.interactive),
            due_s=row.due_s,
            samples=row.samples,
        )
        for row in connection.execute(_DUE, {"of_model": model, "now_s": time.time(), "per_job": per_job})
    ]
