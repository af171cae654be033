"""Chunks made to measure."""

from __future__ import annotations

from collections.abc import Sequence

from sayit.scheduler.assemble.merge import TranscribedChunk
from sayit.speech.transcript import Segment, Word


def word(text: str, start_s: float, end_s: float) -> Word:
    """A word as Whisper gives it, with a space in front."""
    return Word(text=f" {text}", start_s=start_s, end_s=end_s, probability=0.9)


def segment(words: Sequence[Word], *, language: str = "en", with_words: bool = True) -> Segment:
    """A segment of these words."""
    return Segment(
        id=0,
        start_s=words[0].start_s,
        end_s=words[-1].end_s,
        text="".join(each.text for each in words).strip(),
        language=language,
        avg_logprob=-0.2,
        words=tuple(words) if with_words else (),
    )


def chunk(
    index: int,
    start_s: float,
    end_s: float,
    segments: Sequence[Segment],
    *,
    hard: str = "",
    language: str = "en",
    probability: float = 1.0,
) -> TranscribedChunk:
    """A chunk; `hard` holds "start" and "end" where it was cut without a pause."""
    return TranscribedChunk(
        index=index,
        start_s=start_s,
        end_s=end_s,
        hard_start="start" in hard,
        hard_end="end" in hard,
        segments=tuple(segments),
        language=language,
        language_probability=probability,
    )


def said(text: str, start_s: float, *, each_s: float = 0.5) -> list[Word]:
    """Words of equal length, one after the other."""
    return [
        word(part, start_s + place * each_s, start_s + (place + 1) * each_s) for place, part in enumerate(text.split())
    ]
