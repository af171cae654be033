"""Where to cut: pauses and dips in the energy of 16 kHz audio, judged every 10 ms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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
