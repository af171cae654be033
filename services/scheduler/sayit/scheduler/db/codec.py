"""Rows to records and back. Nested values are JSON (options, spans) or public protobuf messages (texts, events)."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter

from sayit.scheduler.jobs.channels import ChannelSpeech, output_of_channel
from sayit.scheduler.jobs.chunk_overrides import NO_OVERRIDES, ChunkOverrides
from sayit.scheduler.jobs.records import ChunkOutput, ChunkState, Claim, DoneChunk, Hints, JobRecord, NewChunk
from sayit.scheduler.jobs.redecodes import REDECODE_NUMBERS, Redecode, RedecodeRequest
from sayit.speech import wire
from sayit.speech.corrections import Corrections
from sayit.speech.jobs import EventBody, JobEvent, JobState
from sayit.speech.options import Options
from sayit.v1 import resources_pb2 as pb

Row = Any
_OPTIONS = TypeAdapter(Options)
_OVERRIDES = TypeAdapter(ChunkOverrides)
#: Columns that a record's field of the same name fills as it is: when a job is accepted, and of a chunk.
_AT_FIRST = ("id", "tenant", "key_id", "upload_id", "filename", "model", "created_s", "traceparent", "callback_url")
_OF_CHUNK = (
    *("start_sample", "end_sample", "hard_start", "hard_end", "object_key"),
    *("interactive", "channel", "cache_key"),
)
#: Beside the stored options: what a vocabulary was put in front of.
_SENT = "sent_hints"


def job_values(job: JobRecord) -> dict[str, object]:
    """A new job's columns."""
    return {
        **{name: getattr(job, name) for name in _AT_FIRST},
        "options": options_text(job),
        "state": job.state.value,
        "idempotency_key": job.idempotency_key or None,
        "labels": labels_text(job.labels),
    }


def options_text(job: JobRecord) -> str:
    """A job's options as decoded, and what was sent where that differs."""
    sent = {} if job.sent is None else {_SENT: asdict(job.sent)}
    return json.dumps({**asdict(job.options), **sent}, ensure_ascii=False)


def job_of(row: Row) -> JobRecord:
    """A job's record, from its columns of the same names (`jobs.BRIEF`)."""
    return JobRecord(
        **{
            **row._asdict(),
            "options": options_of(row.options),
            "sent": _hints_of(row.options),
            "state": JobState(row.state),
            "idempotency_key": row.idempotency_key or "",
            "error_details": json.loads(row.error_details),
            "warnings": tuple(json.loads(row.warnings)),
            "labels": labels_of(row.labels),
        }
    )


def labels_text(labels: Mapping[str, str]) -> str:
    """Labels to store; their names have no "=", and neither has a line break."""
    return "".join(f"\n{name}={value}\n" for name, value in labels.items())


def labels_of(text: str) -> dict[str, str]:
    """Stored labels."""
    return dict(line.split("=", 1) for line in text.splitlines() if line)


def chunk_values(job: Row, chunk: NewChunk, waiting: ChunkState, now_s: float) -> dict[str, object]:
    """A new chunk's columns; one that has no text yet waits in this state."""
    whole = ((chunk.start_sample, chunk.end_sample),)
    return {
        **{name: getattr(chunk, name) for name in _OF_CHUNK},
        "id": f"{job.id}-{chunk.index}",
        "job_id": job.id,
        "tenant": job.tenant,
        "model": job.model,
        "state": (waiting if chunk.output is None else ChunkState.DONE).value,
        "due_s": now_s,
        "number": chunk.index,
        "samples": chunk.samples,
        "pieces": "" if chunk.pieces == whole else json.dumps(chunk.pieces, separators=(",", ":")),
        "look": chunk.redecode_kind,
        "decoding": overrides_text(chunk.overrides),
        "output": None if chunk.output is None else output_bytes(chunk.output),
    }


def claim_of(chunk: Row, options: str, traceparent: str, transcriber_id: str) -> Claim:
    """The claim that a chunk's row stands for."""
    return Claim(
        **_place_of(chunk),
        **{name: getattr(chunk, name) for name in ("attempt", "job_id", "tenant", "interactive", "cache_key")},
        chunk_id=chunk.id,
        object_key=chunk.object_key,
        options=options_of(options),
        alone=chunk.crashes > 0,
        traceparent=traceparent,
        redecode_kind=chunk.look,
        overrides=overrides_of(chunk.decoding),
        transcriber_id=transcriber_id,
    )


def done_chunk_of(row: Row) -> DoneChunk:
    """A finished chunk's record."""
    output = output_of_channel(output_of(row.output), row.channel)
    return DoneChunk(**_place_of(row), object_key=row.object_key, output=output)


def _place_of(row: Row) -> dict[str, Any]:
    pieces = tuple((start, end) for start, end in json.loads(row.pieces)) if row.pieces else None
    same = ("start_sample", "end_sample", "hard_start", "hard_end", "channel")
    return {
        **{name: getattr(row, name) for name in same},
        "index": row.number,
        "pieces": pieces or ((row.start_sample, row.end_sample),),
    }


def _hints_of(text: str) -> Hints | None:
    if _SENT not in text:  # most jobs name no vocabulary, and lists of jobs are long
        return None
    sent = json.loads(text).get(_SENT)
    return None if sent is None else Hints(**sent)


def options_of(text: str) -> Options:
    """Stored options. A field that this version no longer knows is dropped; a new one has its default."""
    return _OPTIONS.validate_json(text)


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


def changes_bytes(changes: Corrections) -> bytes:
    """What a version of a transcript changed, to store."""
    return wire.corrections_to_proto(changes).SerializeToString()


def changes_of(data: bytes) -> Corrections:
    """What a stored version changed."""
    return wire.corrections_from_proto(pb.Corrections.FromString(data))


def event_bytes(job_id: str, body: EventBody, *, seq: int = 0) -> bytes:
    """An event that happens now, as it is stored, published and sent; durable ones have a number from 1."""
    event = JobEvent(job_id=job_id, seq=seq, time_s=time.time(), body=body)
    return wire.event_to_proto(event).SerializeToString()
