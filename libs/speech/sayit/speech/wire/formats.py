"""The forms of a rendered transcript, as GetTranscript asks for them."""

from __future__ import annotations

from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.rendering import Format
from sayit.v1 import transcription_service_pb2 as service_pb

_FORMATS = {
    Format.TXT: service_pb.TRANSCRIPT_FORMAT_TEXT,
    Format.TIMED_TXT: service_pb.TRANSCRIPT_FORMAT_TIMED_TEXT,
    Format.JSON: service_pb.TRANSCRIPT_FORMAT_JSON,
    Format.SRT: service_pb.TRANSCRIPT_FORMAT_SRT,
    Format.VTT: service_pb.TRANSCRIPT_FORMAT_VTT,
    Format.TSV: service_pb.TRANSCRIPT_FORMAT_TSV,
}
_FORMATS_OF_PROTO = {number: form for form, number in _FORMATS.items()}


def format_to_proto(form: Format) -> service_pb.TranscriptFormat.ValueType:
    """A form's number."""
    return _FORMATS[form]


def format_from_proto(number: service_pb.TranscriptFormat.ValueType) -> Format | None:
    """A number's form; None for the unspecified one, which is the Transcript message itself in parts.

    Raises:
        SayItError: INVALID_ARGUMENT for a form this version does not know.
    """
    if number == service_pb.TRANSCRIPT_FORMAT_UNSPECIFIED:
        return None
    try:
        return _FORMATS_OF_PROTO[number]
    except KeyError:
        raise SayItError(ErrorKind.INVALID_ARGUMENT, field="format", reason=f"there is no format {number}") from None
