"""Loops: the same word, the same words, the same segment over and over. The first time stays, the others go."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from sayit.scheduler.assemble.hallucination.levels import Strictness
from sayit.speech.transcript import Segment, Suppressed, SuppressionReason, Word
from sayit.speech.word_times import words_of

#: The longest phrase that is looked for, in words.
_LONGEST_PHRASE = 8
#: A few letters again and again without a space: 아아아아아아 …, hahaha …
_LETTERS_LOOP = re.compile(r"(.{1,8}?)\1{9,}")


def without_loops(segment: Segment, level: Strictness) -> tuple[Segment, tuple[Suppressed, ...]]:
    """The segment with every loop said once, and what went."""
    words = list(words_of(segment))
    removed: list[Suppressed] = []
    for place, word in enumerate(words):
        short = _LETTERS_LOOP.sub(r"\1", word.text)
        if short != word.text:
            words[place] = replace(word, text=short)
            rest = replace(word, text=word.text.strip()[len(short.strip()) :])
            removed.append(_suppressed([rest], segment))
    while (loop := _loop(words, level)) is not None:
        start, end = loop
        removed.append(_suppressed(words[start:end], segment))
        del words[start:end]
    if not removed:
        return segment, ()
    text = "".join(word.text for word in words).strip()
    kept = replace(segment, text=text, end_s=max(words[-1].end_s, segment.start_s))
    return replace(kept, words=tuple(words) if segment.words else ()), tuple(removed)


def repeated_segments(segments: Sequence[Segment], level: Strictness) -> set[int]:
    """Which segments only say once more what those in front of them said, in a loop, in the same channel."""
    found: set[int] = set()
    first = 0
    keys = [(one.channel, _key(one.text)) for one in segments]
    for place in range(1, len(segments) + 1):
        if place == len(segments) or keys[place] != keys[first]:
            needed = level.segment_repeats if " " in segments[first].text else level.word_repeats
            if keys[first][1] and place - first >= needed:
                found |= set(range(first + 1, place))
            first = place
    return found


def _loop(words: Sequence[Word], level: Strictness) -> tuple[int, int] | None:
    """The repetitions of the first loop, without its first round: start and end among the words."""
    keys = [_key(word.text) for word in words]
    for length in range(1, _LONGEST_PHRASE + 1):
        needed = level.word_repeats if length == 1 else level.phrase_repeats
        run = 0
        for place in range(length, len(keys) + 1):
            if place < len(keys) and keys[place] == keys[place - length] != "":
                run += 1
                continue
            rounds = 1 + run // length
            if rounds >= needed:
                start = place - run
                return start, start + (rounds - 1) * length
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


def _key(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(letter for letter in folded if letter.isalnum())
