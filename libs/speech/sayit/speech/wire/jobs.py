"""Jobs, their options, progress, errors and events."""

from __future__ import annotations

from collections.abc import Mapping, MutableSequence
from dataclasses import asdict
from enum import StrEnum
from typing import Any, assert_never

from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import (
    ChunkText,
    Completed,
    EventBody,
    Failed,
    Job,
    JobError,
    JobEvent,
    JobState,
    PartialText,
    Progress,
    Refinement,
    StateChanged,
)
from sayit.speech.options import AUTO, DECODING, OPTIONS, DecodingOverrides, Options
from sayit.speech.wire.times import duration_to_proto, epoch_s, seconds_of_duration, shortest, timestamp_to_proto
from sayit.speech.wire.transcripts import segment_from_proto, segment_to_proto
from sayit.v1 import resources_pb2 as pb

_STATES = {state: pb.JobState.Value(f"JOB_STATE_{state.name}") for state in JobState}
_STATES_OF_PROTO = {number: state for state, number in _STATES.items()}
_KINDS = {"task": pb.Task, "guard": pb.Guard, "context": pb.Context, "channels": pb.Channels}
#: Members of our enumerations by field and number; number 0, which says nothing, is the field's default.
_MEMBERS: Mapping[str, Mapping[int, StrEnum]] = {
    field: {0: default, **{kind.Value(f"{field}_{member}".upper()): member for member in type(default)}}
    for field, kind in _KINDS.items()
    for default in (getattr(Options(), field),)
}

_OPTIONAL = frozenset(
    field.name
    for message in (pb.TranscriptionOptions, pb.DecodingOverrides)
    for field in message.DESCRIPTOR.fields
    if field.has_presence
)


def options_to_proto(options: Options) -> pb.TranscriptionOptions:
    """Options, valid or not: the server says what is wrong with them."""
    values = {name: getattr(options, name) for name in OPTIONS}
    values |= {field: kind.Value(f"{field}_{values[field]}".upper()) for field, kind in _KINDS.items()}
    decoding = None if options.decoding == DecodingOverrides() else pb.DecodingOverrides(**asdict(options.decoding))
    return pb.TranscriptionOptions(**values, decoding=decoding)


def options_from_proto(message: pb.TranscriptionOptions) -> Options:
    """Options as they came, not normalised; an empty language is AUTO.

    Raises:
        SayItError: INVALID_OPTION for a task, guard, context or use of channels that this version does not know.
    """
    values = {name: _value(message, name) for name in OPTIONS}
    for field, members in _MEMBERS.items():
        if values[field] not in members:
            raise SayItError(ErrorKind.INVALID_OPTION, field=field, reason=f"there is no {field} {values[field]}")
        values[field] = members[values[field]]
    asked = DECODING if message.HasField("decoding") else ()
    decoding = DecodingOverrides(**{name: _value(message.decoding, name) for name in asked})
    return Options(**values | {"language": message.language or AUTO}, decoding=decoding)


def _value(message: Any, name: str) -> Any:
    """A field's value: None where it is absent, a tuple for a list."""
    if name in _OPTIONAL and not message.HasField(name):
        return None
    value = getattr(message, name)
    if isinstance(value, MutableSequence):
        return tuple(shortest(one) if isinstance(one, float) else one for one in value)
    return shortest(value) if isinstance(value, float) else value


def job_state_to_proto(state: JobState) -> pb.JobState.ValueType:
    """A state's number."""
    return _STATES[state]


def job_state_from_proto(number: pb.JobState.ValueType) -> JobState:
    """A number's state.

    Raises:
        SayItError: INVALID_ARGUMENT for the unspecified state and for one this version does not know.
    """
    try:
        return _STATES_OF_PROTO[number]
    except KeyError:
        raise SayItError(ErrorKind.INVALID_ARGUMENT, field="state", reason=f"there is no state {number}") from None


def progress_to_proto(progress: Progress) -> pb.Progress:
    """How far a job is; unknown values stay absent."""
    return pb.Progress(
        audio_done=duration_to_proto(progress.audio_done_s),
        audio_total=None if progress.audio_total_s is None else duration_to_proto(progress.audio_total_s),
        chunks_done=progress.chunks_done,
        chunks_total=progress.chunks_total,
        queue_position=progress.queue_position,
        eta=None if progress.eta_s is None else duration_to_proto(progress.eta_s),
    )


def progress_from_proto(message: pb.Progress) -> Progress:
    """How far a job is; absent values are None."""
    return Progress(
        audio_done_s=seconds_of_duration(message.audio_done),
        audio_total_s=seconds_of_duration(message.audio_total) if message.HasField("audio_total") else None,
        chunks_done=message.chunks_done,
        chunks_total=message.chunks_total if message.HasField("chunks_total") else None,
        queue_position=message.queue_position if message.HasField("queue_position") else None,
        eta_s=seconds_of_duration(message.eta) if message.HasField("eta") else None,
    )


def job_error_to_proto(error: JobError) -> pb.JobError:
    """Why a job failed."""
    return pb.JobError(code=error.code, message_en=error.message_en, message_ko=error.message_ko)


