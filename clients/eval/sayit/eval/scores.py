"""Errors of one transcript against its label, and where they are: at the boundaries of chunks, in silence.

What counts as the same word is said by the normalisers of OpenAI's Whisper, from the package whisper-normalizer (MIT).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from functools import cache
from typing import Any

import jiwer
from whisper_normalizer.basic import BasicTextNormalizer
from whisper_normalizer.english import EnglishTextNormalizer

from sayit.speech.transcript import Span, Word

#: Words this near to a boundary count as the boundary's.
NEAR_S = 1.0


class Normaliser(StrEnum):
    """How texts are made comparable before words are counted."""

    #: English as Whisper's authors do: numbers as digits, contractions written out, American spelling; other languages
    #: as `basic`.
    STANDARD = "standard"
    #: Lower case, no punctuation, nothing in brackets; numbers stay as they are spoken.
    BASIC = "basic"


def normalise(text: str, languages: tuple[str, ...], normaliser: Normaliser) -> str:
    """The text's words, with single spaces between them.

    A recording in several languages takes the English rules if English is among them: they change Latin letters only.
    """
    english = normaliser is Normaliser.STANDARD and "en" in languages
    normal = _normal(EnglishTextNormalizer if english else BasicTextNormalizer)
    # The English rules decompose letters, which takes Hangul syllables apart.
    return " ".join(unicodedata.normalize("NFC", normal(unicodedata.normalize("NFC", text))).split())


@cache
def _normal(rules: Callable[[], Callable[[str], str]]) -> Callable[[str], str]:
    return rules()


def word_errors(said: str, written: str) -> int:
    """Differing words between two normalised texts (Levenshtein distance over words)."""
    if not said or not written:
        return len(said.split()) + len(written.split())
    return _distance(jiwer.process_words(said, written))


def character_errors(said: str, written: str) -> int:
    """Differing characters between two normalised texts; spaces do not count, because Korean spacing is a choice."""
    said, written = said.replace(" ", ""), written.replace(" ", "")
    return _distance(jiwer.process_characters(said, written)) if said and written else len(said) + len(written)


def _distance(found: Any) -> int:
    return int(found.substitutions + found.deletions + found.insertions)


def spaced_alike(said: str, written: str) -> str:
    """`written` with its spaces where `said` has them, so that only letters are compared.

    The space-normalised word error rate of Korean (Bang et al. 2020, KsponSpeech): 한국 말 and 한국말 are both right.
    Letters are aligned without spaces; a word begins where the letter that it is aligned with begins one. Letters that
    were not said keep their own spaces.
    """
    plain_said, plain_written = said.replace(" ", ""), written.replace(" ", "")
    if not plain_said or not plain_written:
        return written
    starts, own = _word_starts(said), _word_starts(written)
    cuts: set[int] = set()
    for piece in jiwer.process_characters(plain_said, plain_written).alignments[0]:
        ref, hyp = piece.ref_start_idx, piece.hyp_start_idx
        if piece.type == "insert":
            cuts |= own & set(range(hyp, piece.hyp_end_idx))
        elif piece.type == "delete":
            if starts & set(range(ref, piece.ref_end_idx)):
                cuts.add(hyp)
        else:
            cuts |= {hyp + place - ref for place in range(ref, piece.ref_end_idx) if place in starts}
    return "".join(f" {letter}" if place in cuts else letter for place, letter in enumerate(plain_written)).strip()


def _word_starts(text: str) -> set[int]:
    """Where words begin in the text without spaces."""
    starts, position = set(), 0
    for word in text.split():
        starts.add(position)
        position += len(word)
    return starts


def comparable(words: Sequence[Word], languages: tuple[str, ...]) -> list[tuple[str, float]]:
    """Words as they are compared, each with the time of its middle; what is punctuation only is left out."""
    return [
        (part, (word.start_s + word.end_s) / 2)
        for word in words
        for part in normalise(word.text, languages, Normaliser.BASIC).split()
    ]


def lost_and_doubled(
    said: Sequence[tuple[str, float]], written: Sequence[str], boundaries: Sequence[Span]
) -> tuple[int, int]:
    """Words near a boundary that were said and not written, and that were written and not said."""
    times_s = [time_s for _, time_s in said]
    lost = doubled = 0
    if not said:
        return 0, 0
    for piece in _alignment([word for word, _ in said], written):
        if piece.type == "delete":
            lost += sum(_near(times_s[place], boundaries) for place in range(piece.ref_start_idx, piece.ref_end_idx))
        elif piece.type == "insert":
            at = times_s[min(piece.ref_start_idx, len(times_s) - 1)]
            doubled += (piece.hyp_end_idx - piece.hyp_start_idx) * _near(at, boundaries)
    return lost, doubled


def invented(said: Sequence[str], written: Sequence[tuple[str, float]], silences: Sequence[Span]) -> int:
    """Words that were written where nothing is said for seconds, and that nothing said explains."""
    count = 0
    for piece in _alignment(said, [word for word, _ in written]):
        if piece.type == "insert":
            for _, time_s in written[piece.hyp_start_idx : piece.hyp_end_idx]:
                count += any(span.start_s <= time_s <= span.end_s for span in silences)
    return count


def _alignment(said: Sequence[str], written: Sequence[str]) -> list[jiwer.AlignmentChunk]:
    if said and written:
        return list(jiwer.process_words(" ".join(said), " ".join(written)).alignments[0])
    kind = "delete" if said else "insert"
    return [jiwer.AlignmentChunk(kind, 0, len(said), 0, len(written))] if said or written else []


def _near(time_s: float, boundaries: Iterable[Span]) -> bool:
    return any(span.start_s - NEAR_S <= time_s <= span.end_s + NEAR_S for span in boundaries)
