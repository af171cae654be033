"""The load generator's plan and report."""

from __future__ import annotations

import itertools

import pytest

from benchmarks.load.a_day import figures
from benchmarks.load.a_day import text as text_of_day
from benchmarks.load.arrivals import DAY, MIX, Arrival, arrivals, at_once, day
from benchmarks.load.cost_model import Cost, replayed, used
from benchmarks.load.report import Outcome, report, text


def test_requests_come_as_a_poisson_process_with_the_traffics_mix() -> None:
    """Rate, language and lengths in the mean; gaps are exponential, so their deviation is their mean."""
    load = arrivals(rate=2.0, duration_s=5_000, seed=3)
    gaps = [b.at_s - a.at_s for a, b in itertools.pairwise(load)]
    mean = sum(gaps) / len(gaps)
    deviation = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5
    assert mean == pytest.approx(0.5, rel=0.05)
    assert deviation == pytest.approx(mean, rel=0.05)
    assert sum(each.language == "ko" for each in load) / len(load) == pytest.approx(0.85, abs=0.02)
    assert sum(each.audio_s <= 30 for each in load) / len(load) == pytest.approx(MIX[0].share, abs=0.02)
    assert sum(band.share for band in MIX) == pytest.approx(1)


def test_the_same_seed_is_the_same_load() -> None:
    """And another one is another, with other recordings."""
    again = {"rate": 1.0, "duration_s": 100.0}
    assert arrivals(**again, seed=1) == arrivals(**again, seed=1)
    seeds = {each.seed for each in arrivals(**again, seed=1)} & {each.seed for each in arrivals(**again, seed=2)}
    assert not seeds


def test_lengths_can_be_shrunk() -> None:
    """By a factor, for slow machines; nothing becomes shorter than a second."""
    small = arrivals(rate=1.0, duration_s=500, seed=1, shrink=0.1)
    assert max(each.audio_s for each in small) <= 30
    assert min(each.audio_s for each in small) >= 1


def test_a_report_counts_what_completed_was_refused_and_failed() -> None:
    """Times are of what completed; throughput is over the whole time."""
    outcomes = [
        Outcome(audio_s=60, late_s=0.0, first_text_s=2.0, done_s=10.0),
        Outcome(audio_s=30, late_s=0.3, first_text_s=4.0, done_s=20.0),
        Outcome(audio_s=90, late_s=0.0, error="OVERLOADED", refused=True),
        Outcome(audio_s=90, late_s=0.0, error="TIMEOUT"),
    ]
    found = report(outcomes, wall_s=45.0, duration_s=30.0)
    assert (found.requests, found.completed, found.refused, found.errors) == (4, 2, 1, {"TIMEOUT": 1})
    assert found.throughput == 2.0
    assert found.offered == 9.0
    assert found.first_text_s["p50"] == 3.0
    assert found.done_s["p99"] == pytest.approx(19.9)
    assert "0.30 s late" in text(found)


def test_a_report_of_nothing_completed_has_no_percentiles() -> None:
    """And can still be shown."""
    found = report([Outcome(audio_s=1, late_s=0.0, error="UNAVAILABLE")], wall_s=1.0, duration_s=1.0)
    assert found.done_s == {}
    assert "nothing completed" in text(found)


def test_a_day_has_its_requests_and_its_peaks() -> None:
    """Exactly so many, in order, within its time; the busiest hour has 60 % more than the mean."""
    load = day(requests=20_000, duration_s=240.0, seed=1)
    times = [each.at_s for each in load]
    assert len(load) == 20_000
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] < 240
    by_hour = [sum(hour * 10 <= at_s < hour * 10 + 10 for at_s in times) for hour in range(24)]
    assert max(by_hour) / (20_000 / 24) == pytest.approx(1.6, rel=0.1)
    assert max(DAY) == 1.6
    assert sum(DAY) / len(DAY) == pytest.approx(1, rel=0.01)
    assert {each.at_s for each in at_once(20, seed=1)} == {0.0}
    assert len({each.seed for each in at_once(20, seed=1)}) == 20


def _arrival(at_s: float, audio_s: float) -> Arrival:
    return Arrival(at_s=at_s, language="ko", audio_s=audio_s, seed=0)


def test_the_cost_model_is_a_queue_of_chunks_before_the_cores() -> None:
    """Chunks of one file on several cores at once, short files first, and nothing before its arrival."""
    cost = Cost(per_audio_s=0.1, beside_s=0.5)
    assert replayed([_arrival(0, 60)], cost, cores=1) == pytest.approx([6.5])
    assert replayed([_arrival(0, 60)], cost, cores=2) == pytest.approx([3.5])
    together = replayed([_arrival(0, 90), _arrival(0, 10)], cost, cores=1)
    assert together == pytest.approx([10.5, 1.5]), "the short file does not wait for the long one"
    late = replayed([_arrival(0, 30), _arrival(100, 30)], cost, cores=1)
    assert late == pytest.approx([3.5, 3.5])
    assert used([_arrival(0, 60)] * 10, cost, cores=2, duration_s=60) == pytest.approx(0.5)
    assert max(replayed([_arrival(0, 30)] * 16, cost, cores=8)) < max(replayed([_arrival(0, 30)] * 16, cost, cores=2))


def test_figures_stand_beside_targets_and_other_cores() -> None:
    """What failed is counted and named, and times are of what completed."""
    load = [_arrival(0, 3), _arrival(1, 9)]
    outcomes = [Outcome(audio_s=3, late_s=0, done_s=1.0), Outcome(audio_s=9, late_s=0, error="TIMEOUT")]
    cost = Cost(per_audio_s=0.1, beside_s=0.2)
    found = figures("a day", load, outcomes, cost, short_s=3.0, duration_s=10.0, transcribers=2)
    assert (found.success, found.errors, found.short_mean_s, found.largest_s) == (0.5, {"TIMEOUT": 1}, 1.0, 1.0)
    assert found.modelled[8]["short_mean"] == pytest.approx(0.5)
    shown = text_of_day([found], {"gateway": 10.0}, cost)
    assert "50.0% completed (target: 99.5 % or more)" in shown
    assert "model, 8 cores" in shown
    assert "10 MB" in shown
