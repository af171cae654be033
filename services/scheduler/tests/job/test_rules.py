"""Who goes next, and when a chunk is given up."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from sayit.scheduler.job.records import DueChunk, InFlight
from sayit.scheduler.job.rules import MAX_CRASHES, MAX_FAILURES, fair_order, room, verdict
from sayit.speech.errors import ErrorKind


def due(tenant: str, job: str, index: int, *, interactive: bool = False, due_s: float = 0.0) -> DueChunk:
    """A chunk that waits."""
    return DueChunk(
        id=f"{job}-{index}",
        job_id=job,
        tenant=tenant,
        model="m",
        index=index,
        dispatch=0,
        interactive=interactive,
        due_s=due_s,
    )


def test_a_chunk_is_given_up_after_crashes_or_failures_only() -> None:
    """Three crashes quarantine, three engine errors fail, anything less goes on."""
    assert verdict(crashes=MAX_CRASHES - 1, failures=MAX_FAILURES - 1) is None
    assert verdict(crashes=MAX_CRASHES, failures=0) is ErrorKind.CHUNK_QUARANTINED
    assert verdict(crashes=0, failures=MAX_FAILURES) is ErrorKind.ENGINE_FAILED


def test_interactive_chunks_go_first_and_have_room_of_their_own() -> None:
    """A queue full of bulk work still takes interactive chunks."""
    bulk = [InFlight(tenant="a", job_id="long", interactive=False)] * 3
    count, interactive_count = room(slots=2, ahead=1, in_flight=bulk)
    assert (count, interactive_count) == (0, 3)
    waiting = [due("a", "long", 5), due("a", "short", 0, interactive=True, due_s=9.0)]
    chosen = fair_order(waiting, in_flight=bulk, count=count, interactive_count=interactive_count)
    assert [chunk.job_id for chunk in chosen] == ["short"]


def test_a_second_file_shares_with_the_first() -> None:
    """Of two jobs of one tenant, whoever holds less goes next, although the first waits longer."""
    waiting = [due("a", "first", i) for i in range(8)] + [due("a", "second", i, due_s=1.0) for i in range(8)]
    running = [InFlight(tenant="a", job_id="first", interactive=False)] * 2
    chosen = fair_order(waiting, in_flight=running, count=6, interactive_count=6)
    counts = Counter(chunk.job_id for chunk in chosen)
    assert counts == {"second": 4, "first": 2}
    assert [c.index for c in chosen if c.job_id == "second"] == [0, 1, 2, 3]


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.booleans(), st.floats(0, 10)),
        max_size=30,
    ),
    st.integers(0, 6),
)
def test_choices_are_distinct_bounded_and_leave_no_interactive_chunk_behind(
    chunks: list[tuple[str, str, bool, float]], count: int
) -> None:
    """Whatever waits: nothing is chosen twice, the room is kept, no bulk chunk goes while an interactive one waits."""
    waiting = [
        due(tenant, tenant + job, i, interactive=interactive, due_s=when)
        for i, (tenant, job, interactive, when) in enumerate(chunks)
    ]
    chosen = fair_order(waiting, in_flight=[], count=count, interactive_count=count)
    assert len({chunk.id for chunk in chosen}) == len(chosen) == min(count, len(waiting))
    if any(not chunk.interactive for chunk in chosen):
        assert all(chunk in chosen for chunk in waiting if chunk.interactive)
