"""Every value that leaves a process, to and from its public protobuf message.

One pair of functions per value, `X_to_proto(value) -> message` and `X_from_proto(message) -> value`. Times are rounded
to nanoseconds and 32-bit floats come back as the shortest decimal that means the same float, so a value that went there
and back compares equal to what a person wrote down.
"""

from sayit.speech.wire.errors import error_of_status, kind_of_rpc_code
from sayit.speech.wire.formats import format_from_proto, format_to_proto
from sayit.speech.wire.jobs import (
    event_from_proto,
    event_to_proto,
    is_last,
    job_error_from_proto,
    job_error_to_proto,
    job_from_proto,
    job_state_from_proto,
    job_state_to_proto,
    job_to_proto,
    options_from_proto,
    options_to_proto,
    progress_from_proto,
    progress_to_proto,
)
from sayit.speech.wire.system import (
    model_from_proto,
    model_to_proto,
    status_from_proto,
    status_to_proto,
)
from sayit.speech.wire.times import duration_to_proto, epoch_s, seconds_of_duration, timestamp_to_proto
from sayit.speech.wire.transcripts import (
    coverage_from_proto,
    coverage_to_proto,
    segment_from_proto,
    segment_to_proto,
    span_from_proto,
    span_to_proto,
    suppressed_from_proto,
    suppressed_to_proto,
    transcript_from_proto,
    transcript_of_parts,
    transcript_parts,
    transcript_to_proto,
    usage_from_proto,
    usage_to_proto,
    word_from_proto,
    word_to_proto,
)
from sayit.speech.wire.vocabularies import vocabulary_from_proto, vocabulary_to_proto

__all__ = [
    "coverage_from_proto",
    "coverage_to_proto",
    "duration_to_proto",
    "epoch_s",
    "error_of_status",
    "event_from_proto",
    "event_to_proto",
    "format_from_proto",
    "format_to_proto",
    "is_last",
    "job_error_from_proto",
    "job_error_to_proto",
    "job_from_proto",
    "job_state_from_proto",
    "job_state_to_proto",
    "job_to_proto",
    "kind_of_rpc_code",
    "model_from_proto",
    "model_to_proto",
    "options_from_proto",
    "options_to_proto",
    "progress_from_proto",
    "progress_to_proto",
    "seconds_of_duration",
    "segment_from_proto",
    "segment_to_proto",
    "span_from_proto",
    "span_to_proto",
    "status_from_proto",
    "status_to_proto",
    "suppressed_from_proto",
    "suppressed_to_proto",
    "timestamp_to_proto",
    "transcript_from_proto",
    "transcript_of_parts",
    "transcript_parts",
    "transcript_to_proto",
    "usage_from_proto",
    "usage_to_proto",
    "vocabulary_from_proto",
    "vocabulary_to_proto",
    "word_from_proto",
    "word_to_proto",
]
