"""How loud a chunk is, frame by frame, from the features that are there anyway."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Levels = npt.NDArray[np.float64]
#: 0.5 in log-mel features is 20 dB.
_QUIETER = 0.5


def levels(features: npt.NDArray[np.float32]) -> Levels:
    """Loudness of each frame over 50 ms, float64[n], of log-mel features float32[bands, n]; 1 is 40 dB."""
    return np.convolve(features.mean(axis=0, dtype=np.float64), np.ones(5) / 5, mode="same")


def loud(levels: Levels) -> npt.NDArray[np.bool_]:
    """Which frames may be speech: those near the loud ones, and well above the quiet ones."""
    low, high = (float(level) for level in np.quantile(levels, [0.02, 0.9]))
    heard: npt.NDArray[np.bool_] = levels > max(high - _QUIETER, (high + low) / 2)
    return heard
