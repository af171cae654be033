"""Redaction of segments and their words: a number may lie in several of them. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sayit.scheduler.assemble.redaction.found import Found
from sayit.scheduler.assemble.redaction.texts import Redaction
from sayit.scheduler.jobs.records import ChunkOutput
from sayit.speech.transcript import Redacted, Segment, Suppressed, Transcript, Word
from sayit.speech.word_times import words_of


@dataclass(frozen=True)
class _PlacedWord:
    """A word at its place in the whole text of a channel."""

    word: Word
    #: Where its text begins, without the space before it, and one past its last character.
    start: int
    end: int


def redacted(
    texts: Sequence[Sequence[Segment]], redaction: Redaction
) -> tuple[list[list[Segment]], tuple[Redacted, ...]]:
    """The segments without personal data, list by list as they came, and what was taken out, in order of time.

    Args:
        texts: segments, those of a channel in their order, whatever lists they are in.
        redaction: what is to be redacted.
    """
    results: list[list[Segment]] = [[] for _ in texts]
    marks: list[Redacted] = []
    placed = [(number, segment) for number, segments in enumerate(texts) for segment in segments]
    for channel in sorted({segment.channel for _, segment in placed}):
        mine = [(number, segment) for number, segment in placed if segment.channel == channel]
        now, found = _channel([segment for _, segment in mine], redaction)
        marks += found
        for (number, _), segment in zip(mine, now, strict=True):
            if segment is not None:
                results[number].append(segment)
    return results, tuple(sorted(marks, key=lambda one: one.start_s))


def redacted_utterance(output: ChunkOutput, redaction: Redaction) -> tuple[Segment, ...]:
    """An utterance of live speech by itself; digits that may be part of a number are hidden as well."""
    now, _ = _channel(output.segments, redaction, live=True)
    return tuple(segment for segment in now if segment is not None)


def without_data(suppressed: Iterable[Suppressed], redaction: Redaction) -> tuple[Suppressed, ...]:
    """Removed text without personal data; it may hold a part of a number, so it counts as live text does."""
    return tuple(replace(one, text=redaction.text(one.text, live=True)) for one in suppressed)


def data_in(transcript: Transcript, redaction: Redaction) -> tuple[Redacted, ...]:
    """What a transcript still holds."""
    return redacted([transcript.segments], redaction)[1]


def _channel(
    segments: Sequence[Segment], redaction: Redaction, *, live: bool = False
) -> tuple[list[Segment | None], list[Redacted]]:
    """The segments of one channel; None where nothing is left of one."""
    said = [_words(segment) for segment in segments]
    text, pieces = _joined(said)
    found = redaction.found(text, live=live)
    if not found:
        return list(segments), []
    marks: list[Redacted] = []
    waiting = iter(found)
    now: Found | None = next(waiting, None)
    results: list[Segment | None] = []
    told = False  # whether the mark of what is found now stands already
    for segment, mine in zip(segments, pieces, strict=True):
        kept: list[Word] = []
        changed = False
        for piece in mine:
            done = piece.start
            parts: list[str] = []
            goes_on = told  # the mark of what it begins with stands in a word before
            while now is not None and now.start < piece.end:
                parts.append(text[done : max(done, now.start)])
                changed = True
                if not told:
                    parts.append(redaction.mark(now))
                    marks.append(_mark(now, piece.word, segment))
                    told = True
                else:
                    marks[-1] = replace(marks[-1], end_s=max(marks[-1].end_s, piece.word.end_s))
                done = min(now.end, piece.end)
                if now.end > piece.end:
                    break
                now, told = next(waiting, None), False
            new = "".join((*parts, text[done : piece.end]))
            if goes_on and kept:
                kept[-1] = replace(kept[-1], text=kept[-1].text + new, end_s=max(kept[-1].end_s, piece.word.end_s))
            elif new:
                before = piece.word.text[: len(piece.word.text) - len(piece.word.text.lstrip())]
                kept.append(piece.word if not parts and done == piece.start else replace(piece.word, text=before + new))
        results.append(_with_words(segment, kept) if changed else segment)
    return results, marks


def _mark(found: Found, word: Word, segment: Segment) -> Redacted:
    return Redacted(kind=found.kind, start_s=word.start_s, end_s=word.end_s, channel=segment.channel)


def _words(segment: Segment) -> tuple[Word, ...]:
    """The segment's words; guessed ones where its own do not make its text."""
    own = segment.words
    if own and "".join("".join(word.text for word in own).split()) == "".join(segment.text.split()):
        return own
    return words_of(replace(segment, words=()))


def _joined(said: Sequence[Sequence[Word]]) -> tuple[str, list[list[_PlacedWord]]]:
    """The whole text, with a space between segments, and where each word stands in it."""
    parts: list[str] = []
    length = 0
    pieces: list[list[_PlacedWord]] = []
    for words in said:
        mine: list[_PlacedWord] = []
        for number, word in enumerate(words):
            text = unicodedata.normalize("NFC", word.text.strip())
            space = " " if number == 0 or word.text[:1].isspace() or words[number - 1].text[-1:].isspace() else ""
            parts += [space, text]
            start, length = length + len(space), length + len(space) + len(text)
            mine.append(_PlacedWord(word=word, start=start, end=length))
        pieces.append(mine)
    return "".join(parts), pieces


def _with_words(segment: Segment, words: Sequence[Word]) -> Segment | None:
    text = "".join(word.text for word in words).strip()
    if not any(char.isalnum() for char in text):
        return None  # nothing, or the full stop of a number
    return replace(segment, text=text, words=tuple(words) if segment.words else ())
