"""Languages: a chunk whose language was in doubt is decoded in that of its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from sayit.scheduler.assemble.merge import Merged, TranscribedChunk
from sayit.scheduler.assemble.redecode.values import Heard
from sayit.scheduler.jobs.chunk_overrides import ChunkOverrides
from sayit.scheduler.jobs.records import DoneChunk
from sayit.scheduler.jobs.redecodes import RedecodeRequest
from sayit.speech.language_names import AUTO
from sayit.speech.options import resolve
from sayit.speech.transcript import Segment

#: Below it a detected language is in doubt, as it is for the engine.
DOUBT = 0.8
#: What it counts that both neighbours speak a language, in mean log probability per token: labelled segments that are
#: in doubt (noise added) are worse by at most 0.14 in their own language than in the other.
NEIGHBOURS = 0.15


class Languages:
    """Chunks in a language of their own, between two in another."""

    name = "language"
    share = 0.25
    least = 2

    def requests(self, heard: Heard, draft: Merged) -> Sequence[RedecodeRequest]:  # noqa: ARG002 - the kinds' signature
        """See `Kind`."""
        if heard.options.language != AUTO or heard.redecodes:
            return ()
        return [
            RedecodeRequest(
                kind=self.name,
                start_sample=chunk.start_sample,
                end_sample=chunk.end_sample,
                overrides=ChunkOverrides(
                    language=language, word_timestamps=True if chunk.hard_start or chunk.hard_end else None
                ),
                channel=chunk.channel,
            )
            for chunk, language in _doubtful(heard)
        ]

    def with_redecodes(self, texts: Sequence[TranscribedChunk], heard: Heard) -> Sequence[TranscribedChunk]:
        """See `Kind`: a text in the neighbours' language is kept if it is as good, or nearly."""
        threshold = resolve(heard.options, heard.presets).compression_ratio_threshold
        standing = list(texts)
        for place, (chunk, text) in enumerate(zip(heard.chunks, texts, strict=True)):
            for redecode in heard.of_kind(self.name):
                if redecode.output is None or _place(redecode.request) != _place(chunk):
                    continue
                if _is_as_good(redecode.output.segments, text.segments, threshold):
                    # Of two languages exactly what detection left to the other; of more, at most that.
                    probability = 1 - chunk.output.language_probability
                    standing[place] = replace(
                        text,
                        segments=tuple(replace(s, language_probability=probability) for s in redecode.output.segments),
                        language=redecode.output.language,
                        language_probability=probability,
                        suppressed=redecode.output.suppressed,
                    )
        return standing


def _doubtful(heard: Heard) -> list[tuple[DoneChunk, str]]:
    """Chunks in a doubtful language of their own, with the one that both neighbours end and begin with."""
    found = []
    for channel in sorted({chunk.channel for chunk in heard.chunks}):
        speaking = [chunk for chunk in heard.chunks if chunk.channel == channel and chunk.output.segments]
        for (before, chunk), (_, after) in pairwise(pairwise(speaking)):
            language = before.output.segments[-1].language
            own = {segment.language for segment in chunk.output.segments}
            if (
                language == after.output.segments[0].language
                and own == {chunk.output.language}
                and language not in own
                and chunk.output.language_probability < DOUBT
            ):
                found.append((chunk, language))
    return found


def _place(place: RedecodeRequest | DoneChunk) -> tuple[int, int, int]:
    return place.channel, place.start_sample, place.end_sample


def _is_as_good(again: Sequence[Segment], before: Sequence[Segment], threshold: float) -> bool:
    """Whether a text in the neighbours' language is to replace a chunk's own."""
    if not again:
        return False
    repetitive = max(segment.compression_ratio for segment in again) > threshold
    return not repetitive and _logprob(again) + NEIGHBOURS >= _logprob(before)


def _logprob(segments: Sequence[Segment]) -> float:
    """Mean log probability per token, weighted by the segments' length."""
    lengths = [max(segment.end_s - segment.start_s, 0.001) for segment in segments]
    return sum(s.avg_logprob * length for s, length in zip(segments, lengths, strict=True)) / sum(lengths)
