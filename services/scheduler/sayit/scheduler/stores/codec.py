"""Rows to records and back. What is nested is JSON (options, spans) or a public protobuf message (texts, events)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sayit.scheduler.job.records import ChunkOutput, Claim, DoneChunk, JobRecord, UploadRecord
from sayit.speech import wire
from sayit.speech.jobs import EventBody, JobEvent, JobState
from sayit.speech.options import Options, Task
from sayit.speech.transcript import Coverage, Transcript, Usage
from sayit.v1 import resources_pb2 as pb

Row = Any


def job_values(job: JobRecord) -> dict[str, object]:
    """A new job's columns."""
    return {
        "id": job.id,
        "tenant": job.tenant,
        "key_id": job.key_id,
        "upload_id": job.upload_id,
        "filename": job.filename,
        "options": json.dumps(asdict(job.options), ensure_ascii=False),
        "model": job.model,
        "state": job.state.value,
        "idempotency_key": job.idempotency_key or None,
        "created_s": job.created_s,
        "traceparent": job.traceparent,
    }


def job_of(row: Row) -> JobRecord:
    """A job's record."""
    return JobRecord(
        id=row.id,
        tenant=row.tenant,
        key_id=row.key_id,
        upload_id=row.upload_id,
        filename=row.filename,
        options=options_of(row.options),
        model=row.model,
        state=JobState(row.state),
        idempotency_key=row.idempotency_key or "",
        created_s=row.created_s,
        started_s=row.started_s,
        finished_s=row.finished_s,
        expires_s=row.expires_s,
        error_code=row.error_code,
        error_details=json.loads(row.error_details),
        cached=bool(row.cached),
        warnings=tuple(json.loads(row.warnings)),
        last_seq=row.last_seq,
        samples_total=row.samples_total,
        samples_declared=row.samples_declared,
        samples_scanned=row.samples_scanned,
        samples_chunked=row.samples_chunked,
        samples_done=row.samples_done,
        chunks_total=row.chunks_total,
        chunks_done=row.chunks_done,
        cache_key=row.cache_key,
        traceparent=row.traceparent,
        prepare_attempts=row.prepare_attempts,
    )


def upload_of(row: Row) -> UploadRecord:
    """An upload's record."""
    return UploadRecord(
        id=row.id,
        tenant=row.tenant,
        key_id=row.key_id,
        filename=row.filename,
        size=row.size,
        received=row.received,
        created_s=row.created_s,
        expires_s=row.expires_s,
    )


def claim_of(chunk: Row, options: str, traceparent: str) -> Claim:
    """The claim that a chunk's row stands for."""
    return Claim(
        chunk_id=chunk.id,
        attempt=chunk.attempt,
        job_id=chunk.job_id,
        tenant=chunk.tenant,
        index=chunk.number,
        options=options_of(options),
        object_key=chunk.object_key,
        start_sample=chunk.start_sample,
        end_sample=chunk.end_sample,
        hard_start=bool(chunk.hard_start),
        hard_end=bool(chunk.hard_end),
        interactive=bool(chunk.interactive),
        alone=chunk.crashes > 0,
        traceparent=traceparent,
    )


def options_of(text: str) -> Options:
    """Stored options. A field that this version no longer knows is dropped; a new one has its default."""
    values: dict[str, Any] = json.loads(text)
    known = {name: value for name, value in values.items() if name in Options.__dataclass_fields__}
    return Options(**{**known, "task": Task(known.get("task", Task.TRANSCRIBE))})


def spans_of(text: str) -> tuple[tuple[int, int], ...]:
    """Stored spans."""
    return tuple((start, end) for start, end in json.loads(text))


def spans_text(spans: Sequence[tuple[int, int]]) -> str:
    """Spans to store."""
    return json.dumps([list(span) for span in spans], separators=(",", ":"))


def output_bytes(output: ChunkOutput) -> bytes:
    """A chunk's text to store: a public Transcript message, whose evolution protobuf takes care of."""
    message = wire.transcript_to_proto(
        Transcript(
            segments=output.segments,
            language=output.language,
            language_probability=output.language_probability,
            duration_s=0.0,
            coverage=Coverage(speech_detected_s=0.0, speech_transcribed_s=0.0),
            usage=Usage(audio_s=0.0, compute_s=output.compute_s),
            model="",
            preset="",
            suppressed=output.suppressed,
        )
    )
    return message.SerializeToString()


def done_chunk_of(row: Row) -> DoneChunk:
    """A finished chunk's record."""
    return DoneChunk(
        index=row.number,
        start_sample=row.start_sample,
        end_sample=row.end_sample,
        hard_start=bool(row.hard_start),
        hard_end=bool(row.hard_end),
        output=output_of(row.output),
    )


def output_of(data: bytes) -> ChunkOutput:
    """A stored chunk's text."""
    transcript = wire.transcript_from_proto(pb.Transcript.FromString(data))
    return ChunkOutput(
        segments=transcript.segments,
        language=transcript.language,
        language_probability=transcript.language_probability,
        suppressed=transcript.suppressed,
        compute_s=transcript.usage.compute_s,
    )


def event_bytes(event: JobEvent) -> bytes:
    """An event to store and to publish."""
    return wire.event_to_proto(event).SerializeToString()


def event_of(data: bytes) -> JobEvent:
    """A stored or published event."""
    return wire.event_from_proto(pb.JobEvent.FromString(data))


def numbered(job_id: str, first_seq: int, bodies: Sequence[EventBody], time_s: float) -> tuple[JobEvent, ...]:
    """Durable events with their numbers."""
    return tuple(JobEvent(job_id=job_id, seq=first_seq + i, time_s=time_s, body=body) for i, body in enumerate(bodies))
