"""Rows to records and back. Nested values are JSON (options, spans) or public protobuf messages (texts, events)."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter

from sayit.scheduler.jobs.channels import ChannelSpeech, output_of_channel
from sayit.scheduler.jobs.chunk_overrides import NO_OVERRIDES, ChunkOverrides
from sayit.scheduler.jobs.records import ChunkOutput, Claim, DoneChunk, Hints, JobRecord, UploadRecord
from sayit.scheduler.jobs.redecodes import REDECODE_NUMBERS, Redecode, RedecodeRequest
from sayit.speech import wire
from sayit.speech.jobs import JobState
from sayit.speech.options import Options
from sayit.v1 import resources_pb2 as pb

Row = Any
_OPTIONS = TypeAdapter(Options)
_OVERRIDES = TypeAdapter(ChunkOverrides)
#: Beside the stored options: what a vocabulary was put in front of.
_SENT = "sent_hints"


def job_values(job: JobRecord) -> dict[str, object]:
    """A new job's columns."""
    return {
        "id": job.id,
        "tenant": job.tenant,
        "key_id": job.key_id,
        "upload_id": job.upload_id,
        "filename": job.filename,
        "options": _options_text(job),
        "model": job.model,
        "state": job.state.value,
        "idempotency_key": job.idempotency_key or None,
        "created_s": job.created_s,
        "traceparent": job.traceparent,
        "labels": labels_text(job.labels),
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
        sent=_hints_of(row.options),
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
        channels=row.channels,
        samples_chunked=row.samples_chunked,
        samples_done=row.samples_done,
        chunks_total=row.chunks_total,
        chunks_done=row.chunks_done,
        cache_key=row.cache_key,
        traceparent=row.traceparent,
        prepare_attempts=row.prepare_attempts,
        labels=dict(line.split("=", 1) for line in row.labels.splitlines() if line),
    )


def labels_text(labels: Mapping[str, str]) -> str:
    """Labels to store; their names have no "=", and neither has a line break."""
    return "".join(f"\n{name}={value}\n" for name, value in labels.items())


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


def claim_of(chunk: Row, options: str, traceparent: str, transcriber_id: str) -> Claim:
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
        pieces=pieces_of(chunk),
        redecode_kind=chunk.look,
        overrides=overrides_of(chunk.decoding),
        channel=chunk.channel,
        cache_key=chunk.cache_key,
        transcriber_id=transcriber_id,
    )


def _options_text(job: JobRecord) -> str:
    """Options to store: as decoded, and beside them what was sent where that differs."""
    sent = {} if job.sent is None else {_SENT: asdict(job.sent)}
    return json.dumps({**asdict(job.options), **sent}, ensure_ascii=False)


def _hints_of(text: str) -> Hints | None:
    if _SENT not in text:  # most jobs name no vocabulary, and lists of jobs are long
        return None
    sent = json.loads(text).get(_SENT)
    return None if sent is None else Hints(**sent)


def options_of(text: str) -> Options:
    """Stored options. A field that this version no longer knows is dropped; a new one has its default."""
    return _OPTIONS.validate_json(text)


def pieces_of(row: Row) -> tuple[tuple[int, int], ...]:
    """The stretches of the recording that a chunk's audio is made of."""
    return spans_of(row.pieces) if row.pieces else ((row.start_sample, row.end_sample),)


def spans_of(text: str) -> tuple[tuple[int, int], ...]:
    """Stored spans."""
    return tuple((start, end) for start, end in json.loads(text))


def spans_text(spans: Sequence[tuple[int, int]]) -> str:
    """Spans to store."""
    return json.dumps([list(span) for span in spans], separators=(",", ":"))


def speech_of(text: str) -> tuple[ChannelSpeech, ...]:
    """Stored speech: a list of spans for a mixed recording, an object by channel else."""
    stored: Any = json.loads(text)
    channels: dict[str, Any] = {"0": {"spans": stored, "levels": ""}} if isinstance(stored, list) else stored
    return tuple(
        ChannelSpeech(
            channel=int(number),
            spans=tuple((start, end) for start, end in of["spans"]),
            levels=base64.b64decode(of["levels"]),
        )
        for number, of in channels.items()
    )


def speech_text(speech: Sequence[ChannelSpeech]) -> str:
    """Speech to store."""
    stored: object = {
        str(one.channel): {"spans": one.spans, "levels": base64.b64encode(one.levels).decode("ascii")} for one in speech
    }
    if all(one.channel == 0 for one in speech):
        stored = [span for one in speech for span in one.spans]
    return json.dumps(stored, separators=(",", ":"))


def output_bytes(output: ChunkOutput) -> bytes:
    """A chunk's text to store: a public Transcript message, whose evolution protobuf takes care of."""
    return pb.Transcript(
        segments=map(wire.segment_to_proto, output.segments),
        language=output.language,
        language_probability=output.language_probability,
        usage=pb.Usage(compute=wire.duration_to_proto(output.compute_s)),
        suppressed=map(wire.suppressed_to_proto, output.suppressed),
    ).SerializeToString()


def done_chunk_of(row: Row) -> DoneChunk:
    """A finished chunk's record."""
    return DoneChunk(
        index=row.number,
        start_sample=row.start_sample,
        end_sample=row.end_sample,
        hard_start=bool(row.hard_start),
        hard_end=bool(row.hard_end),
        object_key=row.object_key,
        output=output_of_channel(output_of(row.output), row.channel),
        pieces=pieces_of(row),
        channel=row.channel,
    )


def redecode_of(row: Row) -> Redecode:
    """A re-decode's record."""
    return Redecode(
        request=RedecodeRequest(
            kind=row.look,
            start_sample=row.start_sample,
            end_sample=row.end_sample,
            overrides=overrides_of(row.decoding),
            channel=row.channel,
        ),
        round=row.number // REDECODE_NUMBERS,
        output=None if row.output is None else output_of_channel(output_of(row.output), row.channel),
    )


def overrides_text(overrides: ChunkOverrides) -> str:
    """Changes to store: those that change something; empty for none."""
    plain = asdict(NO_OVERRIDES)
    given = {name: value for name, value in asdict(overrides).items() if value != plain[name]}
    return json.dumps(given, ensure_ascii=False) if given else ""


def overrides_of(text: str) -> ChunkOverrides:
    """Stored changes. One that this version does not know is dropped."""
    return _OVERRIDES.validate_json(text) if text else NO_OVERRIDES


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
