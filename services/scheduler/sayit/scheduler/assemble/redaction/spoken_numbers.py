"""Numbers as people say them and Whisper writes them: digits, words for digits, what is said between them. Pure.

"010-1234-5678", "공일공에 일이삼사 다시 오육칠팔이요" and "zero one zero, double five …" all become runs of digits.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from importlib import resources
from typing import NamedTuple

#: Every alternative takes characters that no other one begins with, so the time is linear in the text.
_TOKEN = re.compile(r"\d+|[^\W\d_가-힣]+|[가-힣]+|\s+|[\W_]")
_DATA = tomllib.loads((resources.files(__package__) / "data" / "spoken.toml").read_text(encoding="utf-8"))
#: Digits by syllable and by word; what is said for two digits, and in front of one.
_HANGUL, _WORDS, _SPOKEN, _TEENS, _TENS = (_DATA[name] for name in ("syllables", "korean", "english", "teens", "tens"))
_TIMES = {"double": 2, "triple": 3}
#: Said, or written, between the parts of one number; said while it is dictated: a listener's yes, a pause for thought.
_JOINTS, _FILLERS = frozenset(_DATA["joints"].split()), frozenset(_DATA["fillers"].split())
#: What follows a quantity: so many of it are no number that means a person.
_UNITS = re.compile("|".join(_DATA["units"].split()))
#: How a number in Hangul ends, and with which of these endings its last 이 is no digit: 팔이요 is 8.
_ENDINGS = re.compile(f"(?:{'|'.join(_DATA['endings'].split())})요?")
_AFTER_TO_BE = re.compile("|".join(_DATA["endings_of_to_be"].split()))
_MONEY, _PLUS = frozenset("$₩€£¥"), frozenset(("+", "플러스", "plus"))
_BETWEEN = _JOINTS | _FILLERS
#: Most words between two parts of a number.
_MOST_BETWEEN = 5


@dataclass(frozen=True, kw_only=True)
class Group:
    """Digits that were said or written in one piece."""

    digits: str
    #: Where they stand in the text.
    start: int
    end: int
    #: Whether they may be no digits after all: the "이" of "이요".
    doubtful: bool = False
    #: Whether more than a joint of numbers stands before them: a comma, a listener's "네".
    loose: bool = False


@dataclass(frozen=True, kw_only=True)
class DigitRun:
    """Groups with nothing between them but what people say while they dictate a number."""

    groups: tuple[Group, ...]
    #: Whether a plus stands before it, as before a number with its country.
    plus: bool
    #: Whether it is an amount of money, by what stands before it.
    money: bool
    #: Whether a unit follows: the last group is a quantity.
    unit: bool


class _Token(NamedTuple):
    """A word, white space or a sign."""

    start: int
    end: int
    #: Without case.
    word: str
    #: The digits that it is; none for anything else.
    groups: tuple[Group, ...] = ()


def runs(text: str) -> Iterator[DigitRun]:
    """The runs of digits in a text, in order; the time is linear."""
    groups: list[Group] = []
    between: list[str] = []
    before = ""

    def run(following: str) -> DigitRun:
        unit = bool(_UNITS.match(following))
        return DigitRun(groups=tuple(groups), plus=first in _PLUS, money=first in _MONEY, unit=unit)

    first = ""  # what stands before the run
    for piece in _combined(_pieces(text)):
        if piece.groups:
            first = before if not groups else first
            loose = bool(groups) and any(one not in _JOINTS for one in between)
            groups += [replace(piece.groups[0], loose=loose), *piece.groups[1:]]
            between = []
        elif piece.word.isspace():
            continue
        elif groups and piece.word in _BETWEEN and len(between) < _MOST_BETWEEN:
            between.append(piece.word)
        else:
            if groups:
                yield run("" if between else piece.word)
            groups, between, before = [], [], piece.word
    if groups:
        yield run("")


def _pieces(text: str) -> Iterator[_Token]:
    """The text's words; endings of Korean numbers are words of their own."""
    after = False  # whether the word before is a number
    for token in _TOKEN.finditer(text):
        word, (start, end) = token[0].casefold(), token.span()
        if word.isspace():
            yield _Token(start, end, word)
            continue
        if "가" <= word[0] <= "힣" and word not in _WORDS:
            pieces = _korean(word, start, end, after=after)
        else:
            digits = _digits_of(word)
            pieces = [_Token(start, end, word, (Group(digits=digits, start=start, end=end),) if digits else ())]
        yield from pieces
        after = bool(pieces[0].groups)


def _combined(pieces: Iterable[_Token]) -> Iterator[_Token]:
    """The same, with "double five" and "twenty-three" as one piece each."""
    held: _Token | None = None
    for piece in pieces:
        if held is not None:
            if piece.word.isspace() or (held.groups and piece.word == "-"):
                continue
            digit = _SPOKEN.get(piece.word)
            yield held if digit is None else _joined(held, piece, digit)
            held = None
            if digit is not None:
                continue
        if piece.word in _TIMES or piece.word in _TENS:
            held = piece
        else:
            yield piece
    if held is not None:
        yield held


def _joined(first: _Token, last: _Token, digit: str) -> _Token:
    digits = digit * _TIMES[first.word] if first.word in _TIMES else _TENS[first.word][0] + digit
    return _Token(first.start, last.end, last.word, (Group(digits=digits, start=first.start, end=last.end),))


def _digits_of(word: str) -> str:
    """The digits that a word is; empty for any other word."""
    if word.isdecimal():
        return "".join(str(unicodedata.digit(char)) for char in word)
    return _WORDS.get(word) or _SPOKEN.get(word) or _TEENS.get(word) or _TENS.get(word) or ""


def _korean(word: str, start: int, end: int, *, after: bool) -> list[_Token]:
    """A word in Hangul: its syllables that are digits, then the ending; any other word as it is.

    A single syllable with an ending is an ordinary word, such as 일은 or 이에요, but behind a number.
    """
    length = next((place for place, char in enumerate(word) if char not in _HANGUL), len(word))
    rest = word[length:]
    if not length or (rest and not ((length > 1 or after) and _ENDINGS.fullmatch(rest))):
        return [_Token(start, end, word)]
    # The last syllable of 팔이요 belongs to the verb.
    certain = length - 1 if length > 1 and word[length - 1] == "이" and _AFTER_TO_BE.match(rest) else length
    groups = [Group(digits="".join(map(_HANGUL.__getitem__, word[:certain])), start=start, end=start + certain)]
    if certain < length:
        groups.append(Group(digits="2", start=start + certain, end=start + length, doubtful=True))
    number = _Token(start, start + length, word[:length], tuple(groups))
    return [number, _Token(start + length, end, rest)] if rest else [number]
