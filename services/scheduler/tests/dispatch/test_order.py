"""Who goes next, and when a chunk is given up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from sayit.scheduler.dispatch.order import BULK_SHARE, cost, fair_order, room
from sayit.scheduler.jobs.chunk_failures import MAX_CRASHES, MAX_FAILURES, verdict
from sayit.scheduler.jobs.records import DueChunk, InFlight
from sayit.speech.errors import ErrorKind

FULL = 29 * 16_000


def due(
    tenant: str, job: str, index: int, *, interactive: bool = False, due_s: float = 0.0, samples: int = FULL
) -> DueChunk:
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
        samples=samples,
    )


def held(tenant: str, job: str, chunks: int, *, interactive: bool = False) -> InFlight:
    """Full chunks in flight."""
    return InFlight(tenant=tenant, job_id=job, interactive=interactive, chunks=chunks, samples=chunks * FULL)


def choose(waiting: Iterable[DueChunk], in_flight: Sequence[InFlight], *, limit: int) -> list[DueChunk]:
    """What is dispatched next."""
    return fair_order(waiting, in_flight=in_flight, room=room(limit=limit, in_flight=in_flight))


def test_a_chunk_is_given_up_after_crashes_or_failures_only() -> None:
    """Three crashes quarantine, three engine errors fail, anything less goes on."""
    assert verdict(crashes=MAX_CRASHES - 1, failures=MAX_FAILURES - 1) is None
    assert verdict(crashes=MAX_CRASHES, failures=0) is ErrorKind.CHUNK_QUARANTINED
    assert verdict(crashes=0, failures=MAX_FAILURES) is ErrorKind.ENGINE_FAILED


def test_interactive_chunks_go_first_and_have_room_of_their_own() -> None:
    """A queue full of bulk work still takes interactive chunks."""
    bulk = [held("a", "long", 3)]
    waiting = [due("a", "long", 5), due("a", "short", 0, interactive=True, due_s=9.0)]
    assert [chunk.job_id for chunk in choose(waiting, bulk, limit=3)] == ["short"]


def test_a_second_file_shares_with_the_first() -> None:
    """Of two jobs of one tenant, whoever holds less goes next, although the first waits longer."""
    waiting = [due("a", "first", i) for i in range(8)] + [due("a", "second", i, due_s=1.0) for i in range(8)]
    chosen = choose(waiting, [held("a", "first", 2)], limit=8)
    assert Counter(chunk.job_id for chunk in chosen) == {"second": 4, "first": 2}
    assert [c.index for c in chosen if c.job_id == "second"] == [0, 1, 2, 3]


def test_short_chunks_count_less_but_never_for_nothing() -> None:
    """Fairness weighs what a chunk costs: a window to encode, 5 s at least, and its speech."""
    waiting = [due("a", "long", i) for i in range(20)] + [due("b", "short", i, samples=16_000) for i in range(20)]
    counts = Counter(chunk.tenant for chunk in choose(waiting, [], limit=15))
    assert counts == {"b": 13, "a": 2}


CHUNKS = st.lists(
    st.tuples(
        st.sampled_from("abc"), st.sampled_from("xyz"), st.booleans(), st.floats(0, 10), st.integers(1_600, FULL)
    ),
    max_size=30,
)
IN_FLIGHT = st.lists(
    st.builds(
        InFlight,
        tenant=st.sampled_from("abc"),
        job_id=st.sampled_from("xyz"),
        interactive=st.booleans(),
        chunks=st.integers(1, 5),
        samples=st.integers(1_600, 5 * FULL),
    ),
    max_size=4,
)


@given(CHUNKS, IN_FLIGHT, st.integers(1, 12))
def test_choices_conserve_work_and_keep_the_room(
    chunks: list[tuple[str, str, bool, float, int]], in_flight: list[InFlight], limit: int
) -> None:
    """Nothing is chosen twice, free room is used while anything waits, and each lane keeps to its bound."""
    waiting = [
        due(tenant, tenant + job, i, interactive=interactive, due_s=when, samples=samples)
        for i, (tenant, job, interactive, when, samples) in enumerate(chunks)
    ]
    space = room(limit=limit, in_flight=in_flight)
    chosen = fair_order(waiting, in_flight=in_flight, room=space)
    assert len({chunk.id for chunk in chosen}) == len(chosen)
    assert len(chosen) >= min(space.any, len(waiting))
    bulk = [chunk for chunk in chosen if not chunk.interactive]
    interactive = len(chosen) - len(bulk)
    assert interactive == min(space.interactive, sum(chunk.interactive for chunk in waiting))
    assert len(bulk) <= max(space.bulk_share, space.any - interactive)
    assert len(bulk) >= min(space.bulk_share, sum(not chunk.interactive for chunk in waiting))
    for job in {chunk.job_id for chunk in chosen}:
        for lane in (True, False):
            indexes = [chunk.index for chunk in chosen if chunk.job_id == job and chunk.interactive is lane]
            rest = [c.index for c in waiting if c.job_id == job and c.interactive is lane and c not in chosen]
            assert indexes == sorted(indexes)
            assert not rest or not indexes or max(indexes) < min(rest)


@dataclass
class Simulation:
    """Transcribers that finish one chunk of the queue after the other, interactive ones first, and a dispatcher."""

    limit: int
    queue: list[DueChunk] = field(default_factory=list)
    done: list[DueChunk] = field(default_factory=list)

    def step(self, waiting: list[DueChunk], *, bulk_turn: bool) -> None:
        """Dispatches, then finishes a chunk: the queue's oldest, or in its turn the oldest bulk one."""
        flight = [
            InFlight(tenant=c.tenant, job_id=c.job_id, interactive=c.interactive, chunks=1, samples=c.samples)
            for c in self.queue
        ]
        for chunk in choose(waiting, flight, limit=self.limit):
            waiting.remove(chunk)
            self.queue.append(chunk)
        ranked = sorted(self.queue, key=lambda chunk: chunk.interactive == bulk_turn)
        self.queue.remove(ranked[0])
        self.done.append(ranked[0])


@settings(max_examples=30)
@given(st.integers(2, 9), st.integers(2, 4))
def test_no_tenant_and_no_lane_starves(limit: int, tenants: int) -> None:
    """However many interactive files of one tenant keep coming, the others' bulk work goes on, in equal parts."""
    simulation = Simulation(limit)
    bulk = [due(f"t{t}", f"long{t}", i) for i in range(80) for t in range(tenants)]
    waiting = list(bulk)
    for i in range(30 * tenants):
        waiting.append(due("crowd", f"short{i}", 0, interactive=True, due_s=float(i), samples=16_000))
        # What the queue's ranks and the transcriber's lanes do: bulk that has waited long enough has its turn.
        simulation.step(waiting, bulk_turn=i % BULK_SHARE == 0)
    finished = Counter(chunk.tenant for chunk in simulation.done if not chunk.interactive)
    assert len(finished) == tenants
    assert max(finished.values()) - min(finished.values()) <= 1 + -(-limit // BULK_SHARE)


@given(st.integers(0, 10), st.integers(0, 10 * FULL), st.integers(1, 10), st.integers(1, FULL))
def test_more_costs_more(chunks: int, samples: int, more_chunks: int, more_samples: int) -> None:
    """A chunk costs something however short it is, and speech costs something."""
    assert cost(chunks + more_chunks, samples) > cost(chunks, samples)
    assert cost(chunks, samples + more_samples) > cost(chunks, samples)
