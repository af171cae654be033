"""Watching a job: the event log from any number on, and what is not in it, as it happens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator

from sayit.chassis.principal import Principal
from sayit.scheduler.queues.bus import RedisBus
from sayit.scheduler.scheduling.fleet import Fleet
from sayit.scheduler.scheduling.notices import event_of
from sayit.scheduler.stores.leases import JobStore
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import Completed, Failed, JobEvent, JobState, Progress, StateChanged

#: Pub/sub may lose a wake-up, so the log is read this often in any case.
_POLL_S = 2.0
_BATCH = 200


class Watching:
    """Streams of events."""

    def __init__(self, *, jobs: JobStore, bus: RedisBus, fleet: Fleet) -> None:
        self._jobs = jobs
        self._bus = bus
        self._fleet = fleet

    async def watch(self, who: Principal, job_id: str, after_seq: int) -> AsyncGenerator[JobEvent]:
        """Durable events after `after_seq`, without gaps, and ephemeral ones between them; ends with the job.

        Raises:
            SayItError: JOB_NOT_FOUND, also when the job is deleted meanwhile; INVALID_ARGUMENT for a number to come.
        """
        async with self._bus.subscribe(job_id) as payloads:
            job = await self._jobs.get_job(who.tenant, job_id)
            if not 0 <= after_seq <= job.last_seq:
                reason = f"after_seq is not between 0 and {job.last_seq}"
                raise SayItError(ErrorKind.INVALID_ARGUMENT, field="after_seq", reason=reason)
            seen = after_seq
            shown: Progress | None = None
            while True:
                batch = await self._jobs.events_after(job_id, seen, _BATCH)
                for event in batch:
                    yield event
                    seen = event.seq
                    if _last(event):
                        return
                if len(batch) == _BATCH:
                    continue
                job = await self._jobs.get_job(who.tenant, job_id)
                if job.state.terminal:
                    if seen >= job.last_seq:
                        return
                    continue
                progress = await self._fleet.estimate(job)
                if progress != shown:
                    shown = progress
                    yield JobEvent(job_id=job_id, time_s=time.time(), body=progress)
                async for event in self._fresh(payloads, seen):
                    yield event
                    seen = max(seen, event.seq)
                    if _last(event):
                        return

    async def _fresh(self, payloads: AsyncIterator[bytes], seen: int) -> AsyncIterator[JobEvent]:
        """Published events as long as they follow the log without a gap; ends when it must be read."""
        while True:
            try:
                async with asyncio.timeout(_POLL_S):
                    payload = await anext(payloads)
            except (TimeoutError, StopAsyncIteration):
                return
            event = event_of(payload)
            if event is None or event.seq > seen + 1:
                return
            if event.seq == 0:
                yield event
            elif event.seq == seen + 1:
                seen = event.seq
                yield event


def _last(event: JobEvent) -> bool:
    body = event.body
    return isinstance(body, Completed | Failed) or (isinstance(body, StateChanged) and body.state is JobState.CANCELLED)
