"""The load generator's plan and report."""

from __future__ import annotations

import itertools

import pytest

from benchmarks.load.arrivals import MIX, arrivals
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
