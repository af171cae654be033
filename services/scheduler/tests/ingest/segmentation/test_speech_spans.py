"""Hysteresis over voice probabilities."""

from __future__ import annotations

import pytest

from sayit.scheduler.ingest.segmentation import SpeechFinder

F = 512


def finder() -> SpeechFinder:
    """Speech of at least 2 frames, silence of at least 3."""
    return SpeechFinder(threshold=0.5, neg_threshold=0.35, min_speech_samples=2 * F, min_silence_samples=3 * F)


@pytest.mark.parametrize(
    ("probabilities", "spans"),
    [
        ([0, 0.6, 0.6, 0, 0, 0, 0], [(1, 3)]),
        ([0.6, 0.4, 0.4, 0.4, 0.6, 0, 0, 0], [(0, 5)]),
        ([0.6, 0.6, 0, 0, 0.6, 0, 0, 0], [(0, 5)]),
        ([0.6, 0.6, 0, 0.4, 0.4, 0.6, 0, 0, 0], [(0, 2)]),
        ([0.4, 0.4, 0.4], []),
        ([0.6, 0, 0, 0], []),
        ([0, 0.6, 0.6, 0.6], [(1, 4)]),
    ],
)
def test_speech_begins_high_and_ends_low(probabilities: list[float], spans: list[tuple[int, int]]) -> None:
    """It begins at the threshold, survives the middle ground and short silence, and must be long enough."""
    found = finder()
    ended = [span for probability in probabilities for span in found.push([probability])]
    ended += found.finish(len(probabilities) * F)
    assert ended == [(start * F, end * F) for start, end in spans]


def test_speech_at_the_end_stops_where_the_recording_does() -> None:
    """The last frame may be filled up with silence; the span is not."""
    found = finder()
    found.push([0.9, 0.9, 0.9])
    assert found.finish(2 * F + 100) == [(0, 2 * F + 100)]


def test_open_speech_only_grows() -> None:
    """What was reported as going on is part of what is reported in the end."""
    found = finder()
    found.push([0.9])
    assert found.open_span is None
    assert found.possible_start == 0
    found.push([0.9, 0.1])
    assert found.open_span == (0, 2 * F)
    found.push([0.9])
    assert found.open_span == (0, 4 * F)
