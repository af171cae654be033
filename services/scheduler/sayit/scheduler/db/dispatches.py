"""Choosing what goes into the queue next, inside the caller's transaction."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, func, or_, select, update

from sayit.scheduler.db.locks import lock_name, locks_rows, try_lock_name
from sayit.scheduler.db.schema import chunks, whole
from sayit.scheduler.jobs.records import ChooseChunks, ChunkState, Dispatch, DueChunk, InFlight
from sayit.speech.chunk_queue import ChunkMessage

#: Chunks that could be in the queue but are not.
_UNDISPATCHED = and_(chunks.c.state == ChunkState.DUE.value, chunks.c.dispatched_s.is_(None))
#: What fairness needs to know of a chunk.
_CANDIDATE = (
    *(chunks.c[name] for name in ("id", "job_id", "tenant", "model", "dispatch", "interactive", "due_s", "samples")),
    chunks.c.number.label("index"),
)
#: Chunks that fairness chooses from, or that are read together.
_CANDIDATES = 500


def _held() -> Select[Any]:
    dispatched = and_(chunks.c.state == ChunkState.DUE.value, chunks.c.dispatched_s.is_not(None))
    by_job = (chunks.c.tenant, chunks.c.job_id, chunks.c.interactive)
    return (
        select(*by_job, func.count().label("chunks"), whole(func.sum(chunks.c.samples)).label("samples"))
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
    chosen = (turns.c[column.name] for column in _CANDIDATE)
    return select(*chosen).order_by(turns.c.turn, turns.c.due_s).limit(_CANDIDATES)


# Made once: building a statement takes longer than SQLite takes to answer it.
_HELD = _held()
_DUE = _candidates()
_NUMBER = (
    update(chunks)
    .where(chunks.c.id.in_(bindparam("ids", expanding=True)))
    .values(dispatch=chunks.c.dispatch + 1, dispatched_s=bindparam("now_s"))
)


def take(
    connection: Connection, model: str, choose: ChooseChunks, *, limit: int, patient: bool = True
) -> list[Dispatch]:
    """Numbers the chunks that go into the queue next; see `ChunkStore.dispatch`.

    Args:
        connection: a transaction that writes.
        model: whose queue.
        choose: the order.
        limit: chunks that may be dispatched or running.
        patient: whether to wait while another scheduler dispatches; otherwise nothing is taken in that case.
    """
    name = f"dispatch {model}"
    if patient:
        lock_name(connection, name)
    elif not try_lock_name(connection, name):
        return []
    of_model = {"of_model": model}
    # What each job holds of the queue and of the transcribers, by lane.
    in_flight = [InFlight(**row._asdict()) for row in connection.execute(_HELD, of_model)]

    def due(per_job: int) -> list[DueChunk]:
        """Candidates: every tenant's best ones come before any tenant's next best."""
        asked = {**of_model, "now_s": time.time(), "per_job": per_job}
        return [DueChunk(**row._asdict()) for row in connection.execute(_DUE, asked)]

    chosen = choose(in_flight, limit, due)
    if locks_rows(connection):
        # Chunks that another transaction is changing are left for the next time.
        found = select(chunks.c.id).where(chunks.c.id.in_([chunk.id for chunk in chosen]), _UNDISPATCHED)
        free = set(connection.execute(found.with_for_update(skip_locked=True, key_share=True)).scalars())
        chosen = [chunk for chunk in chosen if chunk.id in free]
    if chosen:
        connection.execute(_NUMBER, {"ids": [chunk.id for chunk in chosen], "now_s": time.time()})
    return [(ChunkMessage(chunk_id=chunk.id, dispatch=chunk.dispatch + 1), chunk) for chunk in chosen]
