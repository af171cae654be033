"""Merges the texts of chunks into one transcript."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain, pairwise

from sayit.scheduler.assemble.merge.coverage import coverage_of
from sayit.scheduler.assemble.merge.crosstalk import UNKNOWN, Loudness, without_crosstalk
from sayit.scheduler.assemble.merge.overlap_alignment import join
from sayit.scheduler.assemble.merge.values import ChunkRefinement, Merged, TranscribedChunk
from sayit.scheduler.assemble.merge.words import kept_segments, words_of
from sayit.speech.languages import main_language
from sayit.speech.transcript import Segment, Span, Suppressed
from sayit.speech.word_times import in_order

#: Takes the segments of all chunks, channel by channel in order; returns those that stay, and the removed text.
Review = Callable[[Sequence[tuple[Segment, ...]]], tuple[list[tuple[Segment, ...]], tuple[Suppressed, ...]]]


def merge(
    chunks: Sequence[TranscribedChunk],
    *,
    speech: Sequence[Span],
    duration_s: float,
    review: Review = lambda said: (list(said), ()),
    loudness: Loudness = UNKNOWN,
) -> Merged:
    """Puts the texts of all chunks together.

    Args:
        chunks: all chunks of a recording, in any order.
        speech: detected speech, that of each channel in order, as the splitter found it.
        duration_s: length of the recording; no segment ends later.
        review: removes hallucinations; sees every word once.
        loudness: of channels that were split; crosstalk is removed, and still counts as covered speech.
    """
    ordered = sorted(chunks, key=lambda chunk: (chunk.channel, chunk.index))
    said, removed = review(_without_doubles(ordered))
    timed = _in_order(ordered, said, duration_s)
    placed, crosstalk = without_crosstalk(timed, loudness)
    by_time = sorted(chain.from_iterable(placed), key=lambda segment: (segment.start_s, segment.channel))
    segments = tuple(replace(segment, id=number) for number, segment in enumerate(by_time))
    language, probability = main_language(segments)
    return Merged(
        segments=segments,
        suppressed=tuple(
            sorted([*chain.from_iterable(c.suppressed for c in ordered), *removed, *crosstalk], key=_start_of)
        ),
        language=language,
        language_probability=probability,
        coverage=coverage_of(speech, list(chain.from_iterable(timed))),
        refinements=tuple(
            ChunkRefinement(
                chunk_indexes=(chunk.index,),
                segments=tuple(replace(segment, id=number) for number, segment in enumerate(now)),
            )
            for chunk, kept, now in sorted(zip(ordered, said, placed, strict=True), key=lambda each: each[0].index)
            if kept != (chunk.segments if chunk.published is None else chunk.published) or len(now) < len(kept)
        ),
    )


def _start_of(suppressed: Suppressed) -> float:
    return suppressed.start_s


def _without_doubles(chunks: Sequence[TranscribedChunk]) -> list[tuple[Segment, ...]]:
    """Each chunk's segments, without the words in shared audio that the neighbouring chunk keeps."""
    words = [words_of(chunk.segments) if chunk.hard_start or chunk.hard_end else [] for chunk in chunks]
    first = [0] * len(chunks)
    last = [len(listed) for listed in words]
    for right, (before, after) in enumerate(pairwise(chunks), start=1):
        one_channel = before.channel == after.channel
        if one_channel and before.hard_end and after.hard_start and after.start_s < before.end_s:
            splice = join(words[right - 1], words[right], start_s=after.start_s, end_s=before.end_s)
            last[right - 1] = max(first[right - 1], splice.left_end)
            first[right] = splice.right_start
    return [
        kept_segments(chunk.segments, words[place], first[place], last[place]) if words[place] else chunk.segments
        for place, chunk in enumerate(chunks)
    ]


def _in_order(
    chunks: Sequence[TranscribedChunk], said: Sequence[tuple[Segment, ...]], duration_s: float
) -> list[list[Segment]]:
    """The same segments with times inside their chunk, never before the segment in front of them."""
    placed: list[list[Segment]] = []
    latest: list[Segment] = []
    for chunk, segments in zip(chunks, said, strict=True):
        mine: list[Segment] = []
        placed.append(mine)
        end_s = min(chunk.end_s, duration_s)
        for segment in segments:
            here = _timed(
                segment, _within(segment.start_s, chunk.start_s, end_s), _within(segment.end_s, chunk.start_s, end_s)
            )
            if latest and latest[-1].channel == here.channel and here.start_s < latest[-1].end_s:
                # Both claim some time: they share it, as far as the one before began early enough.
                border_s = max((here.start_s + latest[-1].end_s) / 2, latest[-1].start_s)
                latest[-1] = _timed(latest[-1], latest[-1].start_s, border_s)
                here = _timed(here, border_s, max(here.end_s, border_s))
            mine.append(here)
            latest = mine
    return placed


def _timed(segment: Segment, start_s: float, end_s: float) -> Segment:
    """The segment with these times, its words in order and inside it."""
    end_s = max(start_s, end_s)
    return replace(segment, start_s=start_s, end_s=end_s, words=in_order(segment.words, start_s, end_s))


def _within(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
