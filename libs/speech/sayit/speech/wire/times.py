"""Seconds as `Duration` and `Timestamp`, and 32-bit floats as the decimals they were."""

from __future__ import annotations

import math
import struct
from typing import TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

_NANOS = 1_000_000_000
_Time = TypeVar("_Time", Duration, Timestamp)


def duration_to_proto(seconds: float) -> Duration:
    """Seconds, negative ones too, rounded to the nearest nanosecond.

    Raises:
        ValueError, OverflowError: not a finite number, or more than a Duration can hold (10,000 years).
    """
    return _of_nanoseconds(Duration(), seconds)


def timestamp_to_proto(epoch_s: float) -> Timestamp:
    """Seconds since the epoch, as `duration_to_proto`; the years 1 to 9999."""
    return _of_nanoseconds(Timestamp(), epoch_s)


def seconds_of_duration(message: Duration | Timestamp) -> float:
    """The seconds nearest to this duration, or, for a timestamp, since the epoch."""
    return (message.seconds * _NANOS + message.nanos) / _NANOS


#: The seconds since the epoch nearest to a timestamp.
epoch_s = seconds_of_duration


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


def _of_nanoseconds(message: _Time, seconds: float) -> _Time:
    # Whole seconds apart: today's epoch times a billion is more than a double holds exactly.
    whole = math.floor(seconds)
    message.FromNanoseconds(whole * _NANOS + round((seconds - whole) * _NANOS))
    return message
