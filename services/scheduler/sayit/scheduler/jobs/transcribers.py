"""What is known of the transcribers, their backlog and the last day. Times of day are seconds since the epoch, UTC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


@dataclass(frozen=True, kw_only=True)
class WaitingChunks:
    """Chunks of one job and lane that have no text yet."""

    tenant: str
    job_id: str
    interactive: bool
    #: Due and not in the queue.
    due_chunks: int
    due_samples: int
    #: Since when the first of them is due; 0 without any.
    due_s: float
    #: In the queue or running.
    held_chunks: int
    held_samples: int


@dataclass(frozen=True, kw_only=True)
class RunningChunk:
    """A chunk that a transcriber holds."""

    job_id: str
    interactive: bool
    samples: int
    transcriber_id: str
    #: When it was claimed.
    started_s: float


@dataclass(frozen=True, kw_only=True)
class UncutRecording:
    """The part of a recording that is not cut into chunks yet, by the length that the file says it has."""

    job_id: str
    tenant: str
    #: Samples of it that will lie in chunks, if it goes on as it began.
    samples: int


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """A model's work that has no text yet."""

    waiting: Sequence[WaitingChunks]
    running: Sequence[RunningChunk]
    uncut: Sequence[UncutRecording] = ()


@dataclass(frozen=True, kw_only=True)
class Load:
    """How much there is to do, over all models."""

    #: Jobs that have not ended, by (model, state).
    jobs: Mapping[tuple[str, str], int]
    #: (Chunks, samples) without a text, by (model, lane, state): waiting, queued, running.
    chunks: Mapping[tuple[str, str, str], tuple[int, int]]
    #: Samples that files declare and that are not cut into chunks yet, by model.
    uncut_samples: Mapping[str, int]
    #: Since when the oldest chunk is due and has no transcriber, by model, in seconds.
    oldest_s: Mapping[str, float]
