"""Errors of one transcript against its label."""

from __future__ import annotations

from dataclasses import dataclass

import jiwer


@dataclass(frozen=True, kw_only=True)
class Errors:
    """Differences between what was said and what was written."""

    #: Units said.
    said: int
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.substitutions + self.deletions + self.insertions


def word_errors(said: str, written: str) -> Errors:
    """Differing words between two normalised texts (Levenshtein distance over words)."""
    if not said or not written:
        return _one_sided(len(said.split()), len(written.split()))
    found = jiwer.process_words(said, written)
    return Errors(
        said=len(said.split()),
        substitutions=found.substitutions,
        deletions=found.deletions,
        insertions=found.insertions,
    )


def character_errors(said: str, written: str) -> Errors:
    """Differing characters between two normalised texts; spaces do not count, because Korean spacing is a choice."""
    said, written = said.replace(" ", ""), written.replace(" ", "")
    if not said or not written:
        return _one_sided(len(said), len(written))
    found = jiwer.process_characters(said, written)
    return Errors(
        said=len(said), substitutions=found.substitutions, deletions=found.deletions, insertions=found.insertions
    )


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


def _one_sided(said: int, written: int) -> Errors:
    return Errors(said=said, deletions=said, insertions=written)
