"""Admission: whether there is room for new work. What is accepted goes on in any case.

The bounds are checked twice: before audio is sent, so that no client sends it for nothing, and in the transaction that
accepts the job, so that requests that arrive together cannot exceed them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from prometheus_client import Counter

from sayit.scheduler.db.job_leases import JobStore
from sayit.scheduler.db.objects import Objects
from sayit.scheduler.db.transcribers import TranscriberStore
from sayit.scheduler.jobs.limits import Limits
from sayit.scheduler.jobs.records import Full, JobLimits, JobRecord
from sayit.speech.errors import ErrorKind, SayItError

_REFUSED = Counter("sayit_refused", "New work that was refused, by what was full.", ["full"])
#: Over how long the rate of ended jobs is measured, and how long the measured value is used.
_MEASURED_OVER_S = 600.0
_MEASURED_FOR_S = 5.0
#: Bounds of the retry time. It is unknown when a disk or a queue is emptied, so these get the longest.
_SHORTEST_S, _LONGEST_S = 1.0, 60.0
#: Where nothing was measured yet.
_UNKNOWN_S = 15.0


@dataclass(kw_only=True, eq=False)
class Admission:
    """Refuses new work with OVERLOADED and a time to come back.

    Args:
        jobs: counts those that have not ended.
        transcribers: says how many ended lately.
        objects: says how much room it has.
        limits: the bounds.
        queue_full: whether the queue has refused a message and not taken one since.
    """

    jobs: JobStore
    transcribers: TranscriberStore
    objects: Objects
    limits: Limits
    queue_full: Callable[[], bool]
    _measured_until_s: float = field(default=0.0, init=False)
    _seconds_per_job: float = field(default=_UNKNOWN_S, init=False)

    async def audio(self) -> None:
        """Checks that there is room for more audio.

        Raises:
            SayItError: OVERLOADED.
        """
        if self.limits.min_free_bytes == 0:
            return
        free = await self.objects.free_bytes()
        if free is not None and free < self.limits.min_free_bytes:
            raise _refused("disk", _LONGEST_S)

    async def job(self, tenant: str) -> None:
        """Checks that there is room for another job of this tenant.

        Raises:
            SayItError: OVERLOADED.
        """
        if self.queue_full():
            raise _refused("queue", _LONGEST_S)
        active, own = await self.jobs.active_jobs(tenant)
        if active >= self.limits.max_active_jobs:
            raise _refused(Full.JOBS, await self._until_one_ends())
        if own >= self.limits.max_active_jobs_per_tenant:
            raise _refused(Full.TENANT, await self._until_one_ends())

    async def accept(self, job: JobRecord) -> tuple[JobRecord, bool]:
        """Accepts a job, or returns the one that its idempotency key already made (and False).

        Raises:
            SayItError: OVERLOADED.
        """
        bounds = JobLimits(jobs=self.limits.max_active_jobs, of_tenant=self.limits.max_active_jobs_per_tenant)
        accepted = await self.jobs.create_job(job, bounds)
        if isinstance(accepted, Full):
            raise _refused(accepted, await self._until_one_ends())
        return accepted

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
