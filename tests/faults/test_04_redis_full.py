"""Fault test 4: Redis has no memory left."""

from __future__ import annotations

import asyncio
import random

import pytest

from sayit.client import AsyncClient
from sayit.speech.errors import ErrorKind, SayItError

from .books import Books, Running
from .chaos import Chaos
from .harness import LEAST_HITS, LONG, Report, until
from .load import Load
from .redis_faults import full

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

#: The scheduler looks once a second, when there is something to queue.
_NOTICED_S = 10.0
#: How often Redis becomes full while transcribers hold chunks of a second each.
FILLS = 6 if LONG else 1


async def test_redis_full(chaos: Chaos, load: Load, report: Report, rng: random.Random) -> None:
    """New work is refused with a time to come back; what was accepted is kept, and goes on once there is room."""
    while report.faults < LEAST_HITS:
        wave = asyncio.create_task(load.run(at_once=6, jobs=6))
        await chaos.busy(3)
        with full(chaos, report):
            await _refused(load, report)
            await asyncio.sleep(rng.uniform(0.0, 1.0))
        await wave
    await load.judge(chaos.books, report)
    report.conclude()


async def test_redis_full_under_transcribers(slow_chaos: Chaos, slow_load: Load, report: Report) -> None:
    """What is on an engine when the last byte is taken is stored meanwhile; nobody dies of it, and nobody is blamed."""
    books = slow_chaos.books
    pids = {name: slow_chaos.pid(name) for name in slow_chaos.transcribers}
    crashed = books.outcomes().get("crashed", 0)
    while report.faults < FILLS:
        wave = asyncio.create_task(slow_load.run(at_once=4, jobs=4))
        held = await slow_chaos.on_engine()
        with full(slow_chaos, report):
            await _refused(slow_load, report)
            await until(lambda: _ended(books, held) == "committed", f"the end of {held}")  # noqa: B023 - called here
            report.count("committed_while_full")
        await wave
    await slow_load.judge(books, report)
    if pids != {name: slow_chaos.pid(name) for name in slow_chaos.transcribers}:
        report.wrong.append("a transcriber was started again")
    if (blamed := books.outcomes().get("crashed", 0) - crashed) > 0:
        report.wrong.append(f"{blamed} crashes")
    report.conclude(least=FILLS)


def _ended(books: Books, held: Running) -> str:
    """How the attempt that was running ended; empty while it runs."""
    attempts = {(chunk, number): outcome for chunk, number, outcome, _, _ in books.attempts(held.job_id)}
    return attempts[held.chunk_id, held.attempt]


async def _refused(load: Load, report: Report) -> None:
    """Asks for more until it is refused; what was accepted before that is the load's."""
    async with AsyncClient(load.address, retry_s=0.0) as client:
        for number in range(int(_NOTICED_S / 0.2)):
            clip = load.clips[number % len(load.clips)]
            try:
                job = await client.create_job(clip.audio, options=load.options, filename=clip.name)
            except SayItError as error:
                if error.kind is not ErrorKind.OVERLOADED or not error.retry_after_s:
                    report.wrong.append(f"{error.code}, come back in {error.retry_after_s} s")
                report.count("refused")
                return
            load.accepted[job.id] = clip.name
            load.asked += 1
            await asyncio.sleep(0.2)
    report.wrong.append("nothing was refused")
