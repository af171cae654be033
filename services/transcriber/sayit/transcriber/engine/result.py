"""What decoding a chunk yields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sayit.speech.languages import main_language
from sayit.speech.transcript import Segment, Suppressed


@dataclass(frozen=True, kw_only=True)
class DecodedChunk:
    """The text of one chunk, or of its windows so far. All times are seconds from the chunk's start."""

    #: Segments in order, numbered from 0, clipped to the chunk.
    segments: tuple[Segment, ...]
    #: Whisper's code of the language of most of its speech; empty before it is known, and where nothing was decoded.
    language: str
    #: Probability of that language where it was detected, the mean over its segments; 1 where it was fixed.
    language_probability: float
    #: Text that the model wrote and the engine removed, with the reason.
    suppressed: tuple[Suppressed, ...]
    #: Seconds of wall time that the decoding took so far.
    compute_s: float
    #: Windows decoded so far, each one pass of the encoder.
    windows: int
    #: How far into the chunk they reach, in seconds.
    decoded_s: float
    #: The likeliest language with its probability, where it is none of those that were allowed.
    unlisted: tuple[str, float] | None = None


def joined(texts: Sequence[DecodedChunk]) -> DecodedChunk:
    """The texts of a chunk's stretches, in order, as one; at least one text."""
    *_, last = texts
    if len(texts) == 1:
        return _spoken(last)
    segments = [segment for text in texts for segment in text.segments]
    return _spoken(
        replace(
            last,
            segments=tuple(replace(segment, id=number) for number, segment in enumerate(segments)),
            suppressed=tuple(gone for text in texts for gone in text.suppressed),
            windows=sum(text.windows for text in texts),
        )
    )


def _spoken(text: DecodedChunk) -> DecodedChunk:
    """The same in the language of most of its speech; without segments its language stays."""
    language, probability = main_language(text.segments)
    return replace(text, language=language, language_probability=probability) if language else text


class EngineCancelled(Exception):  # noqa: N818 - an outcome that was asked for, not an error
    """The caller cancelled the decoding; its text so far is void."""
