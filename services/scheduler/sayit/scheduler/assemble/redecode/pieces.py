"""Pieces: a stretch whose text is far too short is decoded again in pieces of about that text's length.

What a model writes once however often it is said, it writes again for every window. A window with audio around the
stretch, as a gap has it, gives the same text once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import pairwise

from sayit.scheduler.assemble.merge import Merged, TranscribedChunk
from sayit.scheduler.assemble.redecode.values import Heard
from sayit.scheduler.assemble.sparse import unwritten
from sayit.scheduler.assemble.words import letters
from sayit.scheduler.jobs.channels import LEVEL_SAMPLES
from sayit.scheduler.jobs.chunk_overrides import ChunkOverrides
from sayit.scheduler.jobs.redecodes import Redecode, RedecodeRequest
from sayit.speech.audio import samples_of
from sayit.speech.language_names import AUTO
from sayit.speech.options import Task
from sayit.speech.transcript import Segment, Span
from sayit.speech.word_times import least_s

#: A voice takes about twice the least time for a text; a piece has half as much again, so that no cut is pressed.
_TIMES_LEAST = 3.0
#: Seconds of a piece. Whisper needs about three; longer ones hold what is said twice.
_SHORTEST_S, _LONGEST_S = 2.5, 8.0
#: Most pieces of a segment.
_MOST = 12
#: Merging may have moved a segment's ends by so much, in samples.
_NEAR = samples_of(0.1)
#: Below it a piece's text is not used (Whisper's own threshold for a failed window), above the other one it is beyond
#: doubt.
_LEAST_LOGPROB, _SURE_LOGPROB = -1.0, -0.7
#: The part of what was written before that must be in the new text, in runs of so many letters: else it is another one.
_AGAIN, _ALIKE = 0.5, 2


class InPieces:
    """Speech for which far too little was written."""

    name = "pieces"
    share = 0.25
    least = 6

    def requests(self, heard: Heard, draft: Merged) -> Sequence[RedecodeRequest]:
        """See `Kind`: sparse segments in order, each as a whole or not at all."""
        if heard.options.task is Task.TRANSLATE:
            return []  # the parts of a sentence are not translated as the sentence is
        spans, had = heard.spans, heard.of_kind(self.name)
        room = max(self.least, int(self.share * len(heard.chunks))) - len(had)
        asked: list[RedecodeRequest] = []
        for segment in draft.segments:
            if letters(segment.text) and unwritten(segment, spans) and not _pieces(segment, had):
                pieces = _cut(segment, heard)
                asked += pieces if len(asked) + len(pieces) <= room else []
        return asked

    def with_redecodes(self, texts: Sequence[TranscribedChunk], heard: Heard) -> Sequence[TranscribedChunk]:
        """See `Kind`: a segment is replaced where all its pieces were decoded and together say more of the same."""
        spans, had = heard.spans, heard.of_kind(self.name)
        return [
            replace(
                text, segments=tuple(each for segment in text.segments for each in _in_its_place(segment, had, spans))
            )
            for text in texts
        ]


def _in_its_place(segment: Segment, had: Sequence[Redecode], spans: Sequence[Span]) -> Sequence[Segment]:
    pieces = _pieces(segment, had)
    if not pieces or not unwritten(segment, spans):
        return (segment,)
    found = [
        each
        for piece in pieces
        if piece.output is not None
        for each in piece.output.segments
        if each.avg_logprob >= _LEAST_LOGPROB
    ]
    whole = all(piece.output is not None for piece in pieces)
    return found if whole and _is_better(found, segment) else (segment,)


def _is_better(found: Sequence[Segment], segment: Segment) -> bool:
    """Whether a text says more, has what was written before, and is as sure or beyond doubt."""
    before, now = letters(segment.text), "".join(letters(each.text) for each in found)
    if len(now) <= len(before):
        return False
    sizes = [len(letters(each.text)) for each in found]
    logprob = sum(each.avg_logprob * size for each, size in zip(found, sizes, strict=True)) / len(now)
    blocks = SequenceMatcher(None, before, now, autojunk=False).get_matching_blocks()
    again = sum(block.size for block in blocks if block.size >= _ALIKE)
    return logprob >= min(segment.avg_logprob, _SURE_LOGPROB) and again >= _AGAIN * len(before)


def _pieces(segment: Segment, had: Sequence[Redecode]) -> list[Redecode]:
    """Those of a segment; none where they are not all there."""
    start, end = samples_of(segment.start_s), samples_of(segment.end_s)
    inside = [
        each for each in had if start - _NEAR <= each.request.start_sample and each.request.end_sample <= end + _NEAR
    ]
    length = sum(each.request.end_sample - each.request.start_sample for each in inside)
    return inside if length >= end - start - 2 * _NEAR else []


def _cut(segment: Segment, heard: Heard) -> list[RedecodeRequest]:
    """A segment in pieces of about its text's length, each cut at the quietest place near."""
    piece_s = min(max(_SHORTEST_S, _TIMES_LEAST * least_s(segment.text)), _LONGEST_S)
    count = min(max(2, round(segment.duration_s / piece_s)), _MOST)
    start, end = samples_of(segment.start_s), min(samples_of(segment.end_s), heard.samples)
    levels = heard.speech[0].levels if heard.speech else b""
    step = (end - start) // count
    cuts = [start, *(_quietest(start + place * step, step // 3, levels) for place in range(1, count)), end]
    asked = heard.options
    overrides = ChunkOverrides(language=segment.language if asked.language == AUTO else None, word_timestamps=True)
    return [
        RedecodeRequest(kind=InPieces.name, start_sample=first, end_sample=last, overrides=overrides)
        for first, last in pairwise(cuts)
    ]


def _quietest(sample: int, around: int, levels: bytes) -> int:
    """The middle of the quietest 0.2 s near a sample."""
    first, last = (sample - around) // LEVEL_SAMPLES, (sample + around) // LEVEL_SAMPLES
    near = range(first, min(last, len(levels)))
    if not near:
        return sample
    quietest = min(near, key=lambda place: (levels[place], abs(place * LEVEL_SAMPLES - sample)))
    return quietest * LEVEL_SAMPLES + LEVEL_SAMPLES // 2
