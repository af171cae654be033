"""Crosstalk: a channel's microphone picks up another channel's speaker, so that the text is there twice.

That two people say the same words in the same second is rare; that one of them is much louder at that, in the other
one's microphone, means that there is only one. A segment goes if all but a few of its words are said in another channel
at the same time and either that channel is clearly louder, or both channels are the same signal.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import chain, islice
from statistics import fmean

from sayit.scheduler.assemble.words import removed_segment, words_of
from sayit.speech.transcript import Segment, Suppressed, SuppressionReason

#: Fewer words are no sign, for people say yes at the same time, unless they begin and end together to this much.
_FEWEST_WORDS = 3
_TOGETHER_S = 0.25
#: The part of a segment's words that must be said in the other channel, in the same order.
_SAME_WORDS = 0.8
#: How much louder the other channel is at least. Headsets and telephones are 15 to 40 dB apart.
_LOUDER_DB = 6.0
#: Channels of one signal, as in a mono recording stored as stereo, differ by no more than rounding.
_SAME_SIGNAL_DB = 1.0
#: Segments of two channels begin and end differently by this much.
_SLACK_S = 0.5


@dataclass(frozen=True, kw_only=True)
class Loudness:
    """How loud every channel is at any time."""

    #: By channel, in dB re one int16 step, one byte for every `step_s`.
    levels: Mapping[int, bytes]
    #: Seconds.
    step_s: float

    def during(self, channel: int, segment: Segment) -> bytes:
        """The channel's levels while the segment is said, in dB; at least one within the recording."""
        first = int(segment.start_s / self.step_s)
        last = max(math.ceil(segment.end_s / self.step_s), first + 1)
        return self.levels.get(channel, b"")[first:last]


#: Nothing is known, and nothing is taken for crosstalk.
UNKNOWN = Loudness(levels={}, step_s=1.0)


def without_crosstalk(
    chunks: Sequence[Sequence[Segment]], loudness: Loudness
) -> tuple[list[tuple[Segment, ...]], tuple[Suppressed, ...]]:
    """What stays of each chunk, and the crosstalk.

    Args:
        chunks: their segments, those of a channel in order, without overlaps.
        loudness: of all channels.
    """
    by_channel: dict[int, list[Segment]] = {channel: [] for channel in loudness.levels}
    for segment in chain.from_iterable(chunks):
        by_channel.setdefault(segment.channel, []).append(segment)
    gone = {
        id(segment)  # equal segments may be said in two channels
        for channel, segments in by_channel.items()
        for segment in segments
        for other in by_channel
        if other != channel and _quieter(segment, other, loudness)
        if _same_words(segment, _meanwhile(segment, by_channel[other]))
    }
    kept = [tuple(segment for segment in chunk if id(segment) not in gone) for chunk in chunks]
    said_twice = (segment for segment in chain.from_iterable(chunks) if id(segment) in gone)
    return kept, tuple(removed_segment(segment, SuppressionReason.CROSSTALK) for segment in said_twice)


def _quieter(segment: Segment, other: int, loudness: Loudness) -> bool:
    ours, others = (loudness.during(channel, segment) for channel in (segment.channel, other))
    if not ours or len(ours) != len(others):
        return False
    if segment.channel > other and all(abs(a - b) <= _SAME_SIGNAL_DB for a, b in zip(ours, others, strict=True)):
        return True
    our_db, other_db = (10 * math.log10(fmean(10 ** (level / 10) for level in levels)) for levels in (ours, others))
    return other_db - our_db >= _LOUDER_DB


def _meanwhile(segment: Segment, theirs: Sequence[Segment]) -> Iterable[Segment]:
    first = bisect_left(theirs, segment.start_s - _SLACK_S, key=lambda one: one.end_s)
    for one in islice(theirs, first, None):
        if one.start_s > segment.end_s + _SLACK_S:
            return
        yield one


def _same_words(segment: Segment, theirs: Iterable[Segment]) -> bool:
    ours = _keys(segment)
    if len(ours) < _FEWEST_WORDS:
        return any(_keys(one) == ours and _together(one, segment) for one in theirs)
    others = [key for one in theirs for key in _keys(one)]
    blocks = SequenceMatcher(None, ours, others, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks) >= _SAME_WORDS * len(ours)


def _keys(segment: Segment) -> list[str]:
    return [placed.key for placed in words_of((segment,))]


def _together(one: Segment, other: Segment) -> bool:
    return max(abs(one.start_s - other.start_s), abs(one.end_s - other.end_s)) <= _TOGETHER_S
