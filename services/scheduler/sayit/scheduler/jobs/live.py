"""Live sessions as they are stored."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import TypeAdapter

from sayit.scheduler.jobs.records import JobRecord, SampleSpan
from sayit.speech.audio import SAMPLE_BYTES
from sayit.speech.live import LiveOptions

#: A client's options, as they are stored.
OPTIONS = TypeAdapter(LiveOptions)
#: The header that a session's audio begins with: WAV of unknown length.
WAV_HEADER_BYTES = 44


@dataclass(frozen=True, kw_only=True)
class LiveRecord:
    """A session, and the job that it is."""

    job: JobRecord
    #: How its client sends audio and what it wants (JSON).
    options: str
    #: Where it goes on (JSON); empty at its beginning.
    state: str
    #: Bytes of its upload.
    received: int
    #: Detected speech of the utterances that have their final text.
    speech: tuple[SampleSpan, ...]

    @property
    def samples(self) -> int:
        """Samples that are stored."""
        return (self.received - WAV_HEADER_BYTES) // SAMPLE_BYTES
