"""Gaps: detected speech that no chunk transcribed is decoded again before it is reported.

The window is another one, with audio around the gap on both sides: where a model skips speech depends on where its
windows begin. Below the usual thresholds it is sampled. Of the re-decode's words only those in the gap count; words
that the neighbours have already, or that lie where there is no speech, are left out.
"""

from __future__ import annotations

import math
import statistics
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace

from sayit.scheduler.assemble.merge import Merged, TranscribedChunk
from sayit.scheduler.assemble.redecode.values import Heard
from sayit.scheduler.assemble.sparse import unwritten, within
from sayit.scheduler.assemble.words import ChunkWord, comparable, kept_segments, words_of
from sayit.scheduler.jobs.chunk_overrides import ChunkOverrides
from sayit.scheduler.jobs.records import DoneChunk
from sayit.scheduler.jobs.redecodes import Redecode, RedecodeRequest
from sayit.speech.audio import samples_of, seconds_of
from sayit.speech.transcript import Segment, Span, Word

#: Seconds of audio on each side of a gap.
_AROUND_S = 3.0
#: Most seconds of a re-decode; longer gaps are decoded in parts.
_LONGEST_S = 28.0
#: Windows whose ends differ by no more, in samples, hold the same audio.
_SAME = samples_of(0.5)
#: Tried in order where the request does not say: beam search in the other window, then sampling.
_TEMPERATURES = (0.0, 0.4)
#: Times of words, of texts and of detected speech differ by this much.
_SLACK_S = 0.2
#: The neighbour's word that is equal and this near is the same word.
_DOUBLE_S = 1.0
#: Below it the re-decode's text is not used (Whisper's own threshold for a failed window).
_LEAST_LOGPROB = -1.0

#: The part of a gap that the text beside it must leave over.
_UNEXPLAINED = 0.5
#: A segment is thin if this much of its speech, in seconds and as a part of it, is more than its text takes.
_THIN_S = 1.5
_THIN_PART = 0.5


class Gaps:
    """Speech without text."""

    name = "gap"
    share = 0.25
    least = 2

    def requests(self, heard: Heard, draft: Merged) -> Sequence[RedecodeRequest]:
        """See `Kind`. The longest gaps first; neighbours share a re-decode; every gap has one."""
        pace = _SpeechRate(draft.segments)
        missing = [
            gap
            for gap in draft.coverage.gaps
            if not _within_text(gap, draft.segments) and not pace.explains(gap, draft.segments)
        ]
        missing += [Span(start_s=thin.start_s, end_s=thin.end_s) for thin in _thin(heard.texts, heard.spans)]
        missing.sort(key=lambda gap: gap.start_s)
        places = [
            place for place in _indexes(missing) if not any(_covers(redecode, place) for redecode in heard.redecodes)
        ]
        asked = heard.options
        own = asked.temperature is not None or bool(asked.decoding.temperatures)
        overrides = ChunkOverrides(temperatures=None if own else _TEMPERATURES, word_timestamps=True)
        requests = [
            RedecodeRequest(
                kind=self.name,
                start_sample=samples_of(max(0.0, place.start_s - _AROUND_S)),
                end_sample=min(samples_of(place.end_s + _AROUND_S), heard.samples),
                overrides=overrides,
            )
            for place in sorted(places, key=lambda place: -place.duration_s)
        ]
        return [request for request in requests if not _is_same(request, heard.chunks)]

    def with_redecodes(self, texts: Sequence[TranscribedChunk], heard: Heard) -> Sequence[TranscribedChunk]:
        """See `Kind`."""
        now = list(texts)
        thin = _thin(texts, heard.spans)
        for redecode in heard.of_kind(self.name):
            gone = [segment for segment in thin if _covers(redecode, segment) and _says_more(redecode, segment)]
            filled = _filled(now, redecode, heard.spans)
            now = max(filled, _filled(_without(now, gone), redecode, heard.spans), key=_count) if gone else filled
        return now


def _within_text(gap: Span, segments: Sequence[Segment]) -> bool:
    """Whether it is a part of a segment that is far too long for its text: see `pieces`."""
    place = bisect_left(segments, gap.start_s, key=lambda segment: segment.start_s)
    return any(segment.end_s > gap.start_s for segment in segments[max(place - 1, 0) : place])


def _count(texts: Sequence[TranscribedChunk]) -> int:
    """Words, so that no text is replaced by less."""
    return sum(len(words_of(text.segments)) for text in texts)


def _thin(texts: Sequence[TranscribedChunk], speech: Sequence[Span]) -> list[Segment]:
    """Segments in which something is missing, but for those that are heard in pieces: see `pieces`."""
    written = [segment for text in texts for segment in text.segments]
    pace = _SpeechRate(written)
    return [each for each in written if pace.is_thin(each, speech) and not unwritten(each, speech)]


