"""Pieces of text in files: lines without surprises, their width, times of day of a recording."""

from __future__ import annotations

import re
import unicodedata

#: C0 and C1 control characters that are no white space; subtitle parsers stumble over them (WebVTT forbids U+0000).
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")
#: Marks on the letter before, and invisible characters.
_NO_WIDTH = frozenset({"Mn", "Me", "Cf"})


def line(text: str) -> str:
    """The text in one line: white space, line breaks and tabs become single spaces."""
    return " ".join(_CONTROL.sub("", text).split())


def channel_mark(channel: int) -> str:
    """What stands in front of a channel's text; nothing where channels were mixed."""
    return f"[{channel}] " if channel else ""


def width(text: str) -> int:
    """How many cells of a terminal, or half of a full-width square, the text takes (Unicode Annex 11).

    Hangul, kana and Chinese characters take two, Latin letters one. Letters of ambiguous width count as narrow.
    """
    return sum(map(_cells, text))


def is_wide(text: str) -> bool:
    """Whether it holds letters of full width."""
    return any(_cells(letter) == 2 for letter in text)


def _cells(letter: str) -> int:
    if letter.isascii():
        return 1
    if unicodedata.category(letter) in _NO_WIDTH or "\u1160" <= letter <= "\u11ff":
        return 0  # the latter: vowels and final consonants of decomposed Hangul, drawn into the syllable
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def ms(seconds: float) -> int:
    """Whole milliseconds, never below 0."""
    return max(0, round(seconds * 1000))


def clock(milliseconds: int, separator: str) -> str:
    """`01:02:03,456` with this separator; hours have as many digits as they need."""
    seconds, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{separator}{rest:03}"
