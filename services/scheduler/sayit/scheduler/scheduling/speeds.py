"""How fast transcribers are, as measured lately."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from sayit.scheduler.job.estimating import Capacity
from sayit.scheduler.job.fleet import TranscriberRecord
from sayit.scheduler.job.rules import cost
from sayit.speech.audio import SAMPLE_RATE_HZ

#: After so many seconds of engine time a measurement counts half.
_HALF_LIFE_S = 60.0
#: Cost per sample of full chunks, until chunks were measured.
_USUAL_COST = 2.0


@dataclass
class _Measured:
    """Sums of what was done, the older the less they count."""

    audio_s: float = 0.0
    compute_s: float = 0.0
    #: The transcriber's own counters when it was last heard.
    counted: tuple[float, float] = (0.0, 0.0)

    def note(self, audio_s: float, compute_s: float) -> None:
        """Takes new values of the counters."""
        more_audio_s, more_compute_s = audio_s - self.counted[0], compute_s - self.counted[1]
        self.counted = audio_s, compute_s
        if more_audio_s <= 0 or more_compute_s <= 0:
            return
        kept = 0.5 ** (more_compute_s / _HALF_LIFE_S)
        # As if it had come in little by little: the first report may speak of hours.
        fresh_s = (1.0 - kept) * _HALF_LIFE_S / math.log(2)
        self.audio_s = self.audio_s * kept + fresh_s * more_audio_s / more_compute_s
        self.compute_s = self.compute_s * kept + fresh_s


class Speeds:
    """Measures transcribers by their reports, and what a second of audio costs by the chunks that were committed."""

    def __init__(self) -> None:
        self._measured: dict[str, _Measured] = {}
        self._samples = 0.0
        self._cost = 0.0

    def reported(self, transcriber: TranscriberRecord) -> None:
        """Takes a report in; the same one twice counts once."""
        measured = self._measured.setdefault(transcriber.id, _Measured())
        measured.note(transcriber.audio_s, transcriber.compute_s)

    def committed(self, samples: int, compute_s: float) -> None:
        """Takes a chunk in: short ones cost more per second of audio, as each is encoded as a whole window."""
        kept = 0.5 ** (compute_s / _HALF_LIFE_S)
        self._samples = self._samples * kept + samples
        self._cost = self._cost * kept + cost(1, samples)

    def capacity(self, online: Iterable[TranscriberRecord], known: Iterable[TranscriberRecord]) -> Capacity:
        """What transcribers of one model do per second.

        Args:
            online: those that work.
            known: these, and others of the model that are gone: one that is new counts as the mean of all.
        """
        per_sample = self._cost / self._samples if self._samples else _USUAL_COST
        speeds = {each.id: self._speed(each) for each in known}
        measured = [speed for speed in speeds.values() if speed > 0]
        mean = sum(measured) / len(measured) if measured else 0.0
        return Capacity(
            cost_per_s={
                each.id: (speeds.get(each.id) or mean) * SAMPLE_RATE_HZ * per_sample for each in online if each.slots
            }
        )

    def forget_others(self, ids: Iterable[str]) -> None:
        """Drops what was measured of transcribers that nobody knows any more."""
        kept = set(ids)
        self._measured = {name: measured for name, measured in self._measured.items() if name in kept}

    def _speed(self, transcriber: TranscriberRecord) -> float:
        measured = self._measured.get(transcriber.id)
        if measured is None or measured.compute_s == 0:
            return transcriber.speed
        return measured.audio_s / measured.compute_s
