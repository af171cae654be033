"""Speeds and slopes, computed from what was measured; pure."""

from __future__ import annotations

import itertools
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: Commits that follow one another more closely than this come from the same batch, in seconds.
SAME_BATCH_S = 0.5


@dataclass(frozen=True, kw_only=True)
class Commit:
    """Text of a chunk that was committed."""

    worker: str
    time_s: float
    audio_s: float


def batches(commits: Sequence[Commit], gap_s: float = SAME_BATCH_S) -> list[list[Commit]]:
    """One worker's commits, in groups that came together."""
    found: list[list[Commit]] = []
    for commit in sorted(commits, key=lambda one: one.time_s):
        if found and commit.time_s - found[-1][-1].time_s <= gap_s:
            found[-1].append(commit)
        else:
            found.append([commit])
    return found


def steady_speed(commits: Sequence[Commit], *, not_before_s: float = 0.0) -> float:
    """Audio-seconds per second of all workers while they are busy.

    A worker's audio counts from the end of its first batch (which may be small, and whose beginning nobody saw) to the
    end of its last but one (the last may be small as well). With fewer than four batches the last one counts. Batches
    that ended before `not_before_s` are left out where enough came later.

    Raises:
        ValueError: a worker committed no two batches.
    """
    by_worker: defaultdict[str, list[Commit]] = defaultdict(list)
    for commit in commits:
        by_worker[commit.worker].append(commit)
    speed = 0.0
    for worker, own in by_worker.items():
        every = batches(own)
        late = [group for group in every if group[-1].time_s >= not_before_s]
        groups = late if len(late) >= 2 else every
        if len(groups) < 2:
            raise ValueError(f"{worker} committed {len(groups)} batch, too little for a speed")
        counted = groups[1:-1] if len(groups) >= 4 else groups[1:]
        audio_s = sum(commit.audio_s for commit in itertools.chain.from_iterable(counted))
        speed += audio_s / (counted[-1][-1].time_s - groups[0][-1].time_s)
    return speed


def slope(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The median slope through points (x, y) and the lower end of its 95 % interval (Theil and Sen).

    Source: P. K. Sen, Estimates of the regression coefficient based on Kendall's tau, JASA 63 (1968). The interval is
    that of independent errors; memory that grows in steps is not quite that, so it is a little too narrow.

    Raises:
        ValueError: fewer than three points.
    """
    if len(points) < 3:
        raise ValueError(f"{len(points)} points have no slope")
    slopes = sorted((b[1] - a[1]) / (b[0] - a[0]) for a, b in itertools.combinations(points, 2) if a[0] != b[0])
    count = len(points)
    deviation = 1.96 * (count * (count - 1) * (2 * count + 5) / 18) ** 0.5
    low = max(0, int((len(slopes) - deviation) / 2))
    return statistics.median(slopes), slopes[low]


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` percent of the values lie, interpolated; NaN for none."""
    return float(np.percentile(values, share)) if len(values) else float("nan")