def _without(texts: list[TranscribedChunk], gone: list[Segment]) -> list[TranscribedChunk]:
    return [
        replace(text, segments=tuple(each for each in text.segments if each not in gone))
        if any(text.start_s <= each.end_s and each.start_s <= text.end_s for each in gone)
        else text
        for text in texts
    ]


def _says_more(redecode: Redecode, thin: Segment) -> bool:
    """Whether a re-decode has more words in a segment's time, and is as sure of them."""
    segments = () if redecode.output is None else redecode.output.segments
    inside = [word.word for word in words_of(segments) if thin.start_s <= word.middle_s <= thin.end_s]
    if len(inside) <= len(words_of((thin,))):
        return False
    sure = _mean_probability(thin.words) if thin.words else math.exp(thin.avg_logprob)
    return _mean_probability(inside) >= sure


def _mean_probability(words: Sequence[Word]) -> float:
    return statistics.fmean(word.probability for word in words)


def _filled(texts: list[TranscribedChunk], redecode: Redecode, speech: Sequence[Span]) -> list[TranscribedChunk]:
    """The chunks with a re-decode's text where they have none."""
    now = list(texts)
    for found in _in_gaps(redecode, now, speech):
        place = _chunk_at(now, (found.start_s + found.end_s) / 2)
        said = sorted((*now[place].segments, found), key=lambda segment: segment.start_s)
        now[place] = replace(now[place], segments=tuple(said))
    return now


def _is_same(request: RedecodeRequest, chunks: Sequence[DoneChunk]) -> bool:
    """Whether a chunk was decoded from the same audio: of a short recording the same text would come again, later."""
    return any(
        max(abs(chunk.start_sample - request.start_sample), abs(chunk.end_sample - request.end_sample)) <= _SAME
        for chunk in chunks
    )


def _indexes(gaps: Sequence[Span]) -> list[Span]:
    """Gaps that one re-decode covers, or parts of long ones."""
    most_s = _LONGEST_S - 2 * _AROUND_S
    parts = [
        Span(start_s=start_s, end_s=min(start_s + most_s, gap.end_s))
        for gap in gaps
        for start_s in (gap.start_s + step * most_s for step in range(int(gap.duration_s // most_s) + 1))
        if start_s < gap.end_s
    ]
    places: list[Span] = []
    for part in parts:
        if places and part.end_s - places[-1].start_s <= most_s and part.start_s - places[-1].end_s <= _AROUND_S:
            places[-1] = Span(start_s=places[-1].start_s, end_s=part.end_s)
        else:
            places.append(part)
    return places


def _covers(redecode: Redecode, place: Span | Segment) -> bool:
    """Whether a re-decode of any kind covers a stretch."""
    start_s, end_s = seconds_of(redecode.request.start_sample), seconds_of(redecode.request.end_sample)
    return start_s <= place.start_s and place.end_s <= end_s


def _chunk_at(texts: Sequence[TranscribedChunk], time_s: float) -> int:
    """The chunk whose audio holds a time; of two the one that has it further from its edge."""
    return max(range(len(texts)), key=lambda place: min(time_s - texts[place].start_s, texts[place].end_s - time_s))


def _in_gaps(redecode: Redecode, texts: Sequence[TranscribedChunk], speech: Sequence[Span]) -> list[Segment]:
    """A re-decode's text where speech was detected and no chunk has text."""
    if redecode.output is None:
        return []
    segments = tuple(each for each in redecode.output.segments if each.avg_logprob >= _LEAST_LOGPROB)
    heard = words_of(segments)
    start_s, end_s = seconds_of(redecode.request.start_sample), seconds_of(redecode.request.end_sample)
    written = [each for text in texts for each in text.segments if each.start_s < end_s and each.end_s > start_s]
    neighbours = words_of(tuple(written))
    new = [
        _within(word, speech, _SLACK_S) and not _within(word, written, 0.0) and not _is_double(word, neighbours)
        for word in heard
    ]
    return [segment for first, last in _runs(new) for segment in kept_segments(segments, heard, first, last)]


def _within(word: ChunkWord, spans: Sequence[Span] | Sequence[Segment], slack_s: float) -> bool:
    return any(span.start_s - slack_s <= word.middle_s <= span.end_s + slack_s for span in spans)


def _is_double(word: ChunkWord, others: Sequence[ChunkWord]) -> bool:
    return any(other.key == word.key and abs(other.middle_s - word.middle_s) <= _DOUBLE_S for other in others)


def _runs(kept: Sequence[bool]) -> list[tuple[int, int]]:
    """First and end of each row of True."""
    padded = [False, *kept, False]
    edges = [place for place in range(len(kept) + 1) if padded[place] != padded[place + 1]]
    return list(zip(edges[::2], edges[1::2], strict=True))


class _SpeechRate:
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
        spoken_s = sum(span.duration_s for span in within(segment, speech))
        return self.spare_s(segment, spoken_s) >= max(_THIN_S, _THIN_PART * spoken_s)


def _letters(segment: Segment) -> int:
    return max(1, len(comparable(segment.text)))
