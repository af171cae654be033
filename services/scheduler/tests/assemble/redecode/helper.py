"""Recordings that were heard, made to measure."""

from __future__ import annotations

from collections.abc import Sequence

from sayit.scheduler.assemble.merge import Merged, merge
from sayit.scheduler.assemble.redecode import Heard, texts_with_redecodes
from sayit.scheduler.jobs.channels import ChannelSpeech
from sayit.scheduler.jobs.records import ChunkOutput, DoneChunk
from sayit.scheduler.jobs.redecodes import Redecode, RedecodeRequest
from sayit.speech.audio import samples_of, seconds_of
from sayit.speech.options import PRESETS, Options
from sayit.speech.transcript import Segment, Word


def said(text: str, start_s: float, end_s: float, *, probability: float = 0.9) -> Segment:
    """A segment whose words share its time evenly."""
    words = text.split()
    each_s = (end_s - start_s) / len(words)
    return Segment(
        id=0,
        start_s=start_s,
        end_s=end_s,
        text=text,
        language="en",
        avg_logprob=-0.2,
        words=tuple(
            Word(
                text=f" {word}",
                start_s=start_s + place * each_s,
                end_s=start_s + (place + 1) * each_s,
                probability=probability,
            )
            for place, word in enumerate(words)
        ),
    )


def output(*segments: Segment) -> ChunkOutput:
    """The text of a chunk or a look."""
    return ChunkOutput(segments=segments, language="en", language_probability=1.0, suppressed=(), compute_s=0.1)


def chunk(index: int, start_s: float, end_s: float, *segments: Segment, hard: str = "") -> DoneChunk:
    """A chunk; `hard` holds "start" and "end" where it was cut without a pause."""
    return DoneChunk(
        index=index,
        start_sample=samples_of(start_s),
        end_sample=samples_of(end_s),
        hard_start="start" in hard,
        hard_end="end" in hard,
        object_key=f"chunk-{index}",
        output=output(*segments),
        pieces=((samples_of(start_s), samples_of(end_s)),),
    )


def heard(*chunks: DoneChunk, speech: Sequence[tuple[float, float]], redecodes: Sequence[Redecode] = ()) -> Heard:
    """A recording that ends with its last chunk."""
    return Heard(
        chunks=chunks,
        redecodes=tuple(redecodes),
        speech=(ChannelSpeech(channel=0, spans=tuple((samples_of(a), samples_of(b)) for a, b in speech)),),
        options=Options(language="en"),
        presets=PRESETS,
        samples=chunks[-1].end_sample,
    )


def had(redecode: RedecodeRequest, *segments: Segment) -> Redecode:
    """A look and what it heard; given up without any."""
    return Redecode(request=redecode, round=1, output=output(*segments) if segments else None)


def draft(recording: Heard) -> Merged:
    """The transcript as it would be now."""
    return merge(texts_with_redecodes(recording), speech=recording.spans, duration_s=seconds_of(recording.samples))


def text(recording: Heard) -> str:
    """The same as one line."""
    return " ".join(segment.text for segment in draft(recording).segments)
