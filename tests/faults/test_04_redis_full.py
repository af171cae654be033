"""Fault test 4: Redis has no memory left."""

from __future__ import annotations

import asyncio
import random

import pytest

from sayit.client import AsyncClient
from sayit.speech.errors import ErrorKind, SayItError

from .chaos import Chaos
from .harness import LEAST_HITS, OPTIONS, Report
from .load import Load
from .redis_faults import full

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("faults"), pytest.mark.timeout(900)]

#: The scheduler looks once a second, when there is something to queue.
_NOTICED_S = 10.0


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


async def _refused(load: Load, report: Report) -> None:
    """Asks for more until it is refused; what was accepted before that is the load's."""
    async with AsyncClient(load.address, retry_s=0.0) as client:
        for number in range(int(_NOTICED_S / 0.2)):
            clip = load.clips[number % len(load.clips)]
            try:
                job = await client.create_job(clip.audio, options=OPTIONS, filename=clip.name)
            except SayItError as error:
                if error.kind is not ErrorKind.OVERLOADED or not error.retry_after_s:
                    report.wrong.append(f"{error.code}, come back in {error.retry_after_s} s")
                report.count("refused")
                return
            load.accepted[job.id] = clip.name
            load.asked += 1
            await asyncio.sleep(0.2)
    report.wrong.append("nothing was refused")
