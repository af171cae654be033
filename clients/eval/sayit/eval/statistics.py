"""Confidence intervals of rates, and of differences between two: resampling of whole recordings.

Words of one recording share its speaker and its noise, so that they are no independent samples; recordings are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: Resamples; the seed is fixed, so that the same results give the same figures.
_RESAMPLES = 10_000
_SEED = 20_200_625
#: Recordings up to this number are permuted in all ways.
_EXACT = 13


@dataclass(frozen=True, kw_only=True)
class Rate:
    """Errors per unit said, with the ends of its 95 % confidence interval."""

    #: None where nothing was said.
    value: float | None
    #: None for fewer than two recordings, which allow no conclusion about others.
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The second configuration's rate minus the first one's, on the same recordings."""

    first: float
    second: float
    #: Ends of the difference's 95 % confidence interval; None for fewer than two recordings.
    low: float | None
    high: float | None
    #: Probability of a difference this large if the two configurations were equal.
    p: float

    @property
    def significant(self) -> bool:
        """Whether it is below the usual 5 %."""
        return self.p < 0.05


def rate(errors: Sequence[int], units: Sequence[int]) -> Rate:
    """The rate over all recordings; percentile bootstrap (Bisani and Ney 2004)."""
    total = sum(units)
    if not total:
        return Rate(value=None)
    value = sum(errors) / total
    if len(units) < 2:
        return Rate(value=value)
    chosen = _draws(len(units))
    low, high = _percentiles(_ratios(chosen, errors, units))
    return Rate(value=value, low=low, high=high)


def difference(first: Sequence[int], second: Sequence[int], units: Sequence[int]) -> Difference:
    """Errors of two configurations on the same recordings, in the same order; at least one unit was said.

    The interval is a paired bootstrap's; p is a paired permutation test's (approximate randomisation, Noreen 1989):
    how often exchanging the configurations at random, recording by recording, gives as large a difference.
    """
    total = sum(units)
    low = high = None
    deltas = np.asarray(second, dtype=float) - np.asarray(first, dtype=float)
    if len(units) > 1:
        low, high = _percentiles(_ratios(_draws(len(units)), deltas, units))
    return Difference(first=sum(first) / total, second=sum(second) / total, low=low, high=high, p=_permuted(deltas))


def _permuted(deltas: np.ndarray) -> float:
    observed = abs(deltas.sum()) - 1e-9
    if len(deltas) <= _EXACT:
        places = np.arange(2 ** len(deltas))[:, None] >> np.arange(len(deltas))
        return float(np.mean(np.abs((1 - 2 * (places & 1)) @ deltas) >= observed))
    signs = np.random.default_rng(_SEED).choice((-1.0, 1.0), size=(_RESAMPLES, len(deltas)))
    # The observed assignment is one of the possible ones, hence + 1: p is never 0.
    return float((np.sum(np.abs(signs @ deltas) >= observed) + 1) / (_RESAMPLES + 1))


def _draws(count: int) -> np.ndarray:
    """How often each recording is in each resample: int64[resamples, count]."""
    return np.random.default_rng(_SEED).multinomial(count, np.full(count, 1 / count), size=_RESAMPLES)


def _ratios(draws: np.ndarray, errors: Sequence[int] | np.ndarray, units: Sequence[int]) -> np.ndarray:
    said = draws @ np.asarray(units, dtype=float)
    wrong = draws @ np.asarray(errors, dtype=float)
    ratios: np.ndarray = wrong[said > 0] / said[said > 0]
    return ratios


def _percentiles(values: np.ndarray) -> tuple[float, float]:
    low, high = np.percentile(values, (2.5, 97.5))
    return float(low), float(high)
