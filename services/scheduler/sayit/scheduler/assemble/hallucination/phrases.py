"""Phrases that Whisper writes where there is no speech: data files, and what they match."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from importlib import resources
from pathlib import Path

from sayit.scheduler.assemble.words import letters

#: What a `*` stands for: up to this many letters, a name or two.
_ANYTHING = ".{1,24}"
_SENTENCE_ENDS = re.compile(r"[.!?…。？！]+(?=\s|$)|\n")


class PhrasesError(Exception):
    """A file of phrases cannot be read."""


class Doubt(IntEnum):
    """How much evidence removes a known phrase."""

    #: The model was unsure, or there is little speech there: people hardly say it.
    SOME = 1
    #: There is no speech there, or the model said so: the phrase is common in speech.
    MUCH = 2


@dataclass(frozen=True, kw_only=True)
class Phrases:
    """The known phrases."""

    _patterns: tuple[tuple[re.Pattern[str], Doubt], ...]

    def known(self, text: str) -> Doubt | None:
        """The doubt that the text needs; None if one of its sentences is no known phrase."""
        doubts = [self._doubt(said) for sentence in _SENTENCE_ENDS.split(text) if (said := letters(sentence))]
        known = [doubt for doubt in doubts if doubt is not None]
        return max(known) if known and len(known) == len(doubts) else None

    def _doubt(self, said: str) -> Doubt | None:
        found = [doubt for pattern, doubt in self._patterns if pattern.fullmatch(said)]
        return min(found) if found else None


def load_phrases(more: Path | None = None) -> Phrases:
    """The phrases that come with SayIt (Korean and English), and those of another file in the same form.

    A phrase a line, without regard to case, spaces and punctuation; `*` stands for a name. `?` in front: only with much
    doubt. (`!` in front, which once meant "always", means nothing any more: no phrase goes where it was clearly said.)
    Empty lines and lines that begin with `#` are left out.

    Raises:
        PhrasesError: the file cannot be read.
    """
    texts = [one.read_text(encoding="utf-8") for one in _own_files()]
    if more is not None:
        try:
            texts.append(more.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise PhrasesError(f"{more}: {error}") from error
    return Phrases(_patterns=tuple(_patterns(line for text in texts for line in text.splitlines())))


def _own_files() -> list[resources.abc.Traversable]:
    folder = resources.files(__package__) / "data"
    return sorted((one for one in folder.iterdir() if one.name.endswith(".txt")), key=lambda one: one.name)


def _patterns(lines: Iterable[str]) -> Iterable[tuple[re.Pattern[str], Doubt]]:
    for line in lines:
        phrase = line.strip()
        if not phrase or phrase.startswith("#"):
            continue
        doubt = Doubt.MUCH if phrase.startswith("?") else Doubt.SOME
        parts = [re.escape(letters(part)) for part in phrase.lstrip("!?").split("*")]
        if any(parts):
            yield re.compile(_ANYTHING.join(parts)), doubt
