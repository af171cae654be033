"""What `make bench` is told to measure, what it feeds to the suite, and how estimates are judged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import corpus, eta, run


def test_metrics_can_be_chosen() -> None:
    """All by default, some by number, estimates by name."""
    everything = run.plan_of([])
    assert (everything.metrics, everything.eta) == (frozenset(range(1, 13)), True)
    assert everything.results.name == "results.json"
    some = run.plan_of(["--only", "4, 5"])
    assert (some.metrics, some.eta) == (frozenset({4, 5}), False)
    estimates = run.plan_of(["--only", "eta"])
    assert (estimates.metrics, estimates.eta) == (frozenset(), True)
    assert everything.metrics == run.BATCHED | run.MICRO


@pytest.mark.parametrize("only", ["13", "0", "4,latency"])
def test_what_is_no_metric_is_refused(only: str) -> None:
    """With a usage error, before anything runs."""
    with pytest.raises(SystemExit) as caught:
        run.plan_of(["--only", only])
    assert caught.value.code == 2


def test_speech_is_as_long_as_asked_and_never_the_same() -> None:
    """The same seed gives the same samples, another seed others; pauses lie within their bounds."""
    once = corpus.speech(20, seed=1)
    assert once.shape == (20 * corpus.RATE_HZ,)
    assert np.array_equal(once, corpus.speech(20, seed=1))
    assert not np.array_equal(once, corpus.speech(20, seed=2))
    loud = np.abs(once).reshape(-1, 160).max(axis=1) > 50
    edges = np.flatnonzero(np.diff(np.concatenate([[True], loud, [True]]).astype(int)))
    pauses_s = np.diff(edges)[::2] / 100
    assert max(pauses_s) <= 1.3
    assert sum(pauses_s >= 0.3) >= 1


def test_estimates_are_judged_by_the_time_that_was_left(tmp_path: Path) -> None:
    """An estimate of 5 s with 10 s left is off by a half; each job's first estimate is judged by itself, too."""
    found = eta.save(
        tmp_path / "eta.json",
        [
            eta.Estimate(job=0, age_s=1.0, eta_s=5.0, actual_s=10.0),
            eta.Estimate(job=0, age_s=2.0, eta_s=9.0, actual_s=9.0),
            eta.Estimate(job=1, age_s=1.0, eta_s=12.0, actual_s=10.0),
        ],
    )
    assert found["median_relative_error"] == pytest.approx(0.2)
    assert found["median_relative_error_of_first"] == pytest.approx(0.35)
    assert (tmp_path / "eta.json").exists()
