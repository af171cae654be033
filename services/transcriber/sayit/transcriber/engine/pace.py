"""How much text a voice can say in a time, and what to do with more: the model wrote a loop."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import pairwise

#: Scripts whose letters are syllables, or nearly; by the first word of their Unicode names.
_SYLLABIC = frozenset({"HANGUL", "CJK", "HIRAGANA", "KATAKANA"})
#: Letters per second that a voice does not exceed for long: the fastest of 671 Korean recordings has 10.8 syllables,
#: the fastest of 98 English ones 16.3 letters.
_SYLLABLES_PER_S, _LETTERS_PER_S = 12.0, 25.0
#: Models place the ends of a text up to so much too near to each other.
_SLACK_S = 0.5
#: A loop's round has at most so many tokens; it is said at least so many times.
_LONGEST_ROUND, _LEAST_ROUNDS = 32, 4


def least_s(text: str) -> float:
    """The seconds that a voice needs at least to say a text."""
    letters = [letter for letter in text if letter.isalnum()]
    syllables = sum(unicodedata.name(letter, "?").split()[0] in _SYLLABIC for letter in letters)
    return syllables / _SYLLABLES_PER_S + (len(letters) - syllables) / _LETTERS_PER_S


def is_beyond_a_voice(text: str, seconds: float) -> bool:
    """Whether a text is more than can be said in so many seconds."""
    return least_s(text) > seconds + _SLACK_S


def is_more_of_the_same(text: str, other: str) -> bool:
    """Whether a text is longer than another, by twice at most, and has nearly all of the other's pairs of letters."""
    pairs, others = _pairs(text), _pairs(other)
    known = set(pairs)
    return len(others) < len(pairs) <= 2 * len(others) and sum(pair in known for pair in others) >= 0.9 * len(others)


def _pairs(text: str) -> list[tuple[str, str]]:
    return list(pairwise(letter for letter in text.casefold() if letter.isalnum()))


def once(tokens: Sequence[int]) -> int:
    """How many of a text's tokens are left if the loop that it ends in is said once; all of them where there is none.

    The shortest round that is repeated often enough counts; the last one may be broken off.
    """
    for length in range(1, min(_LONGEST_ROUND, len(tokens) // _LEAST_ROUNDS) + 1):
        start = len(tokens)
        while start > length and tokens[start - 1] == tokens[start - 1 - length]:
            start -= 1
        # `start` is where the second round begins.
        if len(tokens) - start >= (_LEAST_ROUNDS - 1) * length:
            return start
    return len(tokens)
