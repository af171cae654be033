"""From voice probabilities to stretches of speech, one block at a time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sayit.scheduler.jobs.records import SampleSpan

#: Samples per voice probability: what Silero takes at 16 kHz (32 ms).
FRAME_SAMPLES = 512


class VoiceDetector(Protocol):
    """Says how likely each frame holds a voice; carries its state from call to call."""

    def probabilities(self, samples: NDArray[np.int16]) -> NDArray[np.float32]:
        """Probabilities `float32[n]` of the next `int16[n * 512]` samples at 16 kHz."""
        ...


class SpeechFinder:
    """Hysteresis over frame probabilities, as in Silero's `get_speech_timestamps`, but incremental and without padding.

    Speech begins with the first frame at `threshold` or above. It ends where the probability fell below `neg_threshold`
    if it does not come back to `threshold` within the minimum silence. Speech shorter than the minimum is forgotten.
    """

    def __init__(
        self, *, threshold: float, neg_threshold: float, min_speech_samples: int, min_silence_samples: int
    ) -> None:
        self._threshold = threshold
        self._neg_threshold = neg_threshold
        self._min_speech = min_speech_samples
        self._min_silence = min_silence_samples
        self._position = 0
        self._start: int | None = None
        self._quiet_since: int | None = None

    @property
    def position(self) -> int:
        """Samples judged so far."""
        return self._position

    @property
    def possible_start(self) -> int | None:
        """Where the speech that is going on began, long enough to count or not yet."""
        return self._start

    @property
    def open_span(self) -> SampleSpan | None:
        """The speech that is going on, once it is long enough to count; it can only grow."""
        if self._start is None:
            return None
        end = self._position if self._quiet_since is None else self._quiet_since
        return (self._start, end) if end - self._start >= self._min_speech else None

    def push(self, probabilities: Iterable[float]) -> list[SampleSpan]:
        """Takes the next frames; returns the speech that ended in them."""
        ended: list[SampleSpan] = []
        for probability in probabilities:
            if probability >= self._threshold:
                self._quiet_since = None
                if self._start is None:
                    self._start = self._position
            elif probability < self._neg_threshold and self._start is not None and self._quiet_since is None:
                self._quiet_since = self._position
            self._position += FRAME_SAMPLES
            if self._quiet_since is not None and self._position - self._quiet_since >= self._min_silence:
                ended += self._close()
        return ended

    def finish(self, total_samples: int) -> list[SampleSpan]:
        """The recording ended: returns the speech that was going on, cut at the recording's true end."""
        self._position = total_samples
        return self._close()

    def _close(self) -> list[SampleSpan]:
        span = self.open_span
        self._start = self._quiet_since = None
        if span is None:
            return []
        end = min(span[1], self._position)
        return [(span[0], end)] if end > span[0] else []
