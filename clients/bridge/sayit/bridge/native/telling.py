"""Events of a job as JSON documents."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, assert_never

from sayit.bridge.documents import (
    Document,
    JobErrorDocument,
    ProgressDocument,
    SegmentDocument,
    error_document,
    progress_document,
    segment_document,
    time_of_day,
)
from sayit.speech.jobs import (
    ChunkText,
    Completed,
    Failed,
    JobEvent,
    JobState,
    PartialText,
    Progress,
    Refinement,
    StateChanged,
)


class StateEvent(Document):
    """`event: state`. Durable: the job entered a state."""

    type: Literal["state"] = "state"
    job_id: str
    seq: int
    time: datetime
    state: JobState


class TextEvent(Document):
    """`event: text`. Durable: the final text of one chunk; chunks finish in any order."""

    type: Literal["text"] = "text"
    job_id: str
    seq: int
    time: datetime
    chunk_index: int
    segments: list[SegmentDocument]


class RefinementEvent(Document):
    """`event: refinement`. Durable: these segments replace those of the chunks named."""

    type: Literal["refinement"] = "refinement"
    job_id: str
    seq: int
    time: datetime
    number: int
    chunk_indexes: list[int]
    segments: list[SegmentDocument]


class CompletedEvent(Document):
    """`event: completed`. Durable and last: the transcript is there."""

    type: Literal["completed"] = "completed"
    job_id: str
    seq: int
    time: datetime
    language: str
    duration_s: float
    segment_count: int
    cached: bool


class FailedEvent(Document):
    """`event: failed`. Durable and last."""

    type: Literal["failed"] = "failed"
    job_id: str
    seq: int
    time: datetime
    error: JobErrorDocument


class ProgressEvent(Document):
    """`event: progress`. Ephemeral: `seq` is null, and so is the SSE id."""

    type: Literal["progress"] = "progress"
    job_id: str
    seq: None = None
    time: datetime
    progress: ProgressDocument


class PartialEvent(Document):
    """`event: partial`. Ephemeral: what the model says of a chunk before it is final."""

    type: Literal["partial"] = "partial"
    job_id: str
    seq: None = None
    time: datetime
    chunk_index: int
    segments: list[SegmentDocument]


EventDocuments = StateEvent | TextEvent | RefinementEvent | CompletedEvent | FailedEvent | ProgressEvent | PartialEvent


def event_document(event: JobEvent, language: str) -> EventDocuments:
    """An event; errors in this language."""
    shared: dict[str, Any] = {"job_id": event.job_id, "time": time_of_day(event.time_s)}
    durable: dict[str, Any] = {**shared, "seq": event.seq}
    match event.body:
        case StateChanged(state=state):
            return StateEvent(**durable, state=state)
        case ChunkText(chunk_index=index, segments=segments):
            return TextEvent(**durable, chunk_index=index, segments=list(map(segment_document, segments)))
        case Refinement(number=number, chunk_indexes=indexes, segments=segments):
            return RefinementEvent(
                **durable, number=number, chunk_indexes=list(indexes), segments=list(map(segment_document, segments))
            )
        case Completed() as body:
            return CompletedEvent(
                **durable,
                language=body.language,
                duration_s=round(body.duration_s, 3),
                segment_count=body.segment_count,
                cached=body.cached,
            )
        case Failed(error=error):
            return FailedEvent(**durable, error=error_document(error, language))
        case Progress() as progress:
            return ProgressEvent(**shared, progress=progress_document(progress))
        case PartialText(chunk_index=index, segments=segments):
            return PartialEvent(**shared, chunk_index=index, segments=list(map(segment_document, segments)))
        case other:
            assert_never(other)
