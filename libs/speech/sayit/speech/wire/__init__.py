"""Every value that leaves a process, to and from its public protobuf message.

`X_to_proto(value) -> message` and `X_from_proto(message) -> value`. Times are rounded to nanoseconds and 32-bit floats
come back as the shortest decimal that means the same float, so a value that went there and back compares equal to what
a person wrote down. What is read from a newer version's message may raise SayItError INVALID_ARGUMENT, for options
INVALID_OPTION: a state, or an option's value, that this version does not know.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from sayit.speech.api_keys import ApiKey
from sayit.speech.corrections import Corrections, TranscriptVersion
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import (
    ChunkText,
    Completed,
    Failed,
    Job,
    JobEvent,
    JobState,
    PartialText,
    Progress,
    Refinement,
    StateChanged,
)
from sayit.speech.options import Options
from sayit.speech.rendering import Format, SubtitleStyle
from sayit.speech.share_links import SharedRecording, ShareLink
from sayit.speech.system import Model, SystemStatus
from sayit.speech.transcript import Segment, Suppressed, Transcript
from sayit.speech.vocabularies import Vocabulary
from sayit.speech.wire import errors, times
from sayit.speech.wire.codec import Codec
from sayit.v1 import key_service_pb2 as key_pb
from sayit.v1 import resources_pb2 as pb
from sayit.v1 import share_service_pb2 as share_pb
from sayit.v1 import system_service_pb2 as system_pb
from sayit.v1 import transcription_service_pb2 as service_pb
from sayit.v1 import vocabulary_service_pb2 as vocabulary_pb

#: Most segments in one part.
PART_SEGMENTS = 200
#: Most bytes of segments in one part, far below gRPC's usual 4 MiB; a single larger segment travels alone.
PART_BYTES = 512 * 1024

duration_to_proto, seconds_of_duration = times.duration_to_proto, times.seconds_of_duration
timestamp_to_proto, epoch_s = times.timestamp_to_proto, times.epoch_s
error_of_status, kind_of_rpc_code = errors.error_of_status, errors.kind_of_rpc_code

#: How subtitles are cut, valid or not.
style_to_proto, style_from_proto = Codec(SubtitleStyle, service_pb.SubtitleStyle).both_ways
#: Options, valid or not: the server says what is wrong with them. They come as they were sent, not normalised.
options_to_proto, options_from_proto = Codec(
    Options, pb.TranscriptionOptions, unknown=ErrorKind.INVALID_OPTION
).both_ways
job_to_proto, job_from_proto = Codec(Job, pb.Job).both_ways
segment_to_proto, segment_from_proto = Codec(Segment, pb.Segment).both_ways
suppressed_to_proto, suppressed_from_proto = Codec(Suppressed, pb.Suppressed).both_ways
#: A whole transcript in one message, for storage: it may be too large to send, `transcript_parts` never is.
transcript_to_proto, transcript_from_proto = Codec(Transcript, pb.Transcript).both_ways
corrections_to_proto, corrections_from_proto = Codec(Corrections, pb.Corrections).both_ways
version_to_proto, version_from_proto = Codec(TranscriptVersion, pb.TranscriptVersion).both_ways
model_to_proto, model_from_proto = Codec(Model, pb.Model).both_ways
status_to_proto, status_from_proto = Codec(SystemStatus, system_pb.Status).both_ways
vocabulary_to_proto, vocabulary_from_proto = Codec(Vocabulary, vocabulary_pb.Vocabulary).both_ways
key_to_proto, key_from_proto = Codec(ApiKey, key_pb.ApiKey).both_ways
link_to_proto, link_from_proto = Codec(ShareLink, share_pb.ShareLink).both_ways
shared_to_proto, shared_from_proto = Codec(SharedRecording, share_pb.SharedRecording).both_ways

_state = Codec(StateChanged, pb.StateChanged)
#: What an event can say, by the names of the message's fields.
_BODIES: dict[str, Codec[Any, Any]] = {
    "state_changed": _state,
    "chunk_text": Codec(ChunkText, pb.ChunkText),
    "partial_text": Codec(PartialText, pb.PartialText),
    "refinement": Codec(Refinement, pb.Refinement),
    "completed": Codec(Completed, pb.Completed),
    "failed": Codec(Failed, pb.Failed),
    "progress": Codec(Progress, pb.Progress),
}
_NAMES = {codec.value: name for name, codec in _BODIES.items()}
_FORMATS = {
    Format.TXT: service_pb.TRANSCRIPT_FORMAT_TEXT,
    Format.TIMED_TXT: service_pb.TRANSCRIPT_FORMAT_TIMED_TEXT,
    Format.JSON: service_pb.TRANSCRIPT_FORMAT_JSON,
    Format.SRT: service_pb.TRANSCRIPT_FORMAT_SRT,
    Format.VTT: service_pb.TRANSCRIPT_FORMAT_VTT,
    Format.TSV: service_pb.TRANSCRIPT_FORMAT_TSV,
    Format.ASS: service_pb.TRANSCRIPT_FORMAT_ASS,
    Format.TTML: service_pb.TRANSCRIPT_FORMAT_TTML,
    Format.MD: service_pb.TRANSCRIPT_FORMAT_MARKDOWN,
    Format.DOCX: service_pb.TRANSCRIPT_FORMAT_DOCX,
    Format.PDF: service_pb.TRANSCRIPT_FORMAT_PDF,
}
_FORMATS_OF_PROTO = {number: form for form, number in _FORMATS.items()}


def job_state_to_proto(state: JobState) -> pb.JobState.ValueType:
    """A state's number."""
    return _state.to_proto(StateChanged(state=state)).state


