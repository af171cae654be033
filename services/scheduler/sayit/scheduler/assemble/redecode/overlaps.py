"""Seams: where two chunks that were cut inside speech disagree, the place is heard once more.

A hard cut leaves both chunks with a seam where a window is at its worst: the left one drifts towards its end, the right
one begins inside a word. Their shared seconds say whether that did harm: mostly both wrote the same words. Where
they did not, a window around the seam hears these seconds in its middle. Its words replace theirs, if before and behind
the seam it says what the chunks say there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from sayit.scheduler.assemble.merge import Merged, TranscribedChunk
from sayit.scheduler.assemble.merge.overlap_alignment import TIME_TOLERANCE_S, agreement, join
from sayit.scheduler.assemble.merge.words import PlacedWord, kept_segments, words_of
from sayit.scheduler.assemble.redecode.values import Heard
from sayit.scheduler.jobs.chunk_overrides import DecodeChanges
from sayit.scheduler.jobs.redecodes import Look, Wanted
from sayit.speech.audio import samples_of, seconds_of

#: Seconds of audio before and behind the shared ones.
_AROUND_S = 7.0
#: The part of the words in shared audio that both chunks wrote, below which they disagree.
_LEAST_AGREEMENT = 0.75
#: The same for a look and what the chunks say on either side of the seam.
_LEAST_TRUST = 0.6
#: Fewer equal words than this are luck.
_LEAST_EQUAL = 3
_CHANGES = DecodeChanges(word_timestamps=True)


@dataclass(frozen=True, kw_only=True)
class _Seam:
    """Two chunks that share audio."""

    #: Place of the left one among the chunks.
    left: int
    start_s: float
    end_s: float


class Seams:
    """Hard seams whose sides disagree."""

    name = "seam"
    share = 1.0
    least = 1

    def wanted(self, heard: Heard, draft: Merged) -> Sequence[Wanted]:  # noqa: ARG002 - chunks alone tell
        """See `Kind`. The worst first; a seam that was looked at is settled."""
        texts = heard.texts
        looked = {(look.wanted.start_sample, look.wanted.end_sample) for look in heard.of_kind(self.name)}
        worst: list[tuple[float, Wanted]] = []
        for seam in _seams(texts):
            left, right = (words_of(texts[place].segments) for place in (seam.left, seam.left + 1))
            agreed = agreement(left, right, start_s=seam.start_s, end_s=seam.end_s)
            start, end = _window(seam, heard)
            if agreed.share < _LEAST_AGREEMENT and (start, end) not in looked:
                look = Wanted(kind=self.name, start_sample=start, end_sample=end, changes=_CHANGES)
                worst.append((agreed.share, look))
        return [look for _, look in sorted(worst, key=lambda each: each[0])]

    def stands(self, texts: Sequence[TranscribedChunk], heard: Heard) -> Sequence[TranscribedChunk]:
        """See `Kind`."""
        looks = {(look.wanted.start_sample, look.wanted.end_sample): look for look in heard.of_kind(self.name)}
        now = list(texts)
        for seam in _seams(texts):
            look = looks.get(_window(seam, heard))
            if look is not None:
                sides = now[seam.left], now[seam.left + 1]
                now[seam.left], now[seam.left + 1] = _settled(*sides, look, seam)
        return now


def _seams(texts: Sequence[TranscribedChunk]) -> Iterator[_Seam]:
    for place, (left, right) in enumerate(pairwise(texts)):
        if left.hard_end and right.hard_start and right.start_s < left.end_s:
            yield _Seam(left=place, start_s=right.start_s, end_s=left.end_s)


def _window(seam: _Seam, heard: Heard) -> tuple[int, int]:
    """The samples that a look at a seam hears."""
    start_s, end_s = max(0.0, seam.start_s - _AROUND_S), seam.end_s + _AROUND_S
    return samples_of(start_s), min(samples_of(end_s), heard.samples)


def _settled(
    left: TranscribedChunk, right: TranscribedChunk, look: Look, seam: _Seam
) -> tuple[TranscribedChunk, TranscribedChunk]:
    """Both chunks with the look's words between them, or as they are if it is not to be trusted."""
    segments = () if look.output is None else look.output.segments
    before, heard, behind = words_of(left.segments), words_of(segments), words_of(right.segments)
    start_s, end_s = seconds_of(look.wanted.start_sample), seconds_of(look.wanted.end_sample)
    first = sum(word.middle_s < seam.start_s for word in before)
    last = sum(word.middle_s < seam.end_s for word in behind)
    sides = ((before[:first], heard, start_s, seam.start_s), (heard, behind[last:], seam.end_s, end_s))
    if any(not _agree(one, other, begin, end) for one, other, begin, end in sides):
        return left, right
    into, out = (join(one, other, start_s=begin, end_s=end) for one, other, begin, end in sides)
    now = heard[into.right_start : out.left_end]
    was = join(before, behind, start_s=seam.start_s, end_s=seam.end_s)
    stood = [*before[into.left_end : was.left_end], *behind[was.right_start : last + out.right_start]]
    edges = ([*before[: into.left_end][-1:], *now[:1]], [*now[-1:], *behind[last + out.right_start :][:1]])
    if not now or not all(map(_goes_on, edges)) or _certainty(now) < _certainty(stood):
        return left, right
    middle = kept_segments(segments, heard, into.right_start, out.left_end)
    kept = kept_segments(left.segments, before, 0, into.left_end)
    return (
        replace(left, segments=(*kept, *middle), hard_end=False, end_s=max(left.end_s, middle[-1].end_s)),
        replace(
            right,
            segments=kept_segments(right.segments, behind, last + out.right_start, len(behind)),
            hard_start=False,
        ),
    )


def _agree(one: Sequence[PlacedWord], other: Sequence[PlacedWord], start_s: float, end_s: float) -> bool:
    said = agreement(one, other, start_s=start_s, end_s=end_s)
    return said.share >= _LEAST_TRUST and said.equal >= _LEAST_EQUAL


def _goes_on(words: Sequence[PlacedWord]) -> bool:
    """Whether words of two readings follow one another: times that jump are no place to change."""
    return all(abs(after.word.start_s - word.word.end_s) <= TIME_TOLERANCE_S for word, after in pairwise(words))


def _certainty(words: Sequence[PlacedWord]) -> float:
    """Mean probability of the words."""
    return sum(word.word.probability for word in words) / len(words) if words else 0.0
