"""Pieces: a stretch whose text is far too short is decoded again in pieces of about that text's length.

What a model writes once however often it is said, it writes again for every window. A window with audio around the
stretch, as a gap has it, gives the same text once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
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
from sayit.speech.transcript import Segment
from sayit.speech.word_times import least_s

#: A voice takes about twice the least time for a text; a piece has half as much again, so that no cut is pressed.
_TIMES_LEAST = 3.0
#: Seconds of a piece. Whisper needs about three; longer ones hold what is said twice.
_SHORTEST_S, _LONGEST_S = 2.5, 8.0
#: Most pieces of a segment.
_MOST = 12
#: Below it a piece's text is not used (Whisper's own threshold for a failed window).
_LEAST_LOGPROB = -1.0


class InPieces:
    """Speech for which far too little was written."""

    name = "pieces"
    share = 0.25
    least = _MOST

    def requests(self, heard: Heard, draft: Merged) -> Sequence[RedecodeRequest]:  # noqa: ARG002 - the kinds' signature
        """See `Kind`: every sparse segment as a whole, in order."""
        return [request for segment in _sparse(heard) for request in _cut(segment, heard)]

    def with_redecodes(self, texts: Sequence[TranscribedChunk], heard: Heard) -> Sequence[TranscribedChunk]:
        """See `Kind`: a segment is replaced where all its pieces have ended and together say more."""
        by_request = {redecode.request: redecode for redecode in heard.of_kind(self.name)}
        now = list(texts)
        for segment in _sparse(heard):
            requests = [replace(each, channel=segment.channel) for each in _cut(segment, heard)]
            pieces = [by_request[request] for request in requests if request in by_request]
            found = _said(pieces)
            if len(pieces) == len(requests) and _letters(found) > _letters((segment,)):
                now = [_replaced(text, segment, found) for text in now]
        return now


def _sparse(heard: Heard) -> list[Segment]:
    return [each for text in heard.texts for each in text.segments if unwritten(each, heard.spans)]


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


def _said(pieces: Sequence[Redecode]) -> tuple[Segment, ...]:
    return tuple(
        segment
        for piece in pieces
        if piece.output is not None
        for segment in piece.output.segments
        if segment.avg_logprob >= _LEAST_LOGPROB
    )


def _letters(segments: Sequence[Segment]) -> int:
    return sum(len(letters(segment.text)) for segment in segments)


def _replaced(text: TranscribedChunk, gone: Segment, found: Sequence[Segment]) -> TranscribedChunk:
    if gone not in text.segments:
        return text
    place = text.segments.index(gone)
    return replace(text, segments=(*text.segments[:place], *found, *text.segments[place + 1 :]))
