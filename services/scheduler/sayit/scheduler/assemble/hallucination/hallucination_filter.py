"""Which text stays and which is removed."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from sayit.scheduler.assemble.hallucination.phrases import Doubt, Phrases
from sayit.scheduler.assemble.hallucination.repetition import repeated_segments, without_loops
from sayit.scheduler.assemble.words import removed_segment
from sayit.scheduler.jobs.records import ChunkOutput
from sayit.speech.options import Guard
from sayit.speech.transcript import Segment, Span, Suppressed, SuppressionReason
from sayit.speech.word_times import least_s

#: Whisper's times and those of voice activity detection differ by this much.
_SLACK_S = 0.5
#: No speaker says the same so often in a row: a loop of this many rounds needs no further evidence.
_ENDLESS = 20


@dataclass(frozen=True, kw_only=True)
class Strictness:
    """Thresholds of a level."""

    #: Below this mean log probability the model was unsure; whisper's own threshold is -1.
    unsure_logprob: float = -1.0
    #: Above this probability the model itself detected no speech; whisper's own is 0.6.
    no_speech_prob: float = 0.6
    #: Above this zlib ratio the window's text repeats itself; whisper's own is 2.4.
    compression_ratio: float = 2.4
    #: A segment of which less than this part lies in detected speech is outside of it.
    least_in_speech: float = 0.1
    #: The same for known phrases and repetitions, together with the next two: a little doubt.
    some_in_speech: float = 0.5
    some_logprob: float = -0.6
    some_no_speech_prob: float = 0.3
    #: Whether text outside of speech stays as long as the model is sure of it: voice activity detection misses some.
    trusts_sure_text: bool = True
    #: Repetitions in a row that are a loop if something else speaks against them: of a word, of several, of a segment.
    word_repeats: int = 6
    phrase_repeats: int = 4
    segment_repeats: int = 4


#: By the request's option; OFF has none.
LEVELS = {
    Guard.STANDARD: Strictness(),
    Guard.STRICT: Strictness(
        unsure_logprob=-0.7,
        no_speech_prob=0.4,
        compression_ratio=2.0,
        least_in_speech=0.3,
        some_in_speech=0.8,
        some_logprob=-0.3,
        some_no_speech_prob=0.1,
        trusts_sure_text=False,
        word_repeats=4,
        phrase_repeats=3,
        segment_repeats=3,
    ),
}


class HallucinationFilter:
    """Decides which text was probably not spoken.

    Nothing is removed for its wording alone: a known phrase goes, and a repetition is said once, where something else
    says that no voice was there: the detector, the model's probability of no speech, a low log probability of the text,
    or more text than a voice can say in that time.

    Args:
        phrases: known hallucinations.
    """

    def __init__(self, phrases: Phrases) -> None:
        self._phrases = phrases

    def adopt(self, phrases: Phrases) -> None:
        """Replaces the known phrases."""
        self._phrases = phrases

    def output(self, output: ChunkOutput, guard: Guard) -> ChunkOutput:
        """One chunk's text without what is removed before anything else is known of the recording; that is listed."""
        (kept,), removed = self.recording([output.segments], guard, speech=None)
        return replace(output, segments=kept, suppressed=(*output.suppressed, *removed))

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
        doubted: list[bool] = []
        for index, segments in enumerate(chunks):
            for segment in segments:
                in_speech = 1.0 if heard is None else _share_in_speech(segment, heard[segment.channel])
                evidence = _Evidence.of(segment, in_speech, level)
                looped, loops, rounds = without_loops(segment, level.word_repeats, level.phrase_repeats)
                reason = self._reason(segment, evidence, level, loops=bool(loops))
                if reason is not None:
                    removed.append(removed_segment(segment, reason))
                    continue
                cut = rounds >= _ENDLESS or evidence.some or evidence.too_fast
                kept.append((index, looped if cut else segment))
                doubted.append(evidence.some)
                removed += loops if cut else ()
        again = {
            place
            for place, count in repeated_segments([one for _, one in kept], level.word_repeats, level.segment_repeats)
            if doubted[place] or count >= _ENDLESS
        }
        removed += [removed_segment(kept[place][1], SuppressionReason.REPETITION) for place in again]
        left: list[list[Segment]] = [[] for _ in chunks]
        for place, (index, segment) in enumerate(kept):
            if place not in again:
                left[index].append(segment)
        return [tuple(segments) for segments in left], tuple(sorted(removed, key=lambda one: one.start_s))

    def _reason(
        self, segment: Segment, evidence: _Evidence, level: Strictness, *, loops: bool
    ) -> SuppressionReason | None:
        needed = self._phrases.known(segment.text)
        if needed is not None and (evidence.much or (needed is Doubt.SOME and evidence.enough)):
            return SuppressionReason.KNOWN_PHRASE
        weak = evidence.silent or evidence.wavering or evidence.repetitive or loops
        if evidence.outside and (weak or not level.trusts_sure_text):
            return SuppressionReason.OUTSIDE_SPEECH
        if evidence.silent and evidence.unsure:
            return SuppressionReason.NO_SPEECH
        return SuppressionReason.REPETITION if evidence.repetitive and evidence.unsure else None


@dataclass(frozen=True, kw_only=True)
class _Evidence:
    """What speaks against a segment, whatever its words are."""

    #: Hardly any of it lies in speech, or only some.
    outside: bool
    little_speech: bool
    #: The model detected no speech, or may have.
    silent: bool
    rather_silent: bool
    #: The model was unsure of the text, or a little.
    unsure: bool
    wavering: bool
    #: The window's text repeats itself.
    repetitive: bool
    #: A voice cannot say so much in the time.
    too_fast: bool

    @classmethod
    def of(cls, segment: Segment, in_speech: float, level: Strictness) -> _Evidence:
        """The evidence against a segment of which this part lies in detected speech."""
        return cls(
            outside=in_speech < level.least_in_speech,
            little_speech=in_speech < level.some_in_speech,
            silent=segment.no_speech_prob > level.no_speech_prob,
            rather_silent=segment.no_speech_prob > level.some_no_speech_prob,
            unsure=segment.avg_logprob < level.unsure_logprob,
            wavering=segment.avg_logprob < level.some_logprob,
            repetitive=segment.compression_ratio > level.compression_ratio,
            too_fast=least_s(segment.text) > in_speech * (segment.end_s - segment.start_s) + _SLACK_S,
        )

    @property
    def much(self) -> bool:
        """No voice was there."""
        return self.outside or self.silent

    @property
    def enough(self) -> bool:
        """A phrase that is rare in speech was not said: one clear sign, or two weak ones."""
        return self.much or self.little_speech or self.unsure or (self.wavering and self.rather_silent)

    @property
    def some(self) -> bool:
        """Anything at all."""
        return self.much or self.little_speech or self.wavering or self.rather_silent


def _by_channel(speech: Sequence[Span]) -> defaultdict[int, list[Span]]:
    spans: defaultdict[int, list[Span]] = defaultdict(list)
    for span in speech:
        spans[span.channel].append(span)
    return spans


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
