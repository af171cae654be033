"""What is said in a recording, according to its label."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sayit.speech.language_names import AUTO
from sayit.speech.transcript import Span, Word
from sayit.speech.word_times import spread

#: Stretches without speech that are shorter than this are pauses, not silence.
SILENCE_S = 2.0
#: Labels' times are not exact: this much beside speech is neither speech nor silence.
MARGIN_S = 0.5


@dataclass(frozen=True, kw_only=True)
class Phrase:
    """Something said, with its times in seconds."""

    start_s: float
    end_s: float
    #: Language code.
    language: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Label:
    """A recording and what is said in it."""

    #: The recording.
    audio: Path
    #: Its name in reports; the same in every run on the same folder.
    name: str
    #: All that is said; empty for silence.
    text: str
    #: Codes of the languages spoken, in order of appearance.
    languages: tuple[str, ...]
    #: Phrases with times; empty where the label has none, and where nothing is said.
    phrases: tuple[Phrase, ...] = ()
    #: What kind of recording it is: conversation, terms, fast, dialect, noise …
    tags: tuple[str, ...] = ()

    @property
    def timed(self) -> bool:
        """Whether it is known when what is said."""
        return bool(self.phrases) or not self.text.split()

    @property
    def language(self) -> str:
        """The language to ask for: the one that is spoken, AUTO for several."""
        return self.languages[0] if len(self.languages) == 1 else AUTO

    @property
    def words(self) -> tuple[Word, ...]:
        """All words, with times guessed inside their phrase; a label without times has none."""
        return tuple(word for one in self.phrases for word in spread(one.text, one.start_s, one.end_s))

    def silences(self, duration_s: float) -> tuple[Span, ...]:
        """Where nothing is said for SILENCE_S or longer, less a margin beside speech; empty if that is unknown."""
        if not self.timed:
            return ()
        found: list[Span] = []
        position = 0.0
        for start, end in [*sorted((one.start_s, one.end_s) for one in self.phrases), (duration_s, duration_s)]:
            if start - position >= SILENCE_S:
                begin = position + MARGIN_S * (position > 0)
                found.append(Span(start_s=begin, end_s=start - MARGIN_S * (start < duration_s)))
            position = max(position, end)
        return tuple(found)
