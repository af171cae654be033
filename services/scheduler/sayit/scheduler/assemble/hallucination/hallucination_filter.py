"""Which text stays and which is removed."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from itertools import islice

from sayit.scheduler.assemble.hallucination.levels import LEVELS, Strictness
from sayit.scheduler.assemble.hallucination.phrases import Doubt, Phrases
from sayit.scheduler.assemble.hallucination.repetition import repeated_segments, without_loops
from sayit.speech.options import Guard
from sayit.speech.transcript import Segment, Span, Suppressed, SuppressionReason

#: Whisper's times and those of voice activity detection differ by this much.
_SLACK_S = 0.5


class HallucinationFilter:
    """Decides which text was probably not spoken.

    Args:
        phrases: known hallucinations.
    """

    def __init__(self, phrases: Phrases) -> None:
        self._phrases = phrases

    def adopt(self, phrases: Phrases) -> None:
        """Replaces the known phrases."""
        self._phrases = phrases

    def chunk(self, segments: Sequence[Segment], guard: Guard) -> tuple[tuple[Segment, ...], tuple[Suppressed, ...]]:
        """What stays of one chunk, and what is removed, before anything else is known of the recording."""
        (kept,), removed = self.recording([segments], guard, speech=None)
        return kept, removed

    def recording(
        self, chunks: Sequence[Sequence[Segment]], guard: Guard, *, speech: Sequence[Span] | None
    ) -> tuple[list[tuple[Segment, ...]], tuple[Suppressed, ...]]:
        """What stays of each chunk, and what is removed, in order of time.

        Args:
            chunks: their segments, channel by channel in order.
            guard: how strict to be.
            speech: detected speech, that of a channel in order; None if it is not known.
        """
        level = LEVELS.get(guard)
        if level is None:
            return [tuple(segments) for segments in chunks], ()
        heard = None if speech is None else _by_channel(speech)
        removed: list[Suppressed] = []
        kept: list[tuple[int, Segment]] = []
        for index, segments in enumerate(chunks):
            for segment in segments:
                looped, repetitions = without_loops(segment, level)
                here = None if heard is None else heard[segment.channel]
                reason = self._reason(segment, level, here, loops=bool(repetitions))
                if reason is None:
                    kept.append((index, looped))
                    removed += repetitions
                else:
                    removed.append(_removed(segment, reason))
        again = repeated_segments([segment for _, segment in kept], level)
        removed += [_removed(kept[place][1], SuppressionReason.REPETITION) for place in again]
        left: list[list[Segment]] = [[] for _ in chunks]
        for place, (index, segment) in enumerate(kept):
            if place not in again:
                left[index].append(segment)
        return [tuple(segments) for segments in left], tuple(sorted(removed, key=lambda one: one.start_s))

    def _reason(
        self, segment: Segment, level: Strictness, speech: Sequence[Span] | None, *, loops: bool
    ) -> SuppressionReason | None:
        in_speech = 1.0 if speech is None else _share_in_speech(segment, speech)
        outside = in_speech < level.least_in_speech
        silent = segment.no_speech_prob > level.no_speech_prob
        unsure = segment.avg_logprob < level.unsure_logprob
        repetitive = segment.compression_ratio > level.compression_ratio
        wavering = segment.avg_logprob < level.some_logprob
        needed = self._phrases.known(segment.text)
        if needed is not None and needed <= _doubt(segment, in_speech, level, much=outside or silent):
            return SuppressionReason.KNOWN_PHRASE
        if outside and (silent or wavering or repetitive or loops or not level.trusts_sure_text):
            return SuppressionReason.OUTSIDE_SPEECH
        if silent and unsure:
            return SuppressionReason.NO_SPEECH
        return SuppressionReason.REPETITION if repetitive and unsure else None


def _by_channel(speech: Sequence[Span]) -> defaultdict[int, list[Span]]:
    spans: defaultdict[int, list[Span]] = defaultdict(list)
    for span in speech:
        spans[span.channel].append(span)
    return spans


def _doubt(segment: Segment, in_speech: float, level: Strictness, *, much: bool) -> Doubt:
    if much:
        return Doubt.MUCH
    some = (
        in_speech < level.some_in_speech
        or segment.avg_logprob < level.some_logprob
        or segment.no_speech_prob > level.some_no_speech_prob
    )
    return Doubt.SOME if some else Doubt.NONE


def _share_in_speech(segment: Segment, speech: Sequence[Span]) -> float:
    """The part of the segment's time in which speech was detected, or half a second beside it."""
    covered_s = 0.0
    position_s = segment.start_s
    first = bisect_left(speech, segment.start_s - _SLACK_S, key=lambda span: span.end_s)
    for span in islice(speech, first, None):
        if span.start_s - _SLACK_S > segment.end_s:
            break
        start_s = max(span.start_s - _SLACK_S, position_s)
        end_s = min(span.end_s + _SLACK_S, segment.end_s)
        if end_s >= start_s and segment.end_s == segment.start_s:
            return 1.0
        if end_s > start_s:
            covered_s += end_s - start_s
            position_s = end_s
    length_s = segment.end_s - segment.start_s
    return covered_s / length_s if length_s > 0 else 0.0


def _removed(segment: Segment, reason: SuppressionReason) -> Suppressed:
    return Suppressed(
        text=segment.text, reason=reason, start_s=segment.start_s, end_s=segment.end_s, channel=segment.channel
    )
