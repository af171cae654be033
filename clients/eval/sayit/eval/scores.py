"""Errors of one transcript against its label."""

from __future__ import annotations

from typing import Any

import jiwer


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
