"""Text that is far too short for the speech it stands for: Whisper writes a phrase that is said six times once."""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice, takewhile

from sayit.speech.transcript import Segment, Span
from sayit.speech.word_times import least_s

#: A slow voice takes so many times as long as the fastest one: 4 syllables or 8 letters a second. Of 631 segments that
#: Whisper base wrote of real speech none is sparse, nor with 2.5; with 2 two of learners are.
_SLOW = 3.0
#: A digit is a word that is written short: half a second of a slow voice.
_DIGIT_S = 1 / 8
#: A segment is sparse if this much of its speech, in seconds and as a part of it, is more than its text takes.
_SPARE_S = 3.0
_SPARE_PART = 0.5
#: Scripts that are judged, by the first word of their Unicode names. Others are slower than their letters look: vowels
#: are not written (Arabic, Hebrew), or a letter is a syllable (Ethiopic, those of India and Southeast Asia).
_JUDGED = frozenset({"HANGUL", "CJK", "HIRAGANA", "KATAKANA", "LATIN", "CYRILLIC", "GREEK"})


def within(segment: Segment, speech: Sequence[Span]) -> list[Span]:
    """The speech of a segment's time.

    Args:
        segment: a segment.
        speech: detected speech of its channel, in order, without overlaps.
    """
    first = bisect_right(speech, segment.start_s, key=lambda span: span.end_s)
    here = takewhile(lambda span: span.start_s < segment.end_s, islice(speech, first, None))
    return [
        replace(span, start_s=max(span.start_s, segment.start_s), end_s=min(span.end_s, segment.end_s)) for span in here
    ]


def _slow_s(text: str) -> float:
    """The seconds that a slow voice takes for a text."""
    return _SLOW * (least_s(text) + _DIGIT_S * sum(letter.isdigit() for letter in text))


def _is_judged(text: str) -> bool:
    """Whether most of its letters are of such a script; one without letters is."""
    known = [unicodedata.name(letter, "?").split()[0] in _JUDGED for letter in text if letter.isalpha()]
    return sum(known) >= len(known) / 2


def unwritten(segment: Segment, speech: Sequence[Span]) -> list[Span]:
    """The end of a sparse segment's speech, which its text leaves over; nothing of another segment.

    Where in the segment the text was said is not known; its beginning is as likely as anything.
    """
    if not _is_judged(segment.text):
        return []
    here = within(segment, speech)
    left_s = _slow_s(segment.text)
    spoken_s = sum(span.duration_s for span in here)
    if spoken_s - left_s < max(_SPARE_S, _SPARE_PART * spoken_s):
        return []
    rest = []
    for span in here:
        if span.duration_s > left_s:
            rest.append(replace(span, start_s=span.start_s + left_s))
        left_s = max(0.0, left_s - span.duration_s)
    return rest