def job_state_from_proto(number: pb.JobState.ValueType) -> JobState:
    """A number's state; the unspecified one is unknown, too."""
    return _state.from_proto(pb.StateChanged(state=number)).state


def format_to_proto(form: Format) -> service_pb.TranscriptFormat.ValueType:
    """A form's number."""
    return _FORMATS[form]


def format_from_proto(number: service_pb.TranscriptFormat.ValueType) -> Format | None:
    """A number's form; None for the unspecified one, which is the Transcript message itself in parts."""
    if number != service_pb.TRANSCRIPT_FORMAT_UNSPECIFIED and number not in _FORMATS_OF_PROTO:
        raise SayItError(ErrorKind.INVALID_ARGUMENT, field="format", reason=f"there is no format {number}")
    return _FORMATS_OF_PROTO.get(number)


def event_to_proto(event: JobEvent) -> pb.JobEvent:
    """An event."""
    message = pb.JobEvent(job_id=event.job_id, seq=event.seq, time=timestamp_to_proto(event.time_s))
    name = _NAMES[type(event.body)]
    getattr(message, name).CopyFrom(_BODIES[name].to_proto(event.body))
    return message


def event_from_proto(message: pb.JobEvent) -> JobEvent:
    """An event; readers of a newer server skip one that they do not know."""
    name = message.WhichOneof("event")
    if name is None:
        raise SayItError(ErrorKind.INVALID_ARGUMENT, field="event", reason="an event without a known body")
    body = _BODIES[name].from_proto(getattr(message, name))
    return JobEvent(job_id=message.job_id, seq=message.seq, time_s=epoch_s(message.time), body=body)


def is_last(message: pb.JobEvent) -> bool:
    """Whether the job has ended with this event."""
    which = message.WhichOneof("event")
    cancelled = which == "state_changed" and message.state_changed.state == pb.JOB_STATE_CANCELLED
    return cancelled or which in {"completed", "failed"}


def transcript_parts(transcript: Transcript) -> Iterator[service_pb.GetTranscriptResponse]:
    """A transcript as GetTranscript streams it: the header, then the segments in parts of at most PART_SEGMENTS."""
    yield service_pb.GetTranscriptResponse(header=transcript_to_proto(replace(transcript, segments=())))
    batch = service_pb.SegmentBatch()
    size = 0
    for segment in map(segment_to_proto, transcript.segments):
        more = segment.ByteSize()
        if batch.segments and (len(batch.segments) == PART_SEGMENTS or size + more > PART_BYTES):
            yield service_pb.GetTranscriptResponse(segments=batch)
            batch, size = service_pb.SegmentBatch(), 0
        batch.segments.append(segment)
        size += more
    if batch.segments:
        yield service_pb.GetTranscriptResponse(segments=batch)


def transcript_of_parts(parts: Iterable[service_pb.GetTranscriptResponse]) -> Transcript:
    """The transcript that came in parts; as `message_of_parts`."""
    return transcript_from_proto(message_of_parts(parts))


def message_of_parts(parts: Iterable[service_pb.GetTranscriptResponse]) -> pb.Transcript:
    """The message of a transcript that came in parts.

    Raises:
        SayItError: INVALID_ARGUMENT if the first part is not the header, or a later one is not segments.
    """
    whole: pb.Transcript | None = None
    for part in parts:
        match part.WhichOneof("part"):
            case "header" if whole is None:
                whole = pb.Transcript()
                whole.CopyFrom(part.header)
            case "segments" if whole is not None:
                whole.segments.extend(part.segments.segments)
            case other:
                raise SayItError(ErrorKind.INVALID_ARGUMENT, reason=f"a transcript part out of order: {other}")
    if whole is None:
        raise SayItError(ErrorKind.INVALID_ARGUMENT, reason="a transcript without its header")
    return whole
