"""How long a job will take, and how many go before it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sayit.scheduler.job.estimating import Capacity, queue_position, remaining_s
from sayit.scheduler.job.records import DueChunk, InFlight, JobRecord, Running, Waiting
from sayit.scheduler.job.rules import Room, cost, fair_order
from sayit.speech.jobs import JobState
from sayit.speech.options import Context, Options

SECOND = 16_000
CHUNK = 28 * SECOND
#: Two transcribers that take 10 s for a chunk.
TWO = Capacity(cost_per_s={"t1": cost(1, CHUNK) / 10, "t2": cost(1, CHUNK) / 10})


def job(job_id: str, chunks: int, *, done: int = 0, tenant: str = "a", **more: int | None) -> JobRecord:
    """A job of full chunks."""
    values: dict[str, int | None] = {
        "samples_total": chunks * CHUNK,
        "samples_scanned": chunks * CHUNK,
        "samples_chunked": chunks * CHUNK,
        "samples_done": done * CHUNK,
        "chunks_total": chunks,
        "chunks_done": done,
    }
    return JobRecord(
        id=job_id,
        tenant=tenant,
        key_id="k",
        upload_id="u",
        filename="f",
        options=Options(),
        model="m",
        state=JobState.RUNNING,
        idempotency_key="",
        created_s=0.0,
        **{**values, **more},  # type: ignore[arg-type]
    )


def waits(
    job_id: str, due: int, held: int = 0, *, tenant: str = "a", interactive: bool = False, due_s: float = 0.0
) -> Waiting:
    """Full chunks of a job."""
    return Waiting(
        tenant=tenant,
        job_id=job_id,
        interactive=interactive,
        due_chunks=due,
        due_samples=due * CHUNK,
        due_s=due_s,
        held_chunks=held,
        held_samples=held * CHUNK,
    )


def eta(record: JobRecord, *others: Waiting, running: tuple[Running, ...] = (), capacity: Capacity = TWO) -> float:
    """Seconds, which must be known."""
    left = (record.samples_chunked - record.samples_done) // CHUNK
    own = waits(record.id, left, tenant=record.tenant)
    found = remaining_s(record, [own, *others], running, capacity, now_s=100.0)
    assert found is not None
    return found


def test_alone_it_has_all_transcribers() -> None:
    """Eight chunks on two transcribers take four rounds; seven take as long, for a chunk is not divided."""
    assert eta(job("j", 8)) == pytest.approx(40.0)
    assert eta(job("j", 7)) == pytest.approx(40.0)
    assert eta(job("j", 8, done=7)) == pytest.approx(10.0)


def test_sequential_chunks_have_one_transcriber_at_a_time() -> None:
    """Eight chunks that wait for each other take eight rounds, however many transcribers there are."""
    assert eta(replace(job("j", 8), options=Options(context=Context.SEQUENTIAL))) == pytest.approx(80.0)


def test_while_it_is_merged_second_looks_are_what_is_left() -> None:
    """All chunks are done; three looks on two transcribers take two rounds."""
    merging = replace(job("j", 8, done=8), state=JobState.MERGING)
    assert remaining_s(merging, [waits("j", 2, held=1)], [], TWO, now_s=0.0) == pytest.approx(20.0)


def test_without_a_measured_speed_nothing_is_promised() -> None:
    """No transcriber, or none that ever finished a chunk."""
    assert remaining_s(job("j", 8), [], [], Capacity(cost_per_s={}), now_s=0.0) is None
    assert remaining_s(job("j", 8), [], [], Capacity(cost_per_s={"t": 0.0}), now_s=0.0) is None


def test_tenants_and_their_jobs_share_evenly() -> None:
    """Others' work counts up to as much as mine; another tenant counts as one, however many jobs it has."""
    mine = job("j", 8)
    assert eta(mine, waits("k", 80)) == pytest.approx(80.0)
    assert eta(mine, waits("k", 4)) == pytest.approx(60.0)
    crowd = [waits(f"k{i}", 80, tenant="b") for i in range(5)]
    assert eta(mine, *crowd) == pytest.approx(80.0)


def test_interactive_work_goes_first_and_does_not_wait_for_bulk() -> None:
    """A long job waits for all short ones, a short one for no long one."""
    assert eta(job("j", 8), waits("s", 4, interactive=True, tenant="b")) == pytest.approx(60.0)
    short = job("j", 1)
    own = waits("j", 1, interactive=True)
    found = remaining_s(short, [own, waits("long", 100)], [], TWO, now_s=0.0)
    assert found == pytest.approx(10.0)


def test_running_chunks_have_done_a_part() -> None:
    """A chunk that has run for half its time counts half; two on one transcriber have had half of it each."""
    half = Running(job_id="j", samples=CHUNK, transcriber_id="t1", started_s=95.0)
    assert eta(job("j", 1), running=(half,)) == pytest.approx(5.0)
    both = (half, Running(job_id="other", samples=CHUNK, transcriber_id="t1", started_s=95.0))
    assert eta(job("j", 1), running=both) == pytest.approx(7.5)
    overdue = Running(job_id="j", samples=CHUNK, transcriber_id="t1", started_s=0.0)
    assert 0 < eta(job("j", 1), running=(overdue,)) < 1


def test_what_is_not_cut_yet_counts_by_the_declared_length() -> None:
    """With a third of a recording cut, the rest is taken to be like it; without a declared length only that counts."""
    known: dict[str, int | None] = {"samples_total": None, "chunks_total": None}
    scanned = 4 * CHUNK
    begun = job("j", 4, **known, samples_declared=12 * CHUNK, samples_scanned=scanned, samples_chunked=scanned)
    assert eta(begun) == pytest.approx(eta(job("j", 12)), rel=0.15)
    quiet = job("j", 4, **known, samples_declared=12 * CHUNK, samples_scanned=scanned, samples_chunked=scanned // 2)
    assert eta(quiet) == pytest.approx(eta(job("j", 6)), rel=0.2)
    unknown = job("j", 4, **known, samples_scanned=scanned, samples_chunked=scanned)
    assert eta(unknown) == pytest.approx(eta(job("j", 4)))


def test_nothing_ends_before_it_is_decoded() -> None:
    """Where the transcribers are faster than decoding, the rest of the recording decides."""
    half = job("j", 4, done=4, samples_total=None, chunks_total=None, samples_declared=8 * CHUNK)
    begun = replace(half, started_s=40.0)
    assert remaining_s(begun, [], [], Capacity(cost_per_s={"t": 1e12}), now_s=100.0) == pytest.approx(60.0, rel=0.01)


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
