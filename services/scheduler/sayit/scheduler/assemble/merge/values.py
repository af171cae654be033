"""What merging takes and gives. All times are seconds from the start of the recording."""

from __future__ import annotations

from dataclasses import dataclass

from sayit.speech.transcript import Coverage, Segment, Suppressed


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
