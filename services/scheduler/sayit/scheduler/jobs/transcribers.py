"""What is known of the transcribers, and of the last day. Times of day are seconds since the epoch, UTC."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class TranscriberRecord:
    """What a transcriber last reported."""

    id: str
    model: str
    slots: int
    busy: int
    #: Audio seconds it transcribed.
    audio_s: float
    #: Seconds its engine was busy with them.
    compute_s: float
    draining: bool
    seen_s: float
    #: What its text depends on beside the request; empty where it does not say.
    revision: str = ""

    @property
    def speed(self) -> float:
        """Audio seconds per second of engine time; 0 before the first chunk."""
        return self.audio_s / self.compute_s if self.compute_s > 0 else 0.0


@dataclass(frozen=True, kw_only=True)
class DayStatistics:
    """The last 24 hours."""

    accepted: int
    completed: int
    failed: int
    #: Mean seconds from acceptance to completion; None without any.
    mean_s: float | None
