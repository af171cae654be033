"""Times of words: what a voice needs at least, guesses where a model gave none, order where it gave odd ones."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from sayit.speech.transcript import Segment, Word

#: Scripts whose letters are syllables, or nearly; by the first word of their Unicode names.
_SYLLABIC = frozenset({"HANGUL", "CJK", "HIRAGANA", "KATAKANA"})
#: Letters per second that a voice does not exceed for long: the fastest of 671 Korean recordings has 10.8 syllables,
#: the fastest of 98 English ones 16.3 letters.
_SYLLABLES_PER_S, _LETTERS_PER_S = 12.0, 25.0


def words_of(segment: Segment) -> tuple[Word, ...]:
    """The segment's words; those of its text, spread over its time, where it has none."""
    return segment.words or spread(segment.text, segment.start_s, segment.end_s)


def spread(text: str, start_s: float, end_s: float) -> tuple[Word, ...]:
    """The text's words by spaces, each as long as its share of the letters; their probability is unknown, hence 0."""
    texts = text.split()
    letters = sum(map(len, texts))
    words: list[Word] = []
    done = 0
    for one in texts:
        start, end = (start_s + (end_s - start_s) * part / letters for part in (done, done + len(one)))
        words.append(Word(text=f" {one}", start_s=start, end_s=end, probability=0.0))
        done += len(one)
    return tuple(words)


def in_order(words: Sequence[Word], start_s: float, end_s: float) -> tuple[Word, ...]:
    """The words with times inside `start_s` … `end_s`, each beginning where the one before ended or later.

    Alignment (dynamic time warping over cross-attention) gives words that overlap by a frame or leave their segment now
    and then. Where two words claim the same time, the later one gives way.
    """
    earliest = start_s
    ordered: list[Word] = []
    for word in words:
        begin = min(max(word.start_s, earliest), end_s)
        end = min(max(word.end_s, begin), end_s)
        ordered.append(word if (begin, end) == (word.start_s, word.end_s) else replace(word, start_s=begin, end_s=end))
        earliest = end
    return tuple(ordered)


def least_s(text: str) -> float:
    """The seconds that a voice needs at least to say a text."""
    letters = [letter for letter in text if letter.isalnum()]
    syllables = sum(unicodedata.name(letter, "?").split()[0] in _SYLLABIC for letter in letters)
    return syllables / _SYLLABLES_PER_S + (len(letters) - syllables) / _LETTERS_PER_S
