"""What cues are made of: words that fit a line, with times in milliseconds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from sayit.speech.options import Rule, rules_of
from sayit.speech.rendering.text import is_wide, line, ms, width
from sayit.speech.transcript import Segment, Word
from sayit.speech.word_times import in_order, spread

#: Cells of a line, as broadcasters have them: 42 of Latin, 16 of full width (Netflix Timed Text Style Guides, general
#: requirements and Korean).
LINE_CELLS = 42
WIDE_LINE_CELLS = 32
#: Stands around the word that is said now, in a text whose words are highlighted; private characters of Unicode.
MARK, UNMARK = "\ue000", "\ue001"
#: What ends a sentence, closing quotes and brackets aside, and what ends a part of one.
_SENTENCE_ENDS = frozenset(".?!…。？！．")
_CLAUSE_ENDS = frozenset(",;:、，；：")
_CLOSING = "\"'”’»」』)]）］"
#: A letter, or a Latin word, with the marks after it that must not begin a line.
_LETTERS = re.compile(r"(?:[0-9A-Za-z]{1,20}|.)[^\w\s]{0,4}", re.DOTALL)
#: Dots that end no sentence.
_ABBREVIATIONS = frozenset({"mr.", "mrs.", "ms.", "dr.", "prof.", "st.", "no.", "vs.", "e.g.", "i.e."})


@dataclass(frozen=True, kw_only=True)
class Unit:
    """A word, or a part of one that is too wide for a line; `start_ms` ≤ `end_ms`."""

    #: Without spaces around it.
    text: str
    #: Whether a space stands before it, unless it begins a line.
    spaced: bool
    start_ms: int
    end_ms: int
    #: Cells.
    width: int
    #: Whether it has letters of full width, so that its line is a short one.
    wide: bool
    #: Whether a sentence ends with it.
    ends_sentence: bool
    #: Whether a clause ends with it.
    ends_clause: bool
    #: Whether its segment ends with it.
    ends_segment: bool = False


@dataclass(frozen=True, kw_only=True)
class SubtitleStyle:
    """How subtitles are cut and shown; the defaults are broadcasters'."""

    #: None: 42, and 32 where there are any letters of full width.
    max_line_width: Annotated[
        int | None,
        Rule("Most letters of a line; Hangul and Chinese characters count twice.", limits=(8, 200), examples=(32,)),
    ] = None
    max_line_count: Annotated[int, Rule("Most lines at a time.", limits=(1, 8))] = 2
    #: None: as many as fit.
    max_words_per_line: Annotated[int | None, Rule("Most words of a line.", limits=(1, 100))] = None
    #: In a cue of its own.
    highlight_words: Annotated[bool, Rule("Underline each word while it is said.")] = False
    #: None: 20, and 12 of Hangul.
    chars_per_second: Annotated[
        float | None,
        Rule("Letters that are read in a second; subtitles stay for so long where there is room.", limits=(1.0, 100.0)),
    ] = None
    #: Where speech leaves as much.
    min_gap_ms: Annotated[int, Rule("Least milliseconds between two subtitles.", limits=(0, 1000))] = 80

    def checked(self) -> SubtitleStyle:
        """This style, or INVALID_OPTION with the field at fault."""
        for name, rule in SUBTITLES.items():
            rule.check(name, getattr(self, name))
        return self

    def cells(self, *, wide: bool) -> int:
        """Most cells of a line that holds letters of full width, or none."""
        return self.max_line_width or (WIDE_LINE_CELLS if wide else LINE_CELLS)


BROADCASTERS = SubtitleStyle()
#: What a style may be.
SUBTITLES = rules_of(SubtitleStyle)


def units_of(segment: Segment, style: SubtitleStyle = BROADCASTERS) -> list[Unit]:
    """The segment's words in order; with guessed times where it has none, or none that say what its text says."""
    end_s = max(segment.start_s, segment.end_s)
    words: Sequence[Word] = segment.words
    if "".join("".join(word.text.split()) for word in words) != "".join(segment.text.split()):
        words = spread(segment.text, segment.start_s, end_s)
    found = [unit for word in in_order(words, segment.start_s, end_s) for unit in _units(word, style)]
    if found:
        found[0] = replace(found[0], spaced=True)
        found[-1] = replace(found[-1], ends_segment=True)
    return found


def joined(units: Sequence[Unit], marked: Unit | None = None) -> str:
    """The units' text in a line, one of them between the marks."""
    texts = (f"{MARK}{unit.text}{UNMARK}" if unit is marked else unit.text for unit in units)
    return "".join(f" {text}" if unit.spaced else text for unit, text in zip(units, texts, strict=True)).strip()


def _units(word: Word, style: SubtitleStyle) -> Iterator[Unit]:
    parts = [
        (piece, place == 0) for part in line(word.text).split() for place, piece in enumerate(_pieces(part, style))
    ]
    letters = sum(len(piece) for piece, _ in parts)
    done = 0
    for piece, begins in parts:
        start_s, end_s = (
            word.start_s + (word.end_s - word.start_s) * share / letters for share in (done, done + len(piece))
        )
        bare = piece.rstrip(_CLOSING)
        yield Unit(
            text=piece,
            spaced=begins and (done > 0 or word.text[:1].isspace()),
            start_ms=ms(start_s),
            end_ms=ms(end_s),
            width=width(piece),
            wide=is_wide(piece),
            ends_sentence=bare[-1:] in _SENTENCE_ENDS and bare.lower() not in _ABBREVIATIONS,
            ends_clause=bare[-1:] in _CLAUSE_ENDS,
        )
        done += len(piece)


def _pieces(text: str, style: SubtitleStyle) -> Iterator[str]:
    """The text whole if it fits a line; in letters if it is Chinese or Japanese without spaces; else in lines."""
    wide = is_wide(text)
    limit = style.cells(wide=wide)
    if width(text) <= limit:
        yield text
    elif wide:
        yield from _LETTERS.findall(text)
    else:
        yield from (text[start : start + limit] for start in range(0, len(text), limit))
