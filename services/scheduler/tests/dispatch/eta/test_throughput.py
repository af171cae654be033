"""How fast transcribers are taken to be, and how far with what they hold."""

from __future__ import annotations

import pytest

from sayit.scheduler.dispatch.eta.simulation import Worker
from sayit.scheduler.dispatch.eta.throughput import Throughput
from sayit.scheduler.dispatch.order import cost
from sayit.scheduler.jobs.transcribers import RunningChunk, TranscriberRecord

SECOND = 16_000
CHUNK = 26 * SECOND


def record(name: str, audio_s: float = 0.0, compute_s: float = 0.0, *, slots: int = 10) -> TranscriberRecord:
    """What a transcriber says of itself."""
    return TranscriberRecord(
        id=name, model="m", slots=slots, busy=0, audio_s=audio_s, compute_s=compute_s, draining=False, seen_s=0.0
    )


def only(speeds: Throughput, *running: RunningChunk, now_s: float = 0.0) -> Worker:
    """The transcriber t, which is alone."""
    (found,) = speeds.workers([record("t")], [record("t")], running, now_s=now_s)
    return found


def does(speeds: Throughput, sizes: list[int], *, base_s: float, each_s: float, began_s: float = 0.0) -> float:
    """Rounds of so many full chunks, which take `base_s` and `each_s` for each; returns when the last one ended."""
    now_s = began_s
    for size in sizes:
        now_s += base_s + each_s * size
        for _ in range(size):
            speeds.committed("t", CHUNK, base_s / size + each_s, interactive=size == 1, now_s=now_s)
    return now_s


def test_rounds_of_different_sizes_tell_what_a_round_costs_beside_its_chunks() -> None:
    """From single chunks and full rounds the speed of any round follows: 4 s, and 3 s for each chunk."""
    speeds = Throughput()
    does(speeds, [1, 2, 8, 1, 8, 3, 8], base_s=4.0, each_s=3.0)
    worker = only(speeds)
    for size in (1, 4, 8):
        foretold_s = (worker.round_cost + size * cost(1, CHUNK)) / worker.cost_per_s
        assert foretold_s == pytest.approx(4.0 + 3.0 * size, rel=0.05)


def test_what_was_done_lately_counts_most() -> None:
    """A transcriber that became half as fast is half as fast, however fast it was for hours."""
    speeds = Throughput()
    now_s = does(speeds, [8] * 60, base_s=0.0, each_s=1.0)
    fast = only(speeds).cost_per_s
    does(speeds, [8] * 30, base_s=0.0, each_s=2.0, began_s=now_s)
    assert only(speeds).cost_per_s == pytest.approx(fast / 2, rel=0.1)


def test_a_new_transcriber_counts_as_the_mean_of_all() -> None:
    """Before its first chunk it is taken for one like the others, those that are gone included; nobody: no speed."""
    gone, fresh, empty = record("gone", 80, 10), record("fresh"), record("empty", slots=0)
    (found,) = Throughput().workers([fresh, empty], [fresh, gone], [], now_s=0.0)
    assert (found.id, found.cost_per_s) == ("fresh", pytest.approx(8.0 * 2 * SECOND))
    (found,) = Throughput().workers([fresh], [fresh], [], now_s=0.0)
    assert found.cost_per_s == 0.0


def test_batches_are_as_large_as_they_were_lately() -> None:
    """At first what its slots let expect; a slow one's are smaller, so that no call takes too long."""
    speeds = Throughput()
    assert only(speeds).batch == 8
    now_s = does(speeds, [8] * 8, base_s=1.0, each_s=1.0)
    does(speeds, [2, 3, 2, 2], base_s=1.0, each_s=9.0, began_s=now_s)
    assert only(speeds).batch == 3
    speeds.forget_others([])
    assert only(speeds).batch == 8


def test_what_it_did_since_the_first_claim_and_did_not_commit_is_done_of_what_it_holds() -> None:
    """Chunks that it committed meanwhile do not count, whichever lane they were of."""
    speeds = Throughput()
    now_s = does(speeds, [8, 1, 8, 1], base_s=4.0, each_s=3.0)
    held = RunningChunk(job_id="j", interactive=False, samples=CHUNK, transcriber_id="t", started_s=now_s)
    other = RunningChunk(job_id="j", interactive=False, samples=CHUNK, transcriber_id="other", started_s=0.0)
    worker = only(speeds, held, other, now_s=now_s + 10)
    assert worker.done == pytest.approx(10 * worker.cost_per_s)
    now_s = does(speeds, [1], base_s=4.0, each_s=3.0, began_s=now_s + 10)
    later = only(speeds, held, now_s=now_s)
    assert later.done == pytest.approx(10 * later.cost_per_s, rel=0.05)
    assert only(speeds, now_s=now_s).done == 0.0


def test_a_round_that_takes_longer_than_it_should_says_that_its_transcriber_is_slower() -> None:
    """So that no estimate stands at two seconds for a minute; ten times as slow at most, as it may have died."""
    speeds = Throughput()
    now_s = does(speeds, [8, 1, 8, 1], base_s=4.0, each_s=3.0)
    held = RunningChunk(job_id="j", interactive=False, samples=CHUNK, transcriber_id="t", started_s=now_s)
    usual = only(speeds, held, now_s=now_s + 5)
    whole = usual.round_cost + cost(1, CHUNK)
    lefts = []
    for late_s in (14, 21):
        worker = only(speeds, held, now_s=now_s + late_s)
        lefts.append((whole - min(worker.done, 0.85 * whole)) / worker.cost_per_s)
    assert usual.cost_per_s == pytest.approx(only(speeds).cost_per_s)
    assert lefts == pytest.approx([14 * 0.15 / 0.85, 21 * 0.15 / 0.85], rel=0.05)
    assert only(speeds, held, now_s=now_s + 900).cost_per_s == pytest.approx(usual.cost_per_s / 10)


def test_re_decodes_are_foreseen_by_those_that_were_lately() -> None:
    """A quarter of the chunks' engine time until there were some; then what they took, of late."""
    speeds = Throughput()
    assert speeds.redecoded == pytest.approx(0.25)
    for _ in range(300):
        speeds.redecoding(10.0, again=False)
    assert speeds.redecoded < 0.01
    for _ in range(300):
        speeds.redecoding(10.0, again=False)
        speeds.redecoding(5.0, again=True)
    assert speeds.redecoded == pytest.approx(0.5, rel=0.1)
    for _ in range(1_000):  # a scheduler that serves live speech alone
        speeds.redecoding(5.0, again=True)
    assert speeds.redecoded <= 1
