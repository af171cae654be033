"""Detected speech against transcribed speech."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sayit.scheduler.assemble.sparse import unwritten
from sayit.speech.transcript import Coverage, Segment, Span

#: Speech without text that is shorter than this is no gap beside text, whose times are not exact.
MIN_GAP_S = 0.5


def coverage_of(speech: Sequence[Span], segments: Sequence[Segment]) -> Coverage:
    """How much of the detected speech has text in its channel, and where it has none.

    It has text inside segments, but not where a segment is far too long for what it says.

    Args:
        speech: detected speech; that of a channel in order, without overlaps.
        segments: segments; those of a channel in order, without overlaps.
    """
    gaps: list[Span] = []
    missing_s = 0.0
    for channel in {span.channel for span in speech}:
        more, more_s = _gaps(
            [span for span in speech if span.channel == channel],
            [segment for segment in segments if segment.channel == channel],
            MIN_GAP_S if segments else 0.0,
        )
        gaps += more
        missing_s += more_s
    gaps.sort(key=lambda gap: (gap.start_s, gap.channel))
    detected_s = sum(span.duration_s for span in speech)
    return Coverage(
        speech_detected_s=detected_s, speech_transcribed_s=max(detected_s - missing_s, 0.0), gaps=tuple(gaps)
    )


def _gaps(speech: Sequence[Span], segments: Sequence[Segment], least_s: float) -> tuple[list[Span], float]:
    """The gaps of a channel, from so many seconds on, and all seconds without text."""
    found: list[Span] = []
    first = 0
    for span in speech:
        while first < len(segments) and segments[first].end_s <= span.start_s:
            first += 1
        found += _uncovered(span, segments, first)
    for segment in segments:
        found += unwritten(segment, speech)
    return [gap for gap in found if gap.duration_s >= least_s], sum(gap.duration_s for gap in found)


def _uncovered(span: Span, segments: Sequence[Segment], first: int) -> list[Span]:
    """The parts of a span outside the segments, of which those before `first` end before the span."""
    parts: list[Span] = []
    position = span.start_s
    for index in range(first, len(segments)):
        segment = segments[index]
        if segment.start_s >= span.end_s:
            break
        if segment.start_s > position:
            parts.append(replace(span, start_s=position, end_s=segment.start_s))
        position = max(position, segment.end_s)
    if position < span.end_s:
        parts.append(replace(span, start_s=position))
    return parts
