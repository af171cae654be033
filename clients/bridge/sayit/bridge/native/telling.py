"""Events of a job as JSON documents."""

from __future__ import annotations

from typing import Any, assert_never

from sayit.bridge.documents import (
    CompletedEvent,
    FailedEvent,
    PartialEvent,
    ProgressEvent,
    RefinementEvent,
    StateEvent,
    TextEvent,
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
    PartialText,
    Progress,
    Refinement,
    StateChanged,
)

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
