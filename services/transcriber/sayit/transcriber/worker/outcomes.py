"""How attempts end, and how long their parts took."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ClaimRefused(Exception):  # noqa: N818 - an answer, not an error
    """Another worker has the chunk, or it is no longer due."""


class SchedulerAway(Exception):  # noqa: N818 - names the situation
    """The claim got no answer; the chunk may still be due."""


class AttemptOutcome(StrEnum):
    """How an attempt ended."""

    #: Another worker had claimed the chunk, or it was no longer due.
    REFUSED = "refused"
    #: The scheduler did not answer the claim.
    UNANSWERED = "unanswered"
    #: The text is committed.
    DONE = "done"
    #: The engine reported an error, and the scheduler knows.
    FAILED = "failed"
    #: The scheduler cancelled it.
    CANCELLED = "cancelled"
    #: Given back because this process ends, or serves live speech.
    RELEASED = "released"
    #: The call broke; the scheduler gives the chunk to another worker.
    LOST = "lost"


class Stop(StrEnum):
    """Why the work is no longer wanted; the values are the reasons of a release."""

    #: The scheduler cancelled it.
    CANCELLED = "cancelled"
    #: This process ends.
    DRAINING = "draining"
    #: This process serves live speech.
    RESERVED = "reserved"
    #: The call broke; the chunk cannot be released.
    LOST = "lost"


@dataclass(kw_only=True)
class Tally:
    """The times of an attempt, in seconds; filled in while it runs."""

    #: From the claim's first byte to its answer.
    claim_s: float = 0.0
    #: From the claim's answer to the engine: audio, features and other chunks before it.
    wait_s: float = 0.0
    #: Its share of the engine's time.
    engine_s: float = 0.0
    #: From the last message to its answer.
    commit_s: float = 0.0
    #: Length of the audio.
    audio_s: float = 0.0
    #: How much of it an attempt that was stopped did not decode.
    saved_s: float = 0.0
