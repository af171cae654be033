"""What a load would take on other cores: the same arrivals, each chunk at the cost that was measured; pure."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.load.arrivals import Arrival

#: Longest chunk that recordings are cut into, in seconds.
_CHUNK_S = 30.0


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one core needs."""

    #: Core-seconds for a second of audio.
    per_audio_s: float
    #: What a request takes beside the model: reading, cutting, queue, merging.
    beside_s: float


def replayed(load: Sequence[Arrival], cost: Cost, *, cores: int) -> list[float]:
    """Seconds from each arrival to its transcript, where each core decodes one chunk at a time.

    A core that is free takes a chunk of the recording with the fewest left: short files go first, as in the scheduler.
    Left out are batches (a backlog is decoded faster than this), the memory that cores share, and other loads.

    Args:
        load: the arrivals.
        cost: of one core.
        cores: how many there are, above 0.
    """
    arrivals = sorted(range(len(load)), key=lambda index: load[index].at_s)
    left = [math.ceil(each.audio_s / _CHUNK_S) for each in load]
    undone = list(left)
    done = [0.0] * len(load)
    free = [0.0] * cores
    waiting: list[tuple[int, float, int]] = []
    coming = 0
    while coming < len(arrivals) or waiting:
        now_s = heapq.heappop(free)
        if not waiting:
            now_s = max(now_s, load[arrivals[coming]].at_s)
        while coming < len(arrivals) and load[arrivals[coming]].at_s <= now_s:
            index = arrivals[coming]
            heapq.heappush(waiting, (left[index], load[index].at_s, index))
            coming += 1
        chunks, at_s, index = heapq.heappop(waiting)
        ends_s = now_s + load[index].audio_s / left[index] * cost.per_audio_s
        heapq.heappush(free, ends_s)
        if chunks > 1:
            heapq.heappush(waiting, (chunks - 1, at_s, index))
        undone[index] -= 1
        done[index] = max(done[index], ends_s - at_s)
    assert not any(undone)
    return [seconds + cost.beside_s for seconds in done]


def used(load: Sequence[Arrival], cost: Cost, *, cores: int, duration_s: float) -> float:
    """The share of the cores that the load takes; above 1 it does not fit."""
    return sum(each.audio_s for each in load) * cost.per_audio_s / (cores * duration_s)
