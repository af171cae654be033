"""Pauses: where to cut, by the energy of 16 kHz audio every 10 ms; and those whose middle is left out of chunks."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
from numpy.typing import NDArray

from sayit.scheduler.jobs.records import SampleSpan

#: Samples of one energy frame (10 ms).
STEP = 160
#: Frames that the level of a pause is smoothed over; a click shorter than that does not end it.
_PAUSE_FRAMES = 5
#: Frames that a dip is smoothed over: between words that follow each other without a pause there is no more.
_DIP_FRAMES = 3
#: Power of the quietest sound told apart (int16 units): digital silence has no logarithm.
_FLOOR = 0.1
#: The share of frames that are quieter than "loud speech".
_LOUD_QUANTILE = 0.9


def levels_db(samples: NDArray[np.int16], smooth_frames: int) -> NDArray[np.float64]:
    """Level of every 10 ms, `float64[len // 160]` in dB re one int16 step, smoothed over `smooth_frames`."""
    count = len(samples) // STEP
    if count == 0:
        return np.zeros(0)
    frames = samples[: count * STEP].astype(np.float64).reshape(count, STEP)
    power = np.concatenate([[0.0], np.cumsum((frames**2).mean(axis=1))])
    left = np.maximum(np.arange(count) - smooth_frames // 2, 0)
    right = np.minimum(left + smooth_frames, count)
    mean = (power[right] - power[left]) / (right - left)
    return np.asarray(10 * np.log10(np.maximum(mean, _FLOOR)))


def quiet_runs(samples: NDArray[np.int16], *, depth_db: float) -> list[tuple[int, int]]:
    """Stretches `[start, end)`, in samples, that are `depth_db` below loud speech."""
    levels = levels_db(samples, _PAUSE_FRAMES)
    if len(levels) == 0:
        return []
    quiet = np.concatenate([[False], levels < np.quantile(levels, _LOUD_QUANTILE) - depth_db, [False]])
    edges = np.flatnonzero(quiet[1:] != quiet[:-1]) * STEP
    return [(int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True)]


def deepest_dip(samples: NDArray[np.int16]) -> int:
    """The quietest sample position; the latest one of equals, the end if there is nothing to judge."""
    levels = levels_db(samples, _DIP_FRAMES)
    if len(levels) == 0:
        return len(samples)
    return (len(levels) - 1 - int(np.argmin(levels[::-1]))) * STEP + STEP // 2


class ShortenedPauses:
    """Stretches of a recording that are left out where a chunk goes on beyond them.

    Positions are samples from the recording's start. A stretch that a chunk begins or ends in is not left out of it:
    a chunk has all the real audio around its speech that it asks for.
    """

    def __init__(self) -> None:
        self._left_out: list[SampleSpan] = []

    def leave_out(self, start: int, end: int) -> None:
        """Leaves `[start, end)` out; behind everything left out so far."""
        self._left_out.append((start, end))

    def pieces(self, start: int, end: int) -> tuple[SampleSpan, ...]:
        """What a chunk `[start, end)` holds, in order."""
        inside = [span for span in self._from(start) if span[1] <= end]
        edges = [start, *(edge for span in inside for edge in span), end]
        return tuple((a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b)

    def length(self, start: int, end: int) -> int:
        """Samples that a chunk `[start, end)` holds."""
        return sum(b - a for a, b in self.pieces(start, end))

    def after(self, start: int, length: int) -> int:
        """The position where a chunk that begins at `start` holds `length` samples."""
        position = start
        for first, last in self._from(start):
            if position + length <= first:
                break
            length -= first - position
            position = last
        return position + length

    def forget(self, before: int) -> None:
        """Drops stretches before a position; it is not asked about any more."""
        del self._left_out[: bisect_left(self._left_out, (before, before))]

    def _from(self, start: int) -> list[SampleSpan]:
        return self._left_out[bisect_left(self._left_out, (start, start)) :]
