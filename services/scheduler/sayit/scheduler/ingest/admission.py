"""Admission: whether there is room for new work. What is accepted goes on in any case.

The bounds are checked twice: before audio is sent, so that no client sends it for nothing, and in the transaction that
accepts the job, so that requests that arrive together cannot exceed them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sayit.chassis import telemetry
from sayit.scheduler.db.job_leases import JobStore
from sayit.scheduler.db.objects import Objects
from sayit.scheduler.db.transcribers import TranscriberStore
from sayit.scheduler.db.uploads import UploadStore
from sayit.scheduler.jobs import metrics
from sayit.scheduler.jobs.limits import Limits
from sayit.scheduler.jobs.records import Full, JobLimits, JobRecord
from sayit.speech.errors import ErrorKind, SayItError

_REFUSED = telemetry.counter(
    "sayit_refused",
    "New work that was refused, by what was full.",
    "full",
    ("disk", "share", "uploads", "queue", *Full),
)
#: Over how long the rate of ended jobs is measured, and how long the measured value is used.
_MEASURED_OVER_S = 600.0
_MEASURED_FOR_S = 5.0
#: Seconds until a tenant's uploads are counted again.
_RECOUNTED_S = 1.0
#: Bounds of the retry time. It is unknown when a disk or a queue is emptied, so these get the longest.
_SHORTEST_S, _LONGEST_S = 1.0, 60.0
#: Where nothing was measured yet.
_UNKNOWN_S = 15.0


@dataclass(kw_only=True, eq=False)
class Admission:
    """Refuses new work with OVERLOADED and a time to come back.

    Args:
        jobs: counts those that have not ended.
        uploads: knows what each tenant has stored.
        transcribers: says how many ended lately.
        objects: says how much room it has.
        limits: the bounds.
        queue_full: whether the queue has refused a message and not taken one since.
    """

    jobs: JobStore
    uploads: UploadStore
    transcribers: TranscriberStore
    objects: Objects
    limits: Limits
    queue_full: Callable[[], bool]
    #: By tenant: uploads without a job as far as we know, and when they were counted.
    _unused: dict[str, tuple[int, float]] = field(default_factory=dict, init=False)
    _measured_until_s: float = field(default=0.0, init=False)
    _seconds_per_job: float = field(default=_UNKNOWN_S, init=False)

    async def audio(self, tenant: str) -> None:
        """Checks that there is room for more audio of this tenant; where little is left, for those who hold less.

        Raises:
            SayItError: OVERLOADED.
        """
        if self.limits.min_free_bytes == 0:
            return
        free = await self.objects.free_bytes()
        if free is not None and free < self.limits.min_free_bytes:
            raise _refused("disk", _LONGEST_S)
        if free is not None and free < self.limits.scarce_bytes and await self.uploads.exceeds_share(tenant):
            raise _refused("share", _LONGEST_S)

    async def upload(self, tenant: str) -> None:
        """Checks that this tenant has not too many uploads that no job uses.

        They are counted when so many were opened that there might be too many: that reads all of the tenant's uploads.

        Raises:
            SayItError: OVERLOADED.
        """
        most, now_s = self.limits.max_uploads_per_tenant, time.monotonic()
        count, counted_s = self._unused.get(tenant, (most, -_RECOUNTED_S))
        if count >= most and now_s - counted_s >= _RECOUNTED_S:
            count, counted_s = await self.uploads.unused(tenant), now_s
        self._unused[tenant] = (count + 1, counted_s)
        if count >= most:
            raise _refused("uploads", _LONGEST_S)

    async def job(self, tenant: str) -> None:
        """Checks that there is room for another job of this tenant.

        Raises:
            SayItError: OVERLOADED.
        """
        if self.queue_full():
            raise _refused("queue", _LONGEST_S)
        if (full := await self.jobs.full(tenant, self._bounds)) is not None:
            raise _refused(full, await self._until_one_ends())

    async def accept(self, job: JobRecord, live: str | None = None) -> tuple[JobRecord, bool]:
        """Accepts a job, or returns the one that its idempotency key already made (and False).

        A live session's job comes with its client's options.

        Raises:
            SayItError: OVERLOADED.
        """
        accepted = await self.jobs.create_job(job, self._bounds, live)
        if isinstance(accepted, Full):
            raise _refused(accepted, await self._until_one_ends())
        if accepted[1]:
            metrics.ACCEPTED.labels(accepted[0].model).inc()
        return accepted

    @property
    def _bounds(self) -> JobLimits:
        return JobLimits(jobs=self.limits.max_active_jobs, of_tenant=self.limits.max_active_jobs_per_tenant)

    async def _until_one_ends(self) -> float:
        """Seconds between two ends of jobs, as measured lately."""
        now = time.time()
        if now >= self._measured_until_s:
            lately = await self.transcribers.statistics(since_s=now - _MEASURED_OVER_S)
            ended = lately.completed + lately.failed
            self._seconds_per_job = _MEASURED_OVER_S / ended if ended else _UNKNOWN_S
            self._measured_until_s = now + _MEASURED_FOR_S
        return min(_LONGEST_S, max(_SHORTEST_S, self._seconds_per_job))


def _refused(full: str, retry_after_s: float) -> SayItError:
    _REFUSED.labels(full).inc()
    return SayItError(ErrorKind.OVERLOADED, retry_after_s=retry_after_s, cause=f"full: {full}")
