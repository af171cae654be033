"""Guessed times of words, and words in order."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from sayit.speech.transcript import Segment, Word
from sayit.speech.word_times import in_order, spread, words_of

from . import values


def test_words_share_their_segments_time_by_letters():
    """Three letters take three times as long as one; a segment with words keeps them; no text, no words."""
    assert [(word.text, word.start_s, word.end_s) for word in spread(" abc d ", 2.0, 4.0)] == [
        (" abc", 2.0, 3.5),
        (" d", 3.5, 4.0),
    ]
    word = Word(text=" a", start_s=0.1, end_s=0.2, probability=0.5)
    segment = Segment(id=0, start_s=0, end_s=1, text="a", language="en", words=(word,))
    assert words_of(segment) == (word,)
    assert spread(" ", 0, 1) == ()


@given(st.lists(values.words), st.floats(0, 100), st.floats(0, 100))
def test_words_in_order_ascend_and_stay_inside(words, start_s, length_s):
    """Whatever the times were; texts and probabilities stay."""
    ordered = in_order(words, start_s, start_s + length_s)
    assert [(one.text, one.probability) for one in ordered] == [(one.text, one.probability) for one in words]
    assert all(start_s <= one.start_s <= one.end_s <= start_s + length_s for one in ordered)
    assert all(before.end_s <= after.start_s for before, after in itertools.pairwise(ordered))


def test_good_times_stay_as_they_are():
    """Order is only made where there is none."""
    words = spread("one two three", 1.0, 3.0)
    assert in_order(words, 1.0, 3.0) == words
    assert in_order(words, 0.0, 9.0) == words
