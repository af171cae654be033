"""Quiet stretches and dips."""

from __future__ import annotations

import numpy as np

from sayit.scheduler.ingest.segmentation.pauses import deepest_dip, quiet_runs

from .helper import RATE, sound


def test_quiet_runs_are_the_stretches_between_sounds() -> None:
    """A pause is found with its length, to a few hundredths of a second."""
    runs = quiet_runs(sound(("speech", 2.0), ("silence", 0.5), ("speech", 2.0)), depth_db=25)
    assert len(runs) == 1
    start, end = runs[0]
    assert abs(start / RATE - 2.0) < 0.04
    assert abs(end / RATE - 2.5) < 0.04


def test_steady_sound_has_no_pause() -> None:
    """Nor has no sound at all."""
    assert quiet_runs(sound(("speech", 5.0)), depth_db=25) == []
    assert quiet_runs(np.zeros(0, np.int16), depth_db=25) == []


def test_the_deepest_dip_is_found() -> None:
    """A dip of 30 ms suffices; without anything to judge the end is given."""
    assert abs(deepest_dip(sound(("speech", 1.0), ("silence", 0.03), ("speech", 0.7))) / RATE - 1.015) < 0.02
    assert deepest_dip(np.zeros(10, np.int16)) == 10
