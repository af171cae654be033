"""What is known of each audio channel, and text that says which one it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sayit.scheduler.jobs.records import ChunkOutput
from sayit.speech.audio import SAMPLE_RATE_HZ
from sayit.speech.transcript import Segment

#: Samples of one level (0.2 s): about a word.
LEVEL_SAMPLES = SAMPLE_RATE_HZ // 5


@dataclass(frozen=True, kw_only=True)
class ChannelSpeech:
    """Speech that was detected in one channel."""

    #: From 1; 0 where channels were mixed.
    channel: int
    #: In samples, in order, without overlaps.
    spans: tuple[tuple[int, int], ...]
    #: How loud every 0.2 s is, in dB re one int16 step; empty where there is no other channel.
    levels: bytes = b""


def tagged(segments: Sequence[Segment], channel: int) -> tuple[Segment, ...]:
    """The segments of a channel."""
    return tuple(replace(segment, channel=channel) for segment in segments)


def shown(segments: Sequence[Segment], *, words: bool) -> tuple[Segment, ...]:
    """What clients see of a text: words only where they were asked for; merging needs them in any case."""
    return tuple(segments) if words else tuple(replace(segment, words=()) for segment in segments)


def output_of_channel(output: ChunkOutput, channel: int) -> ChunkOutput:
    """A chunk's text as that of a channel; the model's text may be cached from another one."""
    suppressed = tuple(replace(one, channel=channel) for one in output.suppressed)
    return replace(output, segments=tagged(output.segments, channel), suppressed=suppressed)
