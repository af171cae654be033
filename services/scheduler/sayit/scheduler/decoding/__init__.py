"""Any media file to 16 kHz audio, in a throwaway child process that can do nothing else.

`DecoderPool` is the way in. A file reaches its child as an open descriptor; the child has its own session, a bare
environment and lowered limits (`confinement`), opens only allowed formats and codecs and nothing beyond the file
(`decoder`), and answers in small frames (`frames`) that the parent checks, counts and times (`pool`).
"""

from sayit.scheduler.decoding.limits import (
    CHANNELS_CHANGED,
    CORRUPT_PACKETS,
    TRUNCATED_AUDIO,
    DecodeLimits,
    DecodeSummary,
)
from sayit.scheduler.decoding.pool import DecoderPool, Decoding

__all__ = [
    "CHANNELS_CHANGED",
    "CORRUPT_PACKETS",
    "TRUNCATED_AUDIO",
    "DecodeLimits",
    "DecodeSummary",
    "DecoderPool",
    "Decoding",
]
