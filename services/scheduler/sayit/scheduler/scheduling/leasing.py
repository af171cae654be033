"""Work on a job under a lease: it goes on while the lease is kept, and stops when it is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from contextlib import suppress

from sayit.scheduler.ports import JobStore
from sayit.speech.errors import SayItError


async def leased(work: Coroutine[None, None, None], *, jobs: JobStore, job_id: str, owner: str, lease_s: float) -> bool:
    """Works while a second task keeps the lease; whichever ends first ends the other.

    Returns:
        False when the lease was lost meanwhile: the job was cancelled or deleted, or another scheduler has it.
    """
    task = asyncio.create_task(work)
    done = asyncio.Event()
    keeper = asyncio.create_task(_keep(jobs, job_id, owner, lease_s, done))
    try:
        await asyncio.wait((task, keeper), return_when=asyncio.FIRST_COMPLETED)
    finally:
        done.set()
        if not task.done():
            task.cancel()
        await asyncio.wait((task, keeper))
    if task.cancelled():
        return False
    task.result()
    return True


async def _keep(jobs: JobStore, job_id: str, owner: str, lease_s: float, done: asyncio.Event) -> None:
    until_s = time.time() + lease_s
    while not done.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(done.wait(), min(1.0, lease_s / 4))
            return
        try:
            if not await jobs.renew_lease(job_id, owner, until_s=time.time() + lease_s):
                return
            until_s = time.time() + lease_s
        except SayItError:
            if time.time() > until_s:
                return
