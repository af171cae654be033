"""Merging channels: one transcript in order of time, and no channel in another one's way."""

from __future__ import annotations

from dataclasses import replace

from sayit.scheduler.assemble.merge import TranscribedChunk, coverage_of, merge
from sayit.speech.transcript import Segment, Span

from .helper import chunk, said, segment


def of(channel: int, one: TranscribedChunk) -> TranscribedChunk:
    """A chunk of a channel."""
    segments = tuple(replace(each, channel=channel) for each in one.segments)
    return replace(one, channel=channel, segments=segments)


def span(channel: int, start_s: float, end_s: float) -> Span:
    """Speech in a channel."""
    return Span(start_s=start_s, end_s=end_s, channel=channel)


def lines(segments: tuple[Segment, ...]) -> list[tuple[int, int, str]]:
    """Id, channel and text."""
    return [(each.id, each.channel, each.text) for each in segments]


def test_segments_of_all_channels_are_in_order_of_time() -> None:
    """By start, then by channel; ids count through; speech of two people at once keeps its times."""
    left = of(1, chunk(0, 0, 20, [segment(said("hello there", 1.0)), segment(said("and you", 6.0))]))
    right = of(2, chunk(1, 0, 20, [segment(said("hello back", 1.0)), segment(said("I am fine yes", 5.0))]))
    result = merge([right, left], speech=[span(1, 1, 7), span(2, 1, 7)], duration_s=20)
    assert lines(result.segments) == [
        (0, 1, "hello there"),
        (1, 2, "hello back"),
        (2, 2, "I am fine yes"),
        (3, 1, "and you"),
    ]
    assert result.segments[3].start_s < result.segments[2].end_s
    assert result.refinements == ()


def test_segments_of_one_channel_never_overlap() -> None:
    """Where two segments of a channel claim the same time they share it, whatever the other channel does."""
    long = segment(said("one two three four five six", 1.0))
    early = segment(said("seven eight", 3.0))
    left = of(1, chunk(0, 0, 20, [long, early]))
    right = of(2, chunk(1, 0, 20, [segment(said("over it all", 2.0))]))
    first, other, second = merge([left, right], speech=[], duration_s=20).segments
    assert (first.channel, other.channel, second.channel) == (1, 2, 1)
    assert first.end_s <= second.start_s
    assert (other.start_s, other.end_s) == (2.0, 3.5)


def test_a_hard_seam_joins_chunks_of_one_channel() -> None:
    """Between the two sides of a seam lie chunks of another channel that says the same words: they are left alone."""
    one = of(1, chunk(0, 0, 28, [segment(said("red green blue black wha", 25.5))], hard="end"))
    echo = of(2, chunk(1, 20, 30, [segment(said("green blue black", 26.0))], hard="startend"))
    two = of(1, chunk(2, 25.8, 50, [segment(said("ed green blue black white", 25.6))], hard="start"))
    result = merge([one, echo, two], speech=[], duration_s=50)
    by_channel = {
        number: " ".join(each.text for each in result.segments if each.channel == number) for number in (1, 2)
    }
    assert by_channel == {1: "red green blue black white", 2: "green blue black"}
    changed = {index for each in result.refinements for index in each.chunk_indexes}
    assert changed == {0, 2}
    assert all(part.channel == 1 for each in result.refinements for part in each.segments)


def test_coverage_adds_channels_up_and_its_gaps_name_theirs() -> None:
    """Text in one channel covers nothing in another; two people who speak at once count twice."""
    text = replace(segment(said("a b c d", 0.0)), channel=1)
    coverage = coverage_of([span(1, 0, 2), span(1, 5, 6), span(2, 0, 2)], [text])
    assert coverage.speech_detected_s == 5.0
    assert coverage.speech_transcribed_s == 2.0
    assert coverage.gaps == (span(2, 0, 2), span(1, 5, 6))


def test_a_recording_without_text_hides_no_speech() -> None:
    """A word of a quarter of a second is a gap where there is no text at all; beside text it is none."""
    text = replace(segment(said("a b c d", 0.0)), channel=1)
    assert coverage_of([span(1, 5, 5.25)], []).gaps == (span(1, 5, 5.25),)
    assert coverage_of([span(1, 5, 5.25)], [text]).gaps == ()


def test_the_language_is_that_of_most_speech_in_all_channels() -> None:
    """Ten seconds of Korean on one channel outweigh two of English on the other."""
    left = of(1, chunk(0, 0, 20, [segment(said("hi there", 1.0), language="en")], language="en"))
    korean = replace(segment(said("네 " * 20, 2.0), language="ko"), language_probability=0.8)
    right = of(2, chunk(1, 0, 20, [korean], language="ko", probability=0.8))
    result = merge([left, right], speech=[], duration_s=20)
    assert (result.language, round(result.language_probability, 3)) == ("ko", 0.8)
