"""The state of an installation: its models, its parts, its transcribers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model that can be asked for now."""

    name: str
    #: Whether an empty model option means this one.
    default: bool
    #: Transcribers that have it loaded.
    transcribers: int


class PartState(StrEnum):
    """How a part of the suite is; a state of a newer server, which this version does not know, counts as DOWN."""

    #: It works.
    OK = "ok"
    #: It works with less than expected.
    DEGRADED = "degraded"
    #: It does not answer.
    DOWN = "down"

    @classmethod
    def _missing_(cls, value: object) -> PartState:  # noqa: ARG003
        return cls.DOWN


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of the suite: gateway, scheduler, database, queue, storage, transcribers."""

    name: str
    state: PartState
    #: What is wrong, for people; empty if nothing is.
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class TranscriberStatus:
    """One transcriber that answers."""

    id: str
    model: str
    #: Chunks it can hold at once.
    slots: int
    #: Chunks it holds now.
    busy: int
    #: Measured audio seconds per second of work; 0 before its first chunk.
    speed: float


@dataclass(frozen=True, kw_only=True)
class SystemStatus:
    """The whole suite."""

    #: The worst of the parts that accepted work needs.
    state: PartState
    parts: tuple[Part, ...]
    transcribers_online: int
    transcribers_expected: int
    transcribers: tuple[TranscriberStatus, ...]
    uptime_s: float
    #: Jobs accepted in the last 24 hours.
    jobs_per_day: int
    #: Completed over completed and failed jobs of the last 24 hours; None without any.
    success_rate: float | None
    #: Mean seconds from acceptance to completion in the last 24 hours; None without any.
    mean_time_s: float | None
    version: str
    chunks_waiting: int
