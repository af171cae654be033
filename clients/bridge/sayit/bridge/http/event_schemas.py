"""Events of a job as JSON documents."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict

from sayit.bridge.http.documents import Document, JobErrorDocument, ProgressDocument, Seconds, Segments, error_document
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


class _Event(Document):
    """What all events say."""

    # A generator tells events apart by `type`, which so has to be required.
    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_serialization_defaults_required=True)

    type: str
    job_id: str
    seq: int | None
    time: datetime


class _Durable(_Event):
    seq: int


class _Ephemeral(_Event):
    seq: int | None = None  # always null; generators have no type for that alone


class StateEvent(_Durable):
    """`event: state`. Durable: the job entered a state."""

    type: Literal["state"] = "state"
    state: JobState


class TextEvent(_Durable):
    """`event: text`. Durable: the final text of one chunk; chunks finish in any order."""

    type: Literal["text"] = "text"
    chunk_index: int
    segments: Segments


class RefinementEvent(_Durable):
    """`event: refinement`. Durable: these segments replace those of the chunks named."""

    type: Literal["refinement"] = "refinement"
    number: int
    chunk_indexes: list[int]
    segments: Segments


class CompletedEvent(_Durable):
    """`event: completed`. Durable and last: the transcript is there."""

    type: Literal["completed"] = "completed"
    language: str
    duration_s: Seconds
    segment_count: int
    cached: bool


class FailedEvent(_Durable):
    """`event: failed`. Durable and last."""

    type: Literal["failed"] = "failed"
    error: JobErrorDocument


class ProgressEvent(_Ephemeral):
    """`event: progress`. Ephemeral: `seq` is null, and so is the SSE id."""

    type: Literal["progress"] = "progress"
    progress: ProgressDocument


class PartialEvent(_Ephemeral):
    """`event: partial`. Ephemeral: what the model says of a chunk before it is final."""

    type: Literal["partial"] = "partial"
    chunk_index: int
    segments: Segments


EventDocuments = StateEvent | TextEvent | RefinementEvent | CompletedEvent | FailedEvent | ProgressEvent | PartialEvent


#: The document of each body whose fields are copied unchanged.
DOCUMENTS: Mapping[type, type[_Event]] = {
    StateChanged: StateEvent,
    ChunkText: TextEvent,
    Refinement: RefinementEvent,
    Completed: CompletedEvent,
    PartialText: PartialEvent,
}


def event_document(event: JobEvent, language: str) -> _Event:
    """An event; errors in this language."""
    said: dict[str, Any] = {"job_id": event.job_id, "time": event.time_s, "seq": event.seq or None}
    match event.body:
        case Failed(error=error):
            return FailedEvent(**said, error=error_document(error, language))
        case Progress() as progress:
            return ProgressEvent(**said, progress=progress)
        case body:
            return DOCUMENTS[type(body)](**said, **vars(body))
