"""What decoding a chunk yields."""

from __future__ import annotations

from dataclasses import dataclass

from sayit.speech.transcript import Segment, Suppressed


@dataclass(frozen=True, kw_only=True)
class ChunkText:
    """The text of one chunk, or of its windows so far. All times are seconds from the chunk's start."""

    #: Segments in order, numbered from 0, clipped to the chunk.
    segments: tuple[Segment, ...]
    #: Whisper's code of the chunk's language; empty before it is known and where nothing had to be decoded.
    language: str
    #: Probability of that language where it was detected; 1 where it was fixed.
    language_probability: float
    #: Text that the model wrote and the engine removed, with the reason.
    suppressed: tuple[Suppressed, ...]
    #: Seconds of wall time that the decoding took so far.
    compute_s: float
    #: Windows decoded so far, each one pass of the encoder.
    windows: int
    #: How far into the chunk they reach, in seconds.
    decoded_s: float


class EngineCancelled(Exception):  # noqa: N818 - an outcome that was asked for, not an error
    """The decoding was given up because the caller said so; its text so far is void."""
