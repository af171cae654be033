"""What calls of the model cost on this machine, learned from the calls themselves."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from sayit.transcriber.engine.fallback import FallbackStep
from sayit.transcriber.engine.window import WINDOW_FRAMES

#: Weight of everything known before, each time something new is learned: about the last 20 calls count.
_KEPT = 0.95
#: Tokens of a window before any was decoded: a full window of speech.
_TYPICAL_TOKENS = 100
#: The longest window known shrinks by this factor with each call, so that one long text is not remembered for ever.
_SHRINK = 0.98
#: How much the solution is held near zero; keeps it defined while few different calls were seen.
_RIDGE = 1e-6
#: Which of the three may be above zero.
_SUPPORTS = [list(some) for count in (1, 2, 3) for some in itertools.combinations(range(3), count)]


class CostModel:
    """Predicts how long a call of the decoder will take.

    A decoding of n windows with w rows each over t steps takes  a·t + b·t·n·w + c·n·l  seconds: weights are read and
    scheduled once a step, every row computes, and every window's keys and values are prepared once, which depends on
    its length l. The three are fitted by least squares with exponential forgetting, and none of them is negative.
    """

    def __init__(self) -> None:
        self._tokens = float(_TYPICAL_TOKENS)
        self._moments: npt.NDArray[np.float64] = np.zeros((3, 3))
        self._sums: npt.NDArray[np.float64] = np.zeros(3)
        self._fit: npt.NDArray[np.float64] = np.zeros(3)

    def decoded(self, seconds: float, step: FallbackStep, *, windows: int, tokens: int, typical: bool = True) -> None:
        """Learns from a call of the decoder.

        Args:
            seconds: how long it took.
            step: what was asked of all windows in it.
            windows: how many.
            tokens: new tokens of the longest.
            typical: whether such windows are to be expected; not so while warming up.
        """
        row = _features(step, windows, tokens)
        self._moments = self._moments * _KEPT + np.outer(row, row)
        self._sums = self._sums * _KEPT + row * seconds
        self._fit = _solved(self._moments, self._sums)
        if typical:
            self._tokens = max(float(tokens), self._tokens * _SHRINK)

    def decode_s(self, step: FallbackStep, *, windows: int) -> float:
        """Seconds that a call will take at most, as far as is known; 0 while nothing is."""
        tokens = min(self._tokens, step.max_new_tokens)
        return max(0.0, float(_features(step, windows, tokens) @ self._fit))

    def most_windows(self, limit_s: float, step: FallbackStep, *, at_most: int) -> int:
        """How many windows a call may decode, at least 1, so that it stays below the limit."""
        count = at_most
        while count > 1 and self.decode_s(step, windows=count) > limit_s:
            count -= 1
        return count


def _features(step: FallbackStep, windows: int, tokens: float) -> npt.NDArray[np.float64]:
    length = step.padded_frames / WINDOW_FRAMES
    return np.array([tokens, tokens * windows * step.width, windows * length], dtype=np.float64)


def _solved(moments: npt.NDArray[np.float64], sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The least-squares solution without negative numbers, found by trying which of them are zero."""
    best, least = np.zeros(3), 0.0
    for support in _SUPPORTS:
        part = moments[np.ix_(support, support)]
        ridge = np.diag(np.maximum(np.diag(part), 1e-12) * _RIDGE)
        solution = np.linalg.solve(part + ridge, sums[support])
        # The squared error, less what all solutions share.
        error = float(solution @ part @ solution - 2 * solution @ sums[support])
        if (solution >= 0).all() and error < least:
            least = error
            best = np.zeros(3)
            best[support] = solution
    return best
