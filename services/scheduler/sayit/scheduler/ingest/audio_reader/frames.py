"""What the child sends to its parent: frames of one kind byte, a length (u32, big-endian) and a payload.

    READY                                libraries are loaded, a file may come
    BEGIN    JSON {declared_s, channels} once, before any audio: how long the file says it is, or null, and how many
                                         channels the audio holds, interleaved
    AUDIO    s16le                       at most one second of one channel, any number of times
    SUMMARY  JSON                        the last frame of a decoded file: the fields of AudioSummary
    ERROR    JSON {code, cause}          the last frame of a file that cannot be decoded

The parent checks everything: a child may have been taken over by the file it decodes.
"""

from __future__ import annotations

import json
import math
import re
import struct
from dataclasses import asdict
from typing import Any

from sayit.scheduler.ingest.audio_reader.limits import WARNINGS, AudioSummary
from sayit.speech.audio import SAMPLE_BYTES, SAMPLE_RATE_HZ
from sayit.speech.errors import ErrorKind, SayItError

#: What comes with the file: its channels are to be mixed, or delivered side by side; or it is a pipe of live audio.
MIX = b"F"
SPLIT = b"S"
LIVE = b"L"
READY = b"R"
BEGIN = b"B"
AUDIO = b"A"
SUMMARY = b"S"
ERROR = b"E"

#: Bytes of the longest audio frame: one second of one channel.
MAX_AUDIO_BYTES = SAMPLE_RATE_HZ * SAMPLE_BYTES
#: Bytes of the longest payload of each kind.
MAX_BYTES = {READY: 0, BEGIN: 128, AUDIO: MAX_AUDIO_BYTES, SUMMARY: 4_096, ERROR: 4_096}
#: Characters of the causes and names that are passed on.
_MAX_TEXT = 500
#: The same of what a sentence for people names.
_MAX_NAMES = 80
#: What it does not show: the child wrote it.
_UNNAMEABLE = re.compile(r"[^A-Za-z0-9 ,()./_-]")
#: The errors that a file can cause.
FILE_ERRORS = frozenset(
    {
        ErrorKind.INVALID_FORMAT,
        ErrorKind.UNSUPPORTED_CODEC,
        ErrorKind.DAMAGED_FILE,
        ErrorKind.NO_AUDIO_TRACK,
        ErrorKind.UNSUPPORTED_AUDIO,
        ErrorKind.AUDIO_TOO_LONG,
        ErrorKind.DECODING_FAILED,
    }
)
_HEADER = struct.Struct("!cI")
HEADER_BYTES = _HEADER.size


class BrokenFrameError(Exception):
    """The child sent something that the protocol does not know."""


def pack(kind: bytes, payload: bytes = b"") -> bytes:
    """One frame."""
    return _HEADER.pack(kind, len(payload)) + payload


def pack_begin(declared_s: float | None, channels: int) -> bytes:
    """The frame before the first audio."""
    return pack(BEGIN, json.dumps({"declared_s": declared_s, "channels": channels}).encode())


def pack_summary(summary: AudioSummary) -> bytes:
    """The last frame of a decoded file."""
    return pack(SUMMARY, json.dumps(asdict(summary)).encode())


def pack_error(kind: ErrorKind, cause: str) -> bytes:
    """The last frame of a file that cannot be decoded."""
    return pack(ERROR, json.dumps({"code": kind.code, "cause": cause[:_MAX_TEXT]}).encode())


def unpack_header(header: bytes) -> tuple[bytes, int]:
    """Kind and payload length of the frame that begins with these HEADER_BYTES.

    Raises:
        BrokenFrameError: no such kind, or longer than its kind may be.
    """
    kind, length = _HEADER.unpack(header)
    if length > MAX_BYTES.get(kind, -1) or (kind == AUDIO and (length == 0 or length % SAMPLE_BYTES)):
        raise BrokenFrameError(f"frame {kind!r} of {length} bytes")
    return kind, length


def unpack_begin(payload: bytes, *, most_channels: int) -> tuple[float | None, int]:
    """The declared seconds, and the number of channels.

    Raises:
        BrokenFrameError: no length, or no number of channels that a file may have.
    """
    fields = _fields(payload, "declared_s", "channels")
    declared_s, channels = fields["declared_s"], fields["channels"]
    if declared_s is not None and not (type(declared_s) in (int, float) and 0 < declared_s < math.inf):
        raise BrokenFrameError(f"length of {declared_s!r}")
    if type(channels) is not int or not 1 <= channels <= most_channels:
        raise BrokenFrameError(f"channels {channels!r}")
    return declared_s, channels


def unpack_summary(payload: bytes, *, samples: int) -> AudioSummary:
    """The summary in a SUMMARY frame, which must agree with the samples that came.

    Raises:
        BrokenFrameError: not a summary, or not of this audio.
    """
    fields = _fields(payload, "samples", "container", "codec", "sample_rate_hz", "channels", "warnings")
    try:
        summary = AudioSummary(
            samples=int(fields["samples"]),
            container=_text(fields["container"]),
            codec=_text(fields["codec"]),
            sample_rate_hz=int(fields["sample_rate_hz"]),
            channels=int(fields["channels"]),
            warnings=tuple(str(warning) for warning in fields["warnings"]),
        )
    except (ValueError, TypeError) as error:
        raise BrokenFrameError(f"summary: {error}") from error
    if summary.samples != samples or samples == 0 or not WARNINGS.issuperset(summary.warnings):
        raise BrokenFrameError(f"summary of {summary.samples} samples after {samples}")
    return summary


def unpack_error(payload: bytes, *, limit_minutes: str) -> SayItError:
    """The error in an ERROR frame; `limit_minutes` is what the sentence of AUDIO_TOO_LONG needs.

    Raises:
        BrokenFrameError: not an error that a file can cause.
    """
    fields = _fields(payload, "code", "cause")
    kind, cause = next((one for one in FILE_ERRORS if one.code == fields["code"]), None), _text(fields["cause"])
    if kind is None:
        raise BrokenFrameError(f"error {_text(fields['code'])}")
    if kind is ErrorKind.AUDIO_TOO_LONG:
        return SayItError(kind, cause=cause, limit_minutes=limit_minutes)
    if kind is ErrorKind.UNSUPPORTED_CODEC:
        return SayItError(kind, cause=cause, audio=_UNNAMEABLE.sub("", cause)[:_MAX_NAMES])
    return SayItError(kind, cause=cause)


def _fields(payload: bytes, *names: str) -> dict[str, Any]:
    """A JSON object that has all of these names."""
    try:
        fields = json.loads(payload)
        return {name: fields[name] for name in names}
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise BrokenFrameError(f"no such fields: {error}") from error


def _text(value: object) -> str:
    """Text for logs, without control characters."""
    return "".join(character if character.isprintable() else "�" for character in str(value)[:_MAX_TEXT])
