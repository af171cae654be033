"""Jobs and their events, as clients see them. Times of day are seconds since the epoch, UTC."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.options import Options
from sayit.speech.transcript import Segment, Transcript

#: Most labels of a job, and most characters of a label's value.
MAX_LABELS, MAX_LABEL_CHARS = 16, 128
_LABEL_NAME = re.compile(r"[a-z0-9._-]{1,64}")


def check_labels(labels: Mapping[str, str]) -> None:
    """Refuses labels that are too many, too long, or contain what a name or a line of text does not, INVALID_OPTION."""
    reason = f"more than {MAX_LABELS}" if len(labels) > MAX_LABELS else ""
    for name, value in labels.items():
        if not _LABEL_NAME.fullmatch(name):
            reason = "a name has 1 to 64 characters out of a-z, 0-9, '.', '_' and '-'"
        elif len(value) > MAX_LABEL_CHARS or not value.isprintable():
            reason = f"a value has at most {MAX_LABEL_CHARS} characters, all of them printable"
    if reason:
        raise SayItError(ErrorKind.INVALID_OPTION, field="labels", reason=reason)


class JobState(StrEnum):
    """Where a job is. PREPARING → RUNNING, or RECEIVING; then MERGING → COMPLETED | FAILED | CANCELLED."""

    #: A live session: it is spoken, heard and written down.
    RECEIVING = "receiving"
    #: Accepted and durable; the audio is decoded and cut into chunks, the first chunks may already run.
    PREPARING = "preparing"
    #: All chunks are known; some are not transcribed yet.
    RUNNING = "running"
    #: All chunks are transcribed; the transcript is being put together.
    MERGING = "merging"
    #: The transcript is there.
    COMPLETED = "completed"
    #: It ended without a transcript; `error` says why.
    FAILED = "failed"
    #: A client cancelled it.
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        """Whether the job has ended; a terminal state never changes."""
        return self in _TERMINAL


_TERMINAL = frozenset({JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED})


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a job is."""

    #: Seconds of audio that are transcribed or known to be silent.
    audio_done_s: float = 0.0
    #: Seconds of audio; None until the whole file is decoded.
    audio_total_s: float | None = None
    chunks_done: int = 0
    #: None until the whole file is cut.
    chunks_total: int | None = None
    #: Chunks of other jobs that go before this job's next chunk; None once nothing of it waits.
    queue_position: int | None = None
    #: Estimated seconds until it ends; None while unknown.
    eta_s: float | None = None
    #: Seconds that the file itself names: known before `audio_total_s`, and possibly wrong; None where it names none.
    audio_declared_s: float | None = None

    @property
    def fraction(self) -> float | None:
        """Done part of the audio, 0 to 1; None until the length is known."""
        if self.audio_total_s is None:
            return None
        return 1.0 if self.audio_total_s == 0 else min(1.0, self.audio_done_s / self.audio_total_s)


@dataclass(frozen=True, kw_only=True)
class JobError:
    """Why a job failed: the stable code, the sentences, the details they were made of."""

    code: str
    message_en: str
    message_ko: str


@dataclass(frozen=True, kw_only=True)
class Job:
    """A transcription job."""

    id: str
    state: JobState
    options: Options
    progress: Progress
    #: Name of the file as the client gave it; for display only.
    filename: str
    created_at_s: float
    started_at_s: float | None = None
    finished_at_s: float | None = None
    #: When the job and all its data are deleted; None while it has not ended, and for one that is kept.
    expires_at_s: float | None = None
    #: Set exactly when `state` is FAILED.
    error: JobError | None = None
    #: Model name that serves it.
    model: str = ""
    #: Whether the result came from the cache.
    cached: bool = False
    #: Stable codes of what was odd but no error: TRUNCATED_AUDIO, CORRUPT_PACKETS, … (docs/api.md lists them).
    warnings: tuple[str, ...] = ()
    #: The newest durable event's number.
    last_seq: int = 0
    #: The client's own marks.
    labels: Mapping[str, str] = field(default_factory=dict)
    #: Newest version of its transcript: 0 for the model's own text.
    transcript_version: int = 0


@dataclass(frozen=True, kw_only=True)
class StateChanged:
    """Durable: the job entered a state."""

    state: JobState


@dataclass(frozen=True, kw_only=True)
class ChunkText:
    """Durable: the final text of one chunk. Chunks finish in any order; `chunk_index` puts them in place."""

    chunk_index: int
    segments: tuple[Segment, ...]


@dataclass(frozen=True, kw_only=True)
class Refinement:
    """Durable: a numbered correction; it replaces the segments of one or more chunks given earlier."""

    #: 1, 2, 3 … within the job.
    number: int
    #: The chunks whose texts are replaced.
    chunk_indexes: tuple[int, ...]
    segments: tuple[Segment, ...]


@dataclass(frozen=True, kw_only=True)
class Completed:
    """Durable and last: the transcript is there. A summary; fetch the transcript itself."""

    language: str
    duration_s: float
    segment_count: int
    cached: bool


@dataclass(frozen=True, kw_only=True)
class Failed:
    """Durable and last: the job failed."""

    error: JobError


@dataclass(frozen=True, kw_only=True)
class PartialText:
    """Ephemeral: model output before its chunk is final: all windows of the chunk so far."""

    chunk_index: int
    segments: tuple[Segment, ...]


EventBody = StateChanged | ChunkText | Refinement | Completed | Failed | PartialText | Progress


@dataclass(frozen=True, kw_only=True)
class JobEvent:
    """Something that happened to a job. Durable events are numbered from 1 without gaps; ephemeral ones have seq 0."""

    job_id: str
    #: Seconds since the epoch.
    time_s: float
    body: EventBody
    seq: int = 0


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a finished job hands to a caller who waited for it."""

    job: Job
    transcript: Transcript
    #: The transcript in the forms that `recognize` was asked for, but for documents.
    rendered: Mapping[str, str] = field(default_factory=dict)
    #: The documents among these forms.
    documents: Mapping[str, bytes] = field(default_factory=dict)
