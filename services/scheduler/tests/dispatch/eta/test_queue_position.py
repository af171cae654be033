"""How many chunks go before a job's next one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sayit.scheduler.dispatch.eta.queue_position import queue_position
from sayit.scheduler.dispatch.order import Room, fair_order
from sayit.scheduler.jobs.records import DueChunk, InFlight
from sayit.scheduler.jobs.transcribers import WaitingChunks

SECOND = 16_000
CHUNK = 28 * SECOND


def waits(
    job_id: str, due: int, held: int = 0, *, tenant: str = "a", interactive: bool = False, due_s: float = 0.0
) -> WaitingChunks:
    """Full chunks of a job."""
    return WaitingChunks(
        tenant=tenant,
        job_id=job_id,
        interactive=interactive,
        due_chunks=due,
        due_samples=due * CHUNK,
        due_s=due_s,
        held_chunks=held,
        held_samples=held * CHUNK,
    )


#: Jobs that began to wait at different times: of equals nobody knows who goes first.
BACKLOG = st.lists(
    st.tuples(st.sampled_from("abc"), st.booleans(), st.integers(1, 6), st.integers(0, 3), st.integers(0, 99)),
    min_size=1,
    max_size=6,
    unique_by=lambda drawn: drawn[4],
)


@given(BACKLOG)
def test_the_position_is_what_the_rules_make_of_it(backlog: list[tuple[str, bool, int, int, int]]) -> None:
    """As many chunks of others go first as the dispatcher chooses before, one for each neighbour more or less."""
    waiting = [
        waits(f"j{i}", due, held, tenant=tenant, interactive=interactive, due_s=float(due_s))
        for i, (tenant, interactive, due, held, due_s) in enumerate(backlog)
    ]
    due = [
        DueChunk(
            id=f"{w.job_id}-{i}",
            job_id=w.job_id,
            tenant=w.tenant,
            model="m",
            index=i,
            dispatch=0,
            interactive=w.interactive,
            due_s=w.due_s,
            samples=CHUNK,
        )
        for w in waiting
        for i in range(w.due_chunks)
    ]
    in_flight = [
        InFlight(
            tenant=w.tenant,
            job_id=w.job_id,
            interactive=w.interactive,
            chunks=w.held_chunks,
            samples=w.held_samples,
        )
        for w in waiting
    ]
    order = fair_order(due, in_flight=in_flight, room=Room(any=999, interactive=999, bulk_share=0))
    for w in waiting:
        position = queue_position(w.job_id, waiting)
        first = next(i for i, chunk in enumerate(order) if chunk.job_id == w.job_id)
        assert position is not None
        if not w.interactive and any(each.interactive for each in waiting):
            continue  # interactive chunks change who holds how much before bulk ones are chosen
        assert abs(position - first) <= len(waiting)


def test_what_is_in_the_queue_has_no_position() -> None:
    """Once nothing of a job waits, nothing is before it."""
    assert queue_position("j", [waits("j", 0, 2), waits("k", 5)]) is None
    assert queue_position("gone", []) is None
    assert queue_position("j", [waits("j", 1)]) == 0
    assert queue_position("j", [waits("j", 3, due_s=1.0), waits("k", 5, 2)]) == 0
    assert queue_position("j", [waits("j", 3, 2, due_s=1.0), waits("k", 5)]) == 3
