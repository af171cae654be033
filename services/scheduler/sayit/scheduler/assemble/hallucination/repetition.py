"""Loops: the same word, the same words, the same segment over and over. The first time may stay, the others may go."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from sayit.scheduler.assemble.words import letters
from sayit.speech.transcript import Segment, Suppressed, SuppressionReason, Word
from sayit.speech.word_times import words_of

#: The longest phrase that is looked for, in words.
_LONGEST_PHRASE = 8
#: A few letters again and again without a space: 아아아아아아 …, hahaha …
_LETTERS_LOOP = re.compile(r"(.{1,8}?)\1{9,}")


def without_loops(
    segment: Segment, word_repeats: int, phrase_repeats: int
) -> tuple[Segment, tuple[Suppressed, ...], int]:
    """The segment with every loop said once, what would go, and the rounds of its longest loop.

    Args:
        segment: a segment; its words are guessed where it has none.
        word_repeats: repetitions of a word that are a loop.
        phrase_repeats: repetitions of several words that are a loop.
    """
    words = list(words_of(segment))
    removed: list[Suppressed] = []
    most = 0
    for place, word in enumerate(words):
        short = _LETTERS_LOOP.sub(r"\1", word.text)
        if short != word.text:
            most = max(most, *(len(found[0]) // len(found[1]) for found in _LETTERS_LOOP.finditer(word.text)))
            words[place] = replace(word, text=short)
            removed.append(_suppressed([replace(word, text=word.text.strip()[len(short.strip()) :])], segment))
    while (loop := _loop([letters(word.text) for word in words], word_repeats, phrase_repeats)) is not None:
        start, length, rounds = loop
        end = start + (rounds - 1) * length
        removed.append(_suppressed(words[start:end], segment))
        del words[start:end]
        most = max(most, rounds)
    if not removed:
        return segment, (), 0
    text = "".join(word.text for word in words).strip()
    kept = replace(segment, text=text, end_s=max(words[-1].end_s, segment.start_s))
    return replace(kept, words=tuple(words) if segment.words else ()), tuple(removed), most


def repeated_segments(
    segments: Sequence[Segment], word_repeats: int, segment_repeats: int
) -> Iterator[tuple[int, int]]:
    """Which segments only say once more what those in front of them said, in a loop, in the same channel.

    Each with the length of its row. A segment of one word is repeated as often as a word before it is a loop.
    """
    numbered = enumerate((one.channel, letters(one.text)) for one in segments)
    for (_, text), group in groupby(numbered, key=lambda each: each[1]):
        row = [place for place, _ in group]
        if text and len(row) >= (segment_repeats if " " in segments[row[0]].text else word_repeats):
            yield from ((place, len(row)) for place in row[1:])


def _loop(keys: Sequence[str], word_repeats: int, phrase_repeats: int) -> tuple[int, int, int] | None:
    """The first loop of the shortest phrase: where it begins, the phrase's words, and its rounds."""
    for length in range(1, _LONGEST_PHRASE + 1):
        run = 0
        for place in range(length, len(keys) + 1):
            if place < len(keys) and keys[place] == keys[place - length] != "":
                run += 1
                continue
            rounds = 1 + run // length
            if rounds >= (word_repeats if length == 1 else phrase_repeats):
                return place - run, length, rounds
            run = 0
    return None


def _suppressed(words: Sequence[Word], segment: Segment) -> Suppressed:
    return Suppressed(
        text="".join(word.text for word in words).strip(),
        reason=SuppressionReason.REPETITION,
        start_s=words[0].start_s,
        end_s=words[-1].end_s,
        channel=segment.channel,
    )
