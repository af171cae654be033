"""Speeds, slopes and percentiles of the benchmarks."""

from __future__ import annotations

import math

import pytest

from benchmarks.throughput import Commit, batches, percentile, slope, steady_speed


def commits(worker: str, *ends: tuple[float, int]) -> list[Commit]:
    """Batches of so many chunks of 30 s that were committed within some milliseconds before each end."""
    return [
        Commit(worker=worker, time_s=end_s - 0.01 * place, audio_s=30.0)
        for end_s, count in ends
        for place in range(count)
    ]


def test_commits_that_come_together_are_a_batch() -> None:
    """However the commits are ordered."""
    found = batches(list(reversed(commits("a", (10, 1), (30, 8), (50, 3)))))
    assert [len(each) for each in found] == [1, 8, 3]


def test_the_first_and_the_last_batch_do_not_count() -> None:
    """They may be small: 8 chunks of 30 s every 20 s are 12 × real time, whatever surrounds them."""
    assert steady_speed(commits("a", (5, 1), (25, 8), (45, 8), (60, 3))) == pytest.approx(12)


def test_workers_add_up_and_early_batches_can_be_left_out() -> None:
    """Batches that were kept small at the beginning say nothing about the speed of full ones."""
    both = commits("a", (5, 1), (25, 8), (45, 8)) + commits("b", (6, 2), (26, 4), (46, 4))
    assert steady_speed(both) == pytest.approx(18)
    early = commits("a", (1, 1), (2, 1), (25, 8), (45, 8))
    assert steady_speed(early, not_before_s=20) == pytest.approx(12)


def test_a_single_batch_has_no_speed() -> None:
    """Nobody saw when it began."""
    with pytest.raises(ValueError, match="too little"):
        steady_speed(commits("a", (5, 8)))


def test_the_slope_is_the_median_one() -> None:
    """One outlier does not bend it; where values only scatter, nothing is certain."""
    middle, low = slope([(x, 100 + 2.0 * x) for x in range(20)] + [(20.0, 900.0)])
    assert middle == pytest.approx(2.0)
    assert low == pytest.approx(2.0)
    assert slope([(float(x), 100.0 + (-1) ** x) for x in range(30)])[1] <= 0
    with pytest.raises(ValueError, match="no slope"):
        slope([(0, 1), (1, 2)])


def test_percentiles_are_interpolated() -> None:
    """As everybody's are; nothing has no percentile."""
    assert percentile([1.0, 2.0, 3.0, 4.0], 50) == 2.5
    assert percentile([5.0], 99) == 5.0
    assert math.isnan(percentile([], 50))
