"""Seconds as `Duration` and `Timestamp`, and 32-bit floats as the decimals they were."""

from __future__ import annotations

import math
import struct

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

_NANOS = 1_000_000_000


def duration_to_proto(seconds: float) -> Duration:
    """Seconds, negative ones too, rounded to the nearest nanosecond.

    Raises:
        ValueError, OverflowError: not a finite number, or more than a Duration can hold (10,000 years).
    """
    message = Duration()
    message.FromNanoseconds(_nanoseconds(seconds))
    return message


def seconds_of_duration(message: Duration) -> float:
    """The seconds nearest to this duration."""
    return (message.seconds * _NANOS + message.nanos) / _NANOS


def timestamp_to_proto(epoch_s: float) -> Timestamp:
    """Seconds since the epoch, rounded to the nearest nanosecond.

    Raises:
        ValueError, OverflowError: not a finite number, or not in the years 1 to 9999.
    """
    message = Timestamp()
    message.FromNanoseconds(_nanoseconds(epoch_s))
    return message


def epoch_s(message: Timestamp) -> float:
    """The seconds since the epoch nearest to this timestamp."""
    return (message.seconds * _NANOS + message.nanos) / _NANOS


def shortest(value: float) -> float:
    """The shortest decimal that is this 32-bit float: 0.2 where the wire gave 0.20000000298."""
    if not math.isfinite(value):
        return value
    for digits in (6, 7, 8):
        candidate = float(f"{value:.{digits}g}")
        if _float32(candidate) == value:
            return candidate
    return value


def _float32(value: float) -> float:
    try:
        packed = struct.pack("<f", value)
    except OverflowError:  # rounding up the largest floats leaves their range
        return math.inf
    unpacked: float = struct.unpack("<f", packed)[0]
    return unpacked


def _nanoseconds(seconds: float) -> int:
    # Whole seconds apart: today's epoch times a billion is more than a double holds exactly.
    whole = math.floor(seconds)
    return whole * _NANOS + round((seconds - whole) * _NANOS)
