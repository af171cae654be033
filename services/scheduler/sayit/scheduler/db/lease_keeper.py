"""Work on a job under a lease: it goes on while the lease is kept, and stops when it is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine

from sayit.chassis import background_tasks
from sayit.chassis.background_tasks import LastWork
from sayit.scheduler.db.job_leases import JobStore
from sayit.speech.errors import SayItError


async def leased(
    work: Coroutine[None, None, None],
    *,
    jobs: JobStore,
    job_id: str,
    owner: str,
    lease_s: float,
    last_work: LastWork,
) -> bool:
    """Works while a second task keeps the lease; whichever ends first ends the other.

    Cancelled, it gives the lease back: the next scheduler goes on at once, and nothing is held against the job.

    Returns:
        False when the lease was lost meanwhile: the job was cancelled or deleted, or another scheduler has it.
    """
    task = asyncio.create_task(work)
    keeper = asyncio.create_task(_keep(jobs, job_id, owner, lease_s))
    try:
        await asyncio.wait((task, keeper), return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        await background_tasks.end(keeper, task)
        await last_work.do(jobs.return_lease(job_id, owner, not_before_s=0.0))
        raise
    finally:
        await background_tasks.end(keeper, task)
    if task.cancelled():
        return False
    task.result()
    return True


async def _keep(jobs: JobStore, job_id: str, owner: str, lease_s: float) -> None:
    until_s = time.time() + lease_s
    while True:
        await asyncio.sleep(min(1.0, lease_s / 4))
        try:
            if not await jobs.renew_lease(job_id, owner, until_s=time.time() + lease_s):
                return
            until_s = time.time() + lease_s
        except SayItError:
            if time.time() > until_s:
                return
