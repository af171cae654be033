"""Crosstalk: text that two channels have because one microphone heard both speakers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sayit.scheduler.assemble.merge import Loudness, Merged, TranscribedChunk, merge
from sayit.speech.transcript import Span, SuppressionReason

from .helper import chunk, said, segment

STEP_S = 0.2
SILENT, QUIET, LOUD = 10, 40, 70


def of(channel: int, *lines: tuple[str, float]) -> TranscribedChunk:
    """What a channel says, each line from a second on, half a second a word."""
    made = chunk(channel - 1, 0, 20, [segment(said(text, start_s)) for text, start_s in lines])
    return replace(made, channel=channel, segments=tuple(replace(one, channel=channel) for one in made.segments))


def levels(*stretches: tuple[float, float, int]) -> bytes:
    """Levels of 20 s: silent but for these stretches."""
    made = bytearray([SILENT] * round(20 / STEP_S))
    for start_s, end_s, level in stretches:
        first, last = round(start_s / STEP_S), round(end_s / STEP_S)
        made[first:last] = bytes([level] * (last - first))
    return bytes(made)


def merged(first: TranscribedChunk, second: TranscribedChunk, one: bytes, other: bytes) -> Merged:
    """Two channels with these levels, with speech where the text is."""
    speech = [
        Span(start_s=part.start_s, end_s=part.end_s, channel=each.channel)
        for each in (first, second)
        for part in each.segments
    ]
    loudness = Loudness(levels={1: one, 2: other}, step_s=STEP_S)
    return merge([first, second], speech=speech, duration_s=20, loudness=loudness)


def texts(result: Merged) -> list[tuple[int, str]]:
    """Channel and text of each segment."""
    return [(one.channel, one.text) for one in result.segments]


def test_what_another_channel_says_louder_goes() -> None:
    """The echo is listed, its chunk refined, and its speech is no gap: it was transcribed, in the other channel."""
    one = of(1, ("one two three four", 1.0))
    two = of(2, ("one two three four", 1.1), ("my own words here", 6.0))
    result = merged(one, two, levels((1, 3, LOUD)), levels((1, 3.2, QUIET), (6, 8, LOUD)))
    assert texts(result) == [(1, "one two three four"), (2, "my own words here")]
    assert [(each.reason, each.channel, each.text) for each in result.suppressed] == [
        (SuppressionReason.CROSSTALK, 2, "one two three four")
    ]
    assert [(each.chunk_indexes, len(each.segments)) for each in result.refinements] == [((1,), 1)]
    assert result.coverage.gaps == ()


@pytest.mark.parametrize(
    ("mine", "echo", "at_s", "level"),
    [
        ("one two three four", "one two three four", 1.0, LOUD),
        ("yes yes", "yes yes", 1.5, QUIET),
        ("one two three four", "five six seven eight", 1.0, QUIET),
        ("one two", "one two three four five", 1.0, QUIET),
    ],
    ids=["as loud", "two words, later", "other words", "and own words"],
)
def test_what_may_be_said_by_two_stays(mine: str, echo: str, at_s: float, level: int) -> None:
    """Words that are as loud, few, others, or more than the other channel's are nobody's echo."""
    result = merged(of(1, (mine, 1.0)), of(2, (echo, at_s)), levels((1, 4, LOUD)), levels((1, 4, level - 2)))
    assert texts(result) == [(1, mine), (2, echo)]
    assert result.suppressed == ()


def test_a_word_that_begins_and_ends_together_goes() -> None:
    """One or two words are an echo only if both channels have them at exactly the same time."""
    one, two = of(1, ("yes", 1.0)), of(2, ("Yes.", 1.1))
    assert texts(merged(one, two, levels((1, 2, LOUD)), levels((1, 2, QUIET)))) == [(1, "yes")]


def test_who_repeats_what_was_said_is_no_echo() -> None:
    """A number read back by the other side is loud in its own channel while it is read."""
    one, two = of(1, ("one two three four", 1.0)), of(2, ("one two three four", 3.1))
    result = merged(one, two, levels((1, 3, LOUD), (3.1, 5.1, QUIET)), levels((1, 3, QUIET), (3.1, 5.1, LOUD)))
    assert len(result.segments) == 2


def test_one_signal_on_two_channels_is_written_once() -> None:
    """A mono recording stored as stereo has the same levels all the time: the first channel keeps the text."""
    one, two = of(1, ("one two three four", 1.0)), of(2, ("one two three four", 1.0))
    same = levels((1, 3, LOUD))
    assert texts(merged(one, two, same, same)) == [(1, "one two three four")]
