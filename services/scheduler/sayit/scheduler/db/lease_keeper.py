"""Work on a job under a lease: it goes on while the lease is kept, and stops when it is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass

from sayit.chassis import background_tasks, telemetry
from sayit.chassis.background_tasks import BackgroundTasks
from sayit.chassis.wake_up import WakeUp
from sayit.scheduler.db.job_leases import JobStore
from sayit.scheduler.jobs.limits import Limits
from sayit.speech.errors import SayItError


async def one_after_the_other(
    do_next: Callable[[], Awaitable[bool]], wake_up: WakeUp, limits: Limits, *, delayed: str
) -> None:
    """Does piece after piece of some work until cancelled.

    Args:
        do_next: does one piece; False if there is none.
        wake_up: notified when there may be one again.
        limits: `do_next` is called after `sweep_s` without a wake-up, too; after twice that when the work failed.
        delayed: the log event when the work cannot be done now.
    """
    while True:
        try:
            done = await do_next()
        except SayItError as error:
            telemetry.logger().warning(delayed, code=error.code, cause=error.cause)
            done = False
            await asyncio.sleep(2 * limits.sweep_s)
        if not done:
            await wake_up.wait(limits.sweep_s)


@dataclass(kw_only=True, eq=False)
class Leasing:
    """Keeps leases on jobs while they are worked on."""

    jobs: JobStore
    limits: Limits
    background: BackgroundTasks

    def until_s(self) -> float:
        """When a lease that is taken or prolonged now runs out."""
        return time.time() + self.limits.work_lease_s

    async def leased(self, job_id: str, owner: str, work: Coroutine[None, None, None]) -> bool:
        """Works while a second task keeps the lease; whichever ends first ends the other.

        Cancelled, it gives the lease back: the next scheduler goes on at once, and nothing is held against the job.

        Returns:
            False when the lease was lost meanwhile: the job was cancelled or deleted, or another scheduler has it.
        """
        task = asyncio.create_task(work)
        keeper = asyncio.create_task(self._keep(job_id, owner))
        try:
            await asyncio.wait((task, keeper), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await background_tasks.end(keeper, task)
            await self.background.do(self.jobs.return_lease(job_id, owner, not_before_s=0.0))
            raise
        finally:
            await background_tasks.end(keeper, task)
        if task.cancelled():
            return False
        task.result()
        return True

    async def _keep(self, job_id: str, owner: str) -> None:
        until_s = self.until_s()
        while True:
            await asyncio.sleep(min(1.0, self.limits.work_lease_s / 4))
            try:
                if not await self.jobs.renew_lease(job_id, owner, until_s=self.until_s()):
                    return
                until_s = self.until_s()
            except SayItError:
                if time.time() > until_s:
                    return
