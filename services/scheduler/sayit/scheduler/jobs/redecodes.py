"""Re-decodes: stretches of audio that are decoded again, differently, when a job's chunks are done.

A re-decode is a chunk's row with a kind and a number of its own. It goes through queue, claims, leases and fencing as
any chunk does, but it is not counted, has no event, and its end without a text does not end the job.
"""

from __future__ import annotations

from dataclasses import dataclass

from sayit.scheduler.jobs.chunk_overrides import NO_OVERRIDES, ChunkOverrides
from sayit.scheduler.jobs.records import ChunkOutput, NewChunk, SampleSpan

#: Re-decodes of round r are numbered from r times this on: far behind every chunk, and found by a range of the index.
REDECODE_NUMBERS = 1_000_000
#: How often re-decodes are chosen for a job: later rounds may depend on the texts of earlier ones.
MAX_ROUNDS = 2
#: The kind of those that a session of live speech asks for; of the others none is foreseen for certain.
UTTERANCES = "utterances"
#: Seconds that a re-decode waits for a transcriber before its job ends without it.
MAX_WAIT_S = 900.0


@dataclass(frozen=True, kw_only=True)
class RedecodeRequest:
    """A stretch of audio to be decoded once more."""

    #: Why: the kind that requested it, at most 16 characters.
    kind: str
    start_sample: int
    end_sample: int
    #: How it is decoded.
    overrides: ChunkOverrides = NO_OVERRIDES
    #: Audio channel, from 1; 0 where channels were mixed.
    channel: int = 0

    def chunk(
        self, number: int, object_key: str, pieces: tuple[SampleSpan, ...], *, interactive: bool = False
    ) -> NewChunk:
        """Its row, once the audio of these pieces of the recording is stored."""
        return NewChunk(
            index=number,
            start_sample=self.start_sample,
            end_sample=self.end_sample,
            hard_start=False,
            hard_end=False,
            pieces=pieces,
            channel=self.channel,
            object_key=object_key,
            interactive=interactive,
            redecode_kind=self.kind,
            overrides=self.overrides,
        )


@dataclass(frozen=True, kw_only=True)
class Redecode:
    """A re-decode that has ended or is under way."""

    request: RedecodeRequest
    #: From 1.
    round: int
    #: Its text; None while it has none, and always where it was given up.
    output: ChunkOutput | None
