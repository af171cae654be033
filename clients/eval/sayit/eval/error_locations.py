"""Where words went wrong: at the boundaries of chunks, and in silence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import jiwer

from sayit.eval.normalisation import Normaliser, normalise
from sayit.speech.transcript import Span, Word

#: Words this near to a boundary count as the boundary's.
NEAR_S = 1.0


def comparable(words: Sequence[Word], languages: tuple[str, ...]) -> list[tuple[str, float]]:
    """Words as they are compared, each with the time of its middle; what is punctuation only is left out."""
    return [
        (part, (word.start_s + word.end_s) / 2)
        for word in words
        for part in normalise(word.text, languages, Normaliser.BASIC).split()
    ]


def lost_and_doubled(
    said: Sequence[tuple[str, float]], written: Sequence[str], boundaries: Sequence[Span]
) -> tuple[int, int]:
    """Words near a boundary that were said and not written, and that were written and not said."""
    times_s = [time_s for _, time_s in said]
    lost = doubled = 0
    if not said:
        return 0, 0
    for piece in _alignment([word for word, _ in said], written):
        if piece.type == "delete":
            lost += sum(_near(times_s[place], boundaries) for place in range(piece.ref_start_idx, piece.ref_end_idx))
        elif piece.type == "insert":
            at = times_s[min(piece.ref_start_idx, len(times_s) - 1)]
            doubled += (piece.hyp_end_idx - piece.hyp_start_idx) * _near(at, boundaries)
    return lost, doubled


def invented(said: Sequence[str], written: Sequence[tuple[str, float]], silences: Sequence[Span]) -> int:
    """Words that were written where nothing is said for seconds, and that nothing said explains."""
    count = 0
    for piece in _alignment(said, [word for word, _ in written]):
        if piece.type == "insert":
            for _, time_s in written[piece.hyp_start_idx : piece.hyp_end_idx]:
                count += any(span.start_s <= time_s <= span.end_s for span in silences)
    return count


def _alignment(said: Sequence[str], written: Sequence[str]) -> list[jiwer.AlignmentChunk]:
    if said and written:
        return list(jiwer.process_words(" ".join(said), " ".join(written)).alignments[0])
    kind = "delete" if said else "insert"
    return [jiwer.AlignmentChunk(kind, 0, len(said), 0, len(written))] if said or written else []


def _near(time_s: float, boundaries: Iterable[Span]) -> bool:
    return any(span.start_s - NEAR_S <= time_s <= span.end_s + NEAR_S for span in boundaries)
