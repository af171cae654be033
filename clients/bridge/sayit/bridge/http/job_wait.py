"""Reads a job's events for a client, with heartbeats in between, and waits for a job's end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from sayit.bridge.gateway_client import Gateway
from sayit.chassis import background_tasks
from sayit.speech.jobs import EventBody, Job, JobEvent


async def events_and_beats(
    gateway: Gateway, job_id: str, after_seq: int, *, every_s: float, stopping: asyncio.Event
) -> AsyncGenerator[JobEvent | None, None]:
    """A job's events after `after_seq` until its last one; None where nothing came for `every_s` seconds.

    It also ends when the bridge stops: a client resumes at another one, after the last number it got.

    Raises:
        SayItError: what the gateway says, or UNAVAILABLE if it does not answer for too long.
    """
    async with aclosing(gateway.watch(job_id, after_seq)) as events:
        ending = asyncio.create_task(stopping.wait())
        arriving: asyncio.Task[JobEvent | None] | None = None
        try:
            while True:
                arriving = arriving or asyncio.create_task(anext(events, None))
                await asyncio.wait({arriving, ending}, timeout=every_s, return_when=asyncio.FIRST_COMPLETED)
                if ending.done():
                    return
                if not arriving.done():
                    yield None
                    continue
                event, arriving = arriving.result(), None
                if event is None:
                    return
                yield event
        finally:
            await background_tasks.end(ending, *([arriving] if arriving else []))


async def ended_within(
    gateway: Gateway,
    job: Job,
    wait_s: float,
    stopping: asyncio.Event,
    *,
    enough: Callable[[EventBody], bool] | None = None,
) -> Job:
    """The job when it has ended, or as it is after `wait_s` seconds, or after an event that is enough."""
    if job.state.terminal or wait_s <= 0:
        return job
    # The event that is enough may have come before the job was read.
    after_seq = 0 if enough else job.last_seq
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(wait_s):
            watcher = events_and_beats(gateway, job.id, after_seq, every_s=wait_s, stopping=stopping)
            async with aclosing(watcher) as events:
                async for event in events:
                    if event is not None and enough is not None and enough(event.body):
                        break
    return await gateway.get(job.id)
