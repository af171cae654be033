"""Assignments and outputs, from and to the messages of the private chunk service."""

from __future__ import annotations

from sayit.internal.v1 import chunk_service_pb2 as pb
from sayit.speech.errors import SayItError
from sayit.speech.options import DecodeOptions
from sayit.speech.wire import duration_to_proto, segment_to_proto, suppressed_to_proto
from sayit.speech.wire.codec import Codec
from sayit.transcriber.engine.result import DecodedChunk

#: Longest text of an engine error that is passed on, in characters.
_DETAIL_CHARS = 500

#: The options of an assignment.
decode_options_from_proto = Codec(DecodeOptions, pb.DecodeOptions).from_proto


def chunk_output_to_proto(text: DecodedChunk) -> pb.ChunkOutput:
    """The engine's text as a message; times stay relative to the chunk."""
    unlisted, probability = text.unlisted or ("", 0.0)
    return pb.ChunkOutput(
        segments=[segment_to_proto(segment) for segment in text.segments],
        language=text.language,
        language_probability=text.language_probability,
        suppressed=[suppressed_to_proto(suppressed) for suppressed in text.suppressed],
        compute=duration_to_proto(text.compute_s),
        windows=text.windows,
        unlisted_language=unlisted,
        unlisted_probability=probability,
    )


def chunk_failure(error: BaseException) -> pb.ChunkFailure:
    """What the engine met, as a message."""
    cause = error.cause if isinstance(error, SayItError) else f"{type(error).__name__}: {error}"
    failure = pb.ChunkFailure(detail=cause[:_DETAIL_CHARS])
    if isinstance(error, SayItError) and error.field:  # the request is at fault: no other attempt can help
        failure.code = error.code
        failure.details.update(error.details)
    return failure
