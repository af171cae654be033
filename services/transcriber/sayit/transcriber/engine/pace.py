"""How much text a voice can say in a time, and what to do with more: the model wrote a loop."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from sayit.speech.word_times import least_s

#: Models place the ends of a text up to so much too near to each other.
_SLACK_S = 0.5
#: A loop's round has at most so many tokens; it is said at least so many times.
_LONGEST_ROUND, _LEAST_ROUNDS = 32, 4
#: Letters of an end that is said twice: fewer are one word, such as 네네.
_LEAST_ROUND = 3


def is_beyond_a_voice(text: str, seconds: float) -> bool:
    """Whether a text is more than can be said in so many seconds."""
    return least_s(text) > seconds + _SLACK_S


def is_more_of_the_same(text: str, other: str) -> bool:
    """Whether a text is longer than another, by twice at most, and has nearly all of the other's pairs of letters."""
    pairs, others = _pairs(text), _pairs(other)
    known = set(pairs)
    return len(others) < len(pairs) <= 2 * len(others) and sum(pair in known for pair in others) >= 0.9 * len(others)


def ends_twice(text: str) -> bool:
    """Whether a text's end, of three letters or more, stands there twice in a row."""
    letters = "".join(letter for letter in text.casefold() if letter.isalnum())
    return any(letters[-n:] == letters[-2 * n : -n] for n in range(_LEAST_ROUND, len(letters) // 2 + 1))


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
