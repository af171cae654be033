"""Small rules of jobs, transcripts and audio."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sayit.speech.audio import samples_of, seconds_of
from sayit.speech.jobs import JobState, Progress
from sayit.speech.transcript import Coverage, Segment, Span, Transcript, Usage


def test_terminal_states():
    """Three states end a job."""
    assert {state.value for state in JobState if state.terminal} == {"completed", "failed", "cancelled"}


@pytest.mark.parametrize(
    ("done", "total", "fraction"),
    [(0.0, None, None), (5.0, None, None), (0.0, 0.0, 1.0), (5.0, 10.0, 0.5), (11.0, 10.0, 1.0)],
)
def test_fraction_done(done, total, fraction):
    """Unknown until the length is known, never above 1, and empty audio is done."""
    assert Progress(audio_done_s=done, audio_total_s=total).fraction == fraction


@given(st.integers(0, 10**12))
def test_samples_and_seconds_are_inverse(samples):
    """Seconds of samples give the samples back."""
    assert samples_of(seconds_of(samples)) == samples


def test_text_joins_what_was_said():
    """The text is the segments' texts with single spaces; empty segments leave no double space."""
    segments = tuple(
        Segment(id=i, start_s=i, end_s=i + 1, text=text, language="ko") for i, text in enumerate(["가", "", "나"])
    )
    transcript = Transcript(
        segments=segments,
        language="ko",
        language_probability=1.0,
        duration_s=3.0,
        coverage=Coverage(speech_detected_s=2.0, speech_transcribed_s=2.0),
        usage=Usage(audio_s=3.0, compute_s=1.0),
        model="small",
        preset="ko",
    )
    assert transcript.text == "가 나"
    assert Span(start_s=1.0, end_s=3.5).duration_s == 2.5
