"""Where in the recording a chunk's text belongs: chunks leave the middle of longer pauses out."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import accumulate, groupby, pairwise

from sayit.speech.audio import samples_of, seconds_of
from sayit.speech.transcript import Segment, Suppressed, Word
from sayit.speech.word_times import in_order

#: A segment does not go on across a pause that more than this was left out of; a second of it is still there.
_WIDE_S = 1.0


def has_wide_pauses(pieces: Sequence[tuple[int, int]]) -> bool:
    """Whether so much of a pause was left out that words must tell which side of it they were said on."""
    return any(after[0] - before[1] > samples_of(_WIDE_S) for before, after in pairwise(pieces))


def needs_words(pieces: Sequence[tuple[int, int]], *, hard: bool) -> bool:
    """Whether a chunk must be decoded with words, wanted or not.

    Beside a hard cut they alone tell what was heard twice, and where much of a pause was left out, which side of it was
    said when.
    """
    return hard or has_wide_pauses(pieces)


class TimeMapping:
    """Moves times from a chunk's audio to the recording.

    Args:
        pieces: the stretches of the recording that make up the chunk's audio, in samples, in order.
    """

    def __init__(self, pieces: Sequence[tuple[int, int]]) -> None:
        self._starts_s = [seconds_of(start) for start, _ in pieces]
        #: Where each piece but the first begins in the chunk's audio.
        self._joints_s = [seconds_of(samples) for samples in accumulate(b - a for a, b in pieces)][:-1]
        self._wide_s = [
            joint
            for joint, (before, after) in zip(self._joints_s, pairwise(pieces), strict=True)
            if has_wide_pauses((before, after))
        ]

    def segments(self, segments: Iterable[Segment]) -> tuple[Segment, ...]:
        """The segments in the recording's time; cut at wide pauses, if they have words, and numbered anew."""
        placed = [self._mapped(part) for segment in segments for part in self._parts(segment)]
        return tuple(replace(segment, id=number) for number, segment in enumerate(placed))

    def suppressed(self, removed: Suppressed) -> Suppressed:
        """Removed text in the recording's time."""
        start_s = self._start_s(removed.start_s)
        return replace(removed, start_s=start_s, end_s=max(start_s, self._end_s(removed.end_s)))

    def _parts(self, segment: Segment) -> list[Segment]:
        """The segment cut where a wide pause lies between its words."""
        by_side = groupby(segment.words, lambda word: bisect_right(self._wide_s, (word.start_s + word.end_s) / 2))
        sides = [tuple(words) for _, words in by_side]
        if len(sides) < 2:
            return [segment]
        starts = [segment.start_s, *(words[0].start_s for words in sides[1:])]
        ends = [*(words[-1].end_s for words in sides[:-1]), segment.end_s]
        return [
            replace(segment, text=_text(words), start_s=start_s, end_s=max(start_s, end_s), words=words)
            for words, start_s, end_s in zip(sides, starts, ends, strict=True)
        ]

    def _mapped(self, segment: Segment) -> Segment:
        start_s = self._start_s(segment.start_s)
        end_s = max(start_s, self._end_s(segment.end_s))
        words = [replace(w, start_s=self._start_s(w.start_s), end_s=self._end_s(w.end_s)) for w in segment.words]
        return replace(segment, start_s=start_s, end_s=end_s, words=in_order(words, start_s, end_s))

    def _start_s(self, time_s: float) -> float:
        """Where something begins; at a joint that is behind the pause."""
        return self._at(time_s, bisect_right(self._joints_s, time_s))

    def _end_s(self, time_s: float) -> float:
        """Where something ends; at a joint that is in front of the pause."""
        return self._at(time_s, bisect_left(self._joints_s, time_s))

    def _at(self, time_s: float, piece: int) -> float:
        return self._starts_s[piece] + time_s - (self._joints_s[piece - 1] if piece else 0.0)


def _text(words: Sequence[Word]) -> str:
    return "".join(word.text for word in words).strip()
