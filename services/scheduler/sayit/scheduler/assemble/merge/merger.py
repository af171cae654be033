"""Merges the texts of chunks into one transcript. All times are seconds from the start of the recording."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise

from sayit.scheduler.assemble.merge.coverage import coverage_of
from sayit.scheduler.assemble.merge.crosstalk import UNKNOWN, Loudness, without_crosstalk
from sayit.scheduler.assemble.merge.overlap_alignment import join
from sayit.scheduler.assemble.words import kept_segments, words_of
from sayit.speech.languages import main_language
from sayit.speech.transcript import Coverage, Redacted, Segment, Span, Suppressed
from sayit.speech.word_times import in_order

#: Takes the segments of all chunks, channel by channel in order; returns them without personal data, and what that was.
Redact = Callable[[Sequence[Sequence[Segment]]], tuple[list[list[Segment]], tuple[Redacted, ...]]]
#: Takes the segments of all chunks, channel by channel in order; returns those that stay, and the removed text.
Review = Callable[[Sequence[tuple[Segment, ...]]], tuple[list[tuple[Segment, ...]], tuple[Suppressed, ...]]]


@dataclass(frozen=True, kw_only=True)
class TranscribedChunk:
    """One chunk with its text."""

    #: Place among the chunks, from 0.
    index: int
    #: Where its audio begins.
    start_s: float
    #: Where its audio ends.
    end_s: float
    #: Whether it begins inside speech, with audio that the chunk before has too.
    hard_start: bool
    #: Whether it ends inside speech, with audio that the next chunk has too.
    hard_end: bool
    #: Its segments; with words if it has a hard end or start (else words are guessed from the segments' times).
    segments: tuple[Segment, ...]
    #: Detected or fixed language.
    language: str
    #: Probability of the language; 1 where it was fixed.
    language_probability: float
    #: Text that was removed from it.
    suppressed: tuple[Suppressed, ...] = ()
    #: The text that was published to watchers, where that is not `segments`.
    published: tuple[Segment, ...] | None = None
    #: Its audio channel, from 1; 0 where channels were mixed.
    channel: int = 0


@dataclass(frozen=True, kw_only=True)
class ChunkRefinement:
    """A chunk's corrected text, where an overlap or the review changed it."""

    #: The chunks whose texts are replaced. Always one: so no two refinements speak of the same chunk.
    chunk_indexes: tuple[int, ...]
    #: What they say now; ids count from 0 within the refinement.
    segments: tuple[Segment, ...]


@dataclass(frozen=True, kw_only=True)
class Merged:
    """The merged text of all chunks."""

    #: In order of start, then of channel; without overlaps in a channel; ids count from 0.
    segments: tuple[Segment, ...]
    #: Removed text, in order of time.
    suppressed: tuple[Suppressed, ...]
    #: The language of most transcribed speech; empty where nothing was said.
    language: str
    #: Mean probability of that language over its segments, weighted by their length; 0 where nothing was said.
    language_probability: float
    #: Detected speech against transcribed speech.
    coverage: Coverage
    #: One for every chunk that an overlap or the review changed, in order.
    refinements: tuple[ChunkRefinement, ...]
    #: What was redacted, in order of time.
    redacted: tuple[Redacted, ...] = ()


def merge(
    chunks: Sequence[TranscribedChunk],
    *,
    speech: Sequence[Span],
    duration_s: float,
    review: Review = lambda said: (list(said), ()),
    loudness: Loudness = UNKNOWN,
    redact: Redact | None = None,
) -> Merged:
    """Puts the texts of all chunks together.

    Args:
        chunks: all chunks of a recording, in any order.
        speech: detected speech, that of each channel in order, as the splitter found it.
        duration_s: length of the recording; no segment ends later.
        review: removes hallucinations; sees every word once.
        loudness: of channels that were split; crosstalk is removed, and still counts as covered speech.
        redact: takes personal data out; watchers have no text of any chunk then.
    """
    ordered = sorted(chunks, key=lambda chunk: (chunk.channel, chunk.index))
    said, removed = review(_without_doubles(ordered))
    timed = _in_order(ordered, said, duration_s)
    placed, crosstalk = without_crosstalk(timed, loudness)
    marks: tuple[Redacted, ...] = ()
    if redact is not None:
        shown, marks = redact(placed)
        placed = [tuple(segments) for segments in shown]
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
            if redact is not None
            or kept != (chunk.segments if chunk.published is None else chunk.published)
            or len(now) < len(kept)
        ),
        redacted=marks,
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
