"""What an operator sees of an installation: usage, all jobs, queue, limits, settings, webhooks, audit, holds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sayit.speech.jobs import Job


class UsageGroup(StrEnum):
    """What rows of usage are told apart by."""

    DAY = "day"
    TENANT = "tenant"
    KEY = "key"
    MODEL = "model"


@dataclass(frozen=True, kw_only=True)
class UsageRow:
    """What the ended jobs of a group used. What rows are not told apart by is empty."""

    #: Such as 2026-01-31.
    day: str = ""
    tenant: str = ""
    key_id: str = ""
    model: str = ""
    jobs: int
    #: Those with a transcript that the model made.
    completed: int
    #: Those that the cache answered.
    cached: int
    failed: int
    cancelled: int
    #: Length of their recordings, in seconds.
    audio_s: float
    #: From acceptance to the transcript, of `completed` without live sessions; None without any.
    mean_s: float | None = None
    median_s: float | None = None
    #: 95 % of them took no longer.
    p95_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class ErrorCount:
    """How often jobs failed for one reason."""

    #: Stable code.
    code: str
    jobs: int


@dataclass(frozen=True, kw_only=True)
class UsageReport:
    """What was used in a time."""

    rows: tuple[UsageRow, ...]
    #: Of all groups together.
    errors: tuple[ErrorCount, ...]
    #: Days that it is kept; 0: it is not noted.
    kept_days: float


@dataclass(frozen=True, kw_only=True)
class OwnedJob:
    """A job, and whose it is."""

    job: Job
    tenant: str
    key_id: str


@dataclass(frozen=True, kw_only=True)
class JobCount:
    """Jobs that have not ended."""

    model: str
    #: receiving, preparing, running, merging.
    state: str
    jobs: int


@dataclass(frozen=True, kw_only=True)
class QueuedChunks:
    """Chunks without a text."""

    model: str
    #: interactive, bulk.
    lane: str
    #: waiting (in the database), queued (in the queue), running.
    state: str
    chunks: int
    audio_s: float


@dataclass(frozen=True, kw_only=True)
class ModelQueue:
    """How a model's queue is."""

    model: str
    #: Since when the oldest chunk waits for a transcriber, in seconds.
    oldest_s: float
    #: Audio that files declare and that is not cut into chunks yet.
    uncut_s: float


@dataclass(frozen=True, kw_only=True)
class Queue:
    """What there is to do."""

    jobs: tuple[JobCount, ...]
    chunks: tuple[QueuedChunks, ...]
    models: tuple[ModelQueue, ...]


@dataclass(frozen=True, kw_only=True)
class LimitUse:
    """A bound, and how much of it is used."""

    #: The setting, such as SAYIT_MAX_ACTIVE_JOBS.
    name: str
    #: Whose it is; empty for one of the whole installation or process.
    tenant: str = ""
    used: float
    #: 0: no bound.
    most: float


@dataclass(frozen=True, kw_only=True)
class SettingInForce:
    """A setting of a running process."""

    #: gateway, scheduler, bridge.
    process: str
    #: The variable.
    name: str
    #: `***` for a secret that is set.
    value: str
    #: variable, default, or the path of a file.
    source: str
    #: Whether a change takes effect while the process runs.
    reloadable: bool


@dataclass(frozen=True, kw_only=True)
class WebhookMessage:
    """A message about a job's end, and what came of it."""

    id: str
    tenant: str
    job_id: str
    url: str
    #: pending, delivered, failed, gone.
    state: str
    attempts: int
    #: HTTP status of the last answer; 0 for none.
    status: int
    detail: str
    created_at_s: float
    #: When it is tried next, if it is pending.
    due_at_s: float


@dataclass(frozen=True, kw_only=True)
class LegalHold:
    """What an operator keeps from being deleted."""

    tenant: str
    #: Empty: all jobs and uploads of the tenant.
    job_id: str
    reason: str
    #: Who placed it.
    key_id: str
    created_at_s: float


@dataclass(frozen=True, kw_only=True)
class AuditEntry:
    """Who did what."""

    at_s: float
    tenant: str
    key_id: str
    action: str
    subject: str
    detail: str
