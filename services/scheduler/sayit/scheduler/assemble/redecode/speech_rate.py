"""How long texts usually take to say, and what follows where that does not fit."""

from __future__ import annotations

import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import islice, takewhile

from sayit.scheduler.assemble.merge.words import comparable
from sayit.speech.transcript import Segment, Span

#: Two spans of time this near touch.
_SLACK_S = 0.2
#: The part of a gap that the text beside it must leave over.
_UNEXPLAINED = 0.5
#: A segment is thin if this much of its speech, in seconds and as a part of it, is more than its text takes.
_THIN_S = 1.5
_THIN_PART = 0.5


class SpeechRate:
    """Seconds per letter of a recording's languages: the median over its segments.

    Args:
        segments: what was written, in any order.
    """

    def __init__(self, segments: Sequence[Segment]) -> None:
        paces: dict[str, list[float]] = {}
        for each in segments:
            paces.setdefault(each.language, []).append((each.end_s - each.start_s) / _letters(each))
        self._median_s = {language: statistics.median(found) for language, found in paces.items()}

    def spare_s(self, segment: Segment, length_s: float) -> float:
        """Seconds of a length that the segment's text does not usually need; negative where it needs more."""
        return length_s - self._median_s.get(segment.language, 0.0) * _letters(segment)

    def explains(self, gap: Span, segments: Sequence[Segment]) -> bool:
        """Whether what is written beside a gap, in order, is about as long as the gap and it usually take to say.

        Then nothing is missing: models place the end of a segment up to a second too early.
        """
        place = bisect_left(segments, gap.end_s - _SLACK_S, key=lambda segment: segment.start_s)
        before = [each for each in segments[max(place - 1, 0) : place] if gap.start_s - each.end_s <= _SLACK_S]
        behind = [each for each in segments[place : place + 1] if each.start_s - gap.end_s <= _SLACK_S]
        least_s = _UNEXPLAINED * gap.duration_s
        return all(
            gap.duration_s + sum(self.spare_s(each, each.end_s - each.start_s) for each in beside) < least_s
            for beside in (before, before + behind)
        )

    def is_thin(self, segment: Segment, speech: Sequence[Span]) -> bool:
        """Whether a segment holds much more speech than its text takes: the model skipped speech inside it."""
        first = bisect_right(speech, segment.start_s, key=lambda span: span.end_s)
        here = takewhile(lambda span: span.start_s < segment.end_s, islice(speech, first, None))
        spoken_s = sum(min(span.end_s, segment.end_s) - max(span.start_s, segment.start_s) for span in here)
        return self.spare_s(segment, spoken_s) >= max(_THIN_S, _THIN_PART * spoken_s)


def _letters(segment: Segment) -> int:
    return max(1, len(comparable(segment.text)))