def job_error_from_proto(message: pb.JobError) -> JobError:
    """Why a job failed."""
    return JobError(code=message.code, message_en=message.message_en, message_ko=message.message_ko)


def job_to_proto(job: Job) -> pb.Job:
    """A job."""
    return pb.Job(
        id=job.id,
        state=job_state_to_proto(job.state),
        options=options_to_proto(job.options),
        progress=progress_to_proto(job.progress),
        filename=job.filename,
        create_time=timestamp_to_proto(job.created_at_s),
        start_time=None if job.started_at_s is None else timestamp_to_proto(job.started_at_s),
        finish_time=None if job.finished_at_s is None else timestamp_to_proto(job.finished_at_s),
        expire_time=None if job.expires_at_s is None else timestamp_to_proto(job.expires_at_s),
        error=None if job.error is None else job_error_to_proto(job.error),
        model=job.model,
        cached=job.cached,
        warnings=job.warnings,
        last_seq=job.last_seq,
    )


def job_from_proto(message: pb.Job) -> Job:
    """A job.

    Raises:
        SayItError: INVALID_ARGUMENT for a state this version does not know.
    """
    return Job(
        id=message.id,
        state=job_state_from_proto(message.state),
        options=options_from_proto(message.options),
        progress=progress_from_proto(message.progress),
        filename=message.filename,
        created_at_s=epoch_s(message.create_time),
        started_at_s=epoch_s(message.start_time) if message.HasField("start_time") else None,
        finished_at_s=epoch_s(message.finish_time) if message.HasField("finish_time") else None,
        expires_at_s=epoch_s(message.expire_time) if message.HasField("expire_time") else None,
        error=job_error_from_proto(message.error) if message.HasField("error") else None,
        model=message.model,
        cached=message.cached,
        warnings=tuple(message.warnings),
        last_seq=message.last_seq,
    )


def event_to_proto(event: JobEvent) -> pb.JobEvent:
    """An event."""
    message = pb.JobEvent(job_id=event.job_id, seq=event.seq, time=timestamp_to_proto(event.time_s))
    match event.body:
        case StateChanged(state=state):
            message.state_changed.CopyFrom(pb.StateChanged(state=job_state_to_proto(state)))
        case ChunkText(chunk_index=index, segments=segments):
            message.chunk_text.CopyFrom(pb.ChunkText(chunk_index=index, segments=map(segment_to_proto, segments)))
        case PartialText(chunk_index=index, segments=segments):
            message.partial_text.CopyFrom(pb.PartialText(chunk_index=index, segments=map(segment_to_proto, segments)))
        case Refinement(number=number, chunk_indexes=indexes, segments=segments):
            message.refinement.CopyFrom(
                pb.Refinement(number=number, chunk_indexes=indexes, segments=map(segment_to_proto, segments))
            )
        case Completed() as body:
            message.completed.CopyFrom(
                pb.Completed(
                    language=body.language,
                    duration=duration_to_proto(body.duration_s),
                    segment_count=body.segment_count,
                    cached=body.cached,
                )
            )
        case Failed(error=error):
            message.failed.CopyFrom(pb.Failed(error=job_error_to_proto(error)))
        case Progress() as progress:
            message.progress.CopyFrom(progress_to_proto(progress))
        case other:
            assert_never(other)
    return message


def event_from_proto(message: pb.JobEvent) -> JobEvent:
    """An event.

    Raises:
        SayItError: INVALID_ARGUMENT for an event this version does not know (readers of a newer server skip it).
    """
    return JobEvent(
        job_id=message.job_id, seq=message.seq, time_s=epoch_s(message.time), body=_body_from_proto(message)
    )


def is_last(message: pb.JobEvent) -> bool:
    """Whether the job has ended with this event."""
    which = message.WhichOneof("event")
    cancelled = which == "state_changed" and message.state_changed.state == pb.JOB_STATE_CANCELLED
    return cancelled or which in {"completed", "failed"}


def _body_from_proto(message: pb.JobEvent) -> EventBody:
    match message.WhichOneof("event"):
        case "state_changed":
            return StateChanged(state=job_state_from_proto(message.state_changed.state))
        case "chunk_text":
            text = message.chunk_text
            return ChunkText(chunk_index=text.chunk_index, segments=tuple(map(segment_from_proto, text.segments)))
        case "partial_text":
            partial = message.partial_text
            return PartialText(
                chunk_index=partial.chunk_index, segments=tuple(map(segment_from_proto, partial.segments))
            )
        case "refinement":
            refinement = message.refinement
            return Refinement(
                number=refinement.number,
                chunk_indexes=tuple(refinement.chunk_indexes),
                segments=tuple(map(segment_from_proto, refinement.segments)),
            )
        case "completed":
            completed = message.completed
            return Completed(
                language=completed.language,
                duration_s=seconds_of_duration(completed.duration),
                segment_count=completed.segment_count,
                cached=completed.cached,
            )
        case "failed":
            return Failed(error=job_error_from_proto(message.failed.error))
        case "progress":
            return progress_from_proto(message.progress)
        case _:
            raise SayItError(ErrorKind.INVALID_ARGUMENT, field="event", reason="an event without a known body")
