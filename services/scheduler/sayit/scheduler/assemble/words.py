"""Words of segments: compared, listed, dropped; and segments that are removed as a whole."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace

from sayit.speech import word_times
from sayit.speech.transcript import Segment, Suppressed, SuppressionReason, Word


@dataclass(frozen=True, kw_only=True)
class ChunkWord:
    """A word and where it came from."""

    word: Word
    #: The word without case and punctuation, for comparison.
    key: str
    #: Index of its segment.
    segment: int

    @property
    def middle_s(self) -> float:
        """The middle of the word."""
        return (self.word.start_s + self.word.end_s) / 2


def words_of(segments: tuple[Segment, ...]) -> list[ChunkWord]:
    """All words in order; a segment without words gets its text's, spread over its time."""
    return [
        ChunkWord(word=word, key=comparable(word.text), segment=index)
        for index, segment in enumerate(segments)
        for word in word_times.words_of(segment)
    ]


def letters(text: str) -> str:
    """Letters and digits alone, in composed Unicode, without case."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(letter for letter in folded if letter.isalnum())


def comparable(text: str) -> str:
    """A word without case, punctuation and spaces, in composed Unicode; the word itself if nothing else is left."""
    return letters(text) or unicodedata.normalize("NFKC", text).casefold().strip()


def removed_segment(segment: Segment, reason: SuppressionReason) -> Suppressed:
    """A segment as text that was removed."""
    return Suppressed(
        text=segment.text, reason=reason, start_s=segment.start_s, end_s=segment.end_s, channel=segment.channel
    )


def kept_segments(segments: tuple[Segment, ...], words: list[ChunkWord], first: int, last: int) -> tuple[Segment, ...]:
    """The segments that `words[first:last]` leave; one that keeps all its words stays as it is."""
    if first == 0 and last == len(words):
        return segments
    had: dict[int, int] = {}
    for placed in words:
        had[placed.segment] = had.get(placed.segment, 0) + 1
    kept: dict[int, list[Word]] = {}
    for placed in words[first:last]:
        kept.setdefault(placed.segment, []).append(placed.word)
    return tuple(
        segments[index] if len(rest) == had[index] else _shortened(segments[index], tuple(rest))
        for index, rest in kept.items()
    )


def _shortened(segment: Segment, words: tuple[Word, ...]) -> Segment:
    """The segment with these of its words alone."""
    start_s = segment.start_s if segment.words[:1] == words[:1] else words[0].start_s
    end_s = segment.end_s if segment.words[-1:] == words[-1:] else words[-1].end_s
    return replace(
        segment,
        start_s=start_s,
        end_s=max(start_s, end_s),
        text="".join(word.text for word in words).strip(),
        words=words if segment.words else (),
    )
