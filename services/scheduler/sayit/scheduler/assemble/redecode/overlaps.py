"""Overlaps: where two chunks that were cut inside speech disagree, their shared audio is decoded again.

A hard cut makes two chunks overlap where a window is at its worst: the left one drifts towards its end, the right one
begins inside a word. Mostly both have the same words in the shared seconds. Where they have not, a window with these
seconds in its middle is decoded. Its words replace theirs, if before and behind the overlap it has the chunks' words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import fmean

from sayit.scheduler.assemble.merge import Merged, TranscribedChunk
from sayit.scheduler.assemble.merge.overlap_alignment import TIME_TOLERANCE_S, agreement, join
from sayit.scheduler.assemble.redecode.values import Heard
from sayit.scheduler.assemble.words import ChunkWord, kept_segments, words_of
from sayit.scheduler.jobs.chunk_overrides import ChunkOverrides
from sayit.scheduler.jobs.redecodes import Redecode, RedecodeRequest
from sayit.speech.audio import samples_of, seconds_of

#: Seconds of audio before and behind the shared ones.
_AROUND_S = 7.0
#: The part of the words in shared audio that both chunks wrote, below which they disagree.
_LEAST_AGREEMENT = 0.75
#: The same for a re-decode and the chunks' words on either side of the overlap.
_LEAST_TRUST = 0.6
#: Fewer equal words than this are luck.
_LEAST_EQUAL = 3
_OVERRIDES = ChunkOverrides(word_timestamps=True)


@dataclass(frozen=True, kw_only=True)
class _Overlap:
    """Two chunks that share audio."""

    #: Place of the left one among the chunks.
    left: int
    start_s: float
    end_s: float


class Overlaps:
    """Overlaps whose chunks disagree."""

    name = "seam"
    share = 1.0
    least = 1

    def requests(self, heard: Heard, draft: Merged) -> Sequence[RedecodeRequest]:  # noqa: ARG002 - chunks alone tell
        """See `Kind`. The worst first; an overlap is re-decoded once."""
        texts = heard.texts
        redecoded = {
            (redecode.request.start_sample, redecode.request.end_sample) for redecode in heard.of_kind(self.name)
        }
        worst: list[tuple[float, RedecodeRequest]] = []
        for overlap in _overlaps(texts):
            left, right = (words_of(texts[place].segments) for place in (overlap.left, overlap.left + 1))
            agreed = agreement(left, right, start_s=overlap.start_s, end_s=overlap.end_s)
            start, end = _window(overlap, heard)
            if agreed.share < _LEAST_AGREEMENT and (start, end) not in redecoded:
                redecode = RedecodeRequest(kind=self.name, start_sample=start, end_sample=end, overrides=_OVERRIDES)
                worst.append((agreed.share, redecode))
        return [redecode for _, redecode in sorted(worst, key=lambda each: each[0])]

    def with_redecodes(self, texts: Sequence[TranscribedChunk], heard: Heard) -> Sequence[TranscribedChunk]:
        """See `Kind`."""
        redecodes = {
            (redecode.request.start_sample, redecode.request.end_sample): redecode
            for redecode in heard.of_kind(self.name)
        }
        now = list(texts)
        for overlap in _overlaps(texts):
            redecode = redecodes.get(_window(overlap, heard))
            if redecode is not None:
                sides = now[overlap.left], now[overlap.left + 1]
                now[overlap.left], now[overlap.left + 1] = _settled(*sides, redecode, overlap)
        return now


def _overlaps(texts: Sequence[TranscribedChunk]) -> Iterator[_Overlap]:
    for place, (left, right) in enumerate(pairwise(texts)):
        if left.hard_end and right.hard_start and right.start_s < left.end_s:
            yield _Overlap(left=place, start_s=right.start_s, end_s=left.end_s)


def _window(overlap: _Overlap, heard: Heard) -> tuple[int, int]:
    """The samples of an overlap's re-decode."""
    start_s, end_s = max(0.0, overlap.start_s - _AROUND_S), overlap.end_s + _AROUND_S
    return samples_of(start_s), min(samples_of(end_s), heard.samples)


def _settled(
    left: TranscribedChunk, right: TranscribedChunk, redecode: Redecode, overlap: _Overlap
) -> tuple[TranscribedChunk, TranscribedChunk]:
    """Both chunks with the re-decode's words between them, or as they are if it is not to be trusted."""
    segments = () if redecode.output is None else redecode.output.segments
    before, heard, behind = words_of(left.segments), words_of(segments), words_of(right.segments)
    start_s, end_s = seconds_of(redecode.request.start_sample), seconds_of(redecode.request.end_sample)
    first = sum(word.middle_s < overlap.start_s for word in before)
    last = sum(word.middle_s < overlap.end_s for word in behind)
    sides = ((before[:first], heard, start_s, overlap.start_s), (heard, behind[last:], overlap.end_s, end_s))
    if any(not _agree(one, other, begin, end) for one, other, begin, end in sides):
        return left, right
    into, out = (join(one, other, start_s=begin, end_s=end) for one, other, begin, end in sides)
    now = heard[into.right_start : out.left_end]
    was = join(before, behind, start_s=overlap.start_s, end_s=overlap.end_s)
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


def _agree(one: Sequence[ChunkWord], other: Sequence[ChunkWord], start_s: float, end_s: float) -> bool:
    said = agreement(one, other, start_s=start_s, end_s=end_s)
    return said.share >= _LEAST_TRUST and said.equal >= _LEAST_EQUAL


def _goes_on(words: Sequence[ChunkWord]) -> bool:
    """Whether words of two readings follow one another: times that jump are no place to change."""
    return all(abs(after.word.start_s - word.word.end_s) <= TIME_TOLERANCE_S for word, after in pairwise(words))


def _certainty(words: Sequence[ChunkWord]) -> float:
    """Mean probability of the words, without the digits that depend on how Python adds (3.12 adds otherwise)."""
    return round(fmean(word.word.probability for word in words), 6) if words else 0.0
