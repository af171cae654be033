"""What kinds of re-decodes decide from, and what a kind is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from sayit.scheduler.assemble.merge import Merged, TranscribedChunk
from sayit.scheduler.jobs.channels import ChannelSpeech
from sayit.scheduler.jobs.records import DoneChunk
from sayit.scheduler.jobs.redecodes import Redecode, RedecodeRequest
from sayit.speech.audio import seconds_of
from sayit.speech.options import Options
from sayit.speech.presets import Presets
from sayit.speech.transcript import Span


@dataclass(frozen=True, kw_only=True)
class Heard:
    """A recording whose chunks are all done."""

    #: In order.
    chunks: tuple[DoneChunk, ...]
    #: Re-decodes that have ended, in order.
    redecodes: tuple[Redecode, ...]
    #: Detected speech of every channel, in samples.
    speech: tuple[ChannelSpeech, ...]
    #: What the job asked for.
    options: Options
    #: What that means in each language.
    presets: Presets
    #: Length of the recording.
    samples: int
    #: Whether it was live speech that is to be decoded as a recording is.
    refine: bool = False

    @property
    def spans(self) -> tuple[Span, ...]:
        """Detected speech, that of each channel in order."""
        return tuple(
            Span(start_s=seconds_of(start), end_s=seconds_of(end), channel=one.channel)
            for one in self.speech
            for start, end in one.spans
        )

    @property
    def texts(self) -> list[TranscribedChunk]:
        """The chunks' texts, as merging takes them."""
        return [_transcribed(chunk) for chunk in self.chunks]

    @property
    def channels(self) -> tuple[int, ...]:
        """The audio channels that have chunks."""
        return tuple(sorted({chunk.channel for chunk in self.chunks}))

    def of_channel(self, channel: int) -> Heard:
        """One channel as if it were the whole recording."""
        return replace(
            self,
            chunks=tuple(chunk for chunk in self.chunks if chunk.channel == channel),
            redecodes=tuple(redecode for redecode in self.redecodes if redecode.request.channel == channel),
            speech=tuple(one for one in self.speech if one.channel == channel),
        )

    @property
    def next_round(self) -> int:
        """The number of the next round of re-decodes, from 1."""
        return max((redecode.round for redecode in self.redecodes), default=0) + 1

    def of_kind(self, name: str) -> tuple[Redecode, ...]:
        """The re-decodes of one kind."""
        return tuple(redecode for redecode in self.redecodes if redecode.request.kind == name)


class Kind(Protocol):
    """A reason to decode again. It is asked about each channel by itself."""

    #: Unique, at most 16 characters; stored in `chunks.look`.
    name: str
    #: Most re-decodes of this kind per chunk of the recording ...
    share: float
    #: ... and how many there may be in any case.
    least: int

    def requests(self, heard: Heard, draft: Merged) -> Sequence[RedecodeRequest]:
        """The re-decodes to request, the most useful first. The caller leaves out those that were done before.

        Args:
            heard: chunks, and re-decodes of earlier rounds.
            draft: the transcript as it would be without further re-decodes.
        """
        ...

    def with_redecodes(self, texts: Sequence[TranscribedChunk], heard: Heard) -> Sequence[TranscribedChunk]:
        """The chunks' texts, corrected by this kind's re-decodes: as many, in the same order.

        Args:
            texts: the chunks' texts, corrected by the kinds before this one.
            heard: chunks and re-decodes.
        """
        ...


def _transcribed(chunk: DoneChunk) -> TranscribedChunk:
    return TranscribedChunk(
        index=chunk.index,
        start_s=seconds_of(chunk.start_sample),
        end_s=seconds_of(chunk.end_sample),
        hard_start=chunk.hard_start,
        hard_end=chunk.hard_end,
        segments=chunk.output.segments,
        language=chunk.output.language,
        language_probability=chunk.output.language_probability,
        suppressed=chunk.output.suppressed,
        published=chunk.output.segments,
        channel=chunk.channel,
    )
