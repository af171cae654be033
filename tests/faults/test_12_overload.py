"""Fault test 12: five times as much work as there is room for."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from sayit.client import AsyncClient
from sayit.speech.errors import ErrorKind, SayItError
from tests.end_to_end.helper import running_suite

from .chaos import Chaos
from .harness import LEAST_HITS, LONG, NO_BRIDGE, SLOW_FAULTS, SLOW_OPTIONS, Report, clips
from .load import Load, texts_without_faults

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

#: Jobs that the suite may hold.
ROOM = 10 if LONG else 4
#: Jobs that are offered, far faster than a second of engine each.
OFFERED = 300 if LONG else 20
EVERY_S = 0.1
#: How much longer than in a full house without a crowd before it an admitted job may take.
SLO = 3.0
#: How much the two services that everything passes through may grow.
GROWTH_MB = 150.0


@pytest.mark.thorough(
    "test_strangers refuses three greedy tenants with a time, finishes what was admitted and bounds memory; bounds and "
    "times are in services/scheduler/tests/service/test_admission.py"
)
async def test_overload(tmp_path: Path, heavy_model: Path, report: Report, rng: random.Random) -> None:
    """What was admitted is finished, the rest is refused with a time to come back, and memory stays bounded."""
    settings = {**SLOW_FAULTS, "SAYIT_MAX_ACTIVE_JOBS": str(ROOM)}
    with running_suite(tmp_path, *NO_BRIDGE, "--model", str(heavy_model), **settings) as suite:
        chaos = Chaos(suite, report)
        short = clips()[:3]
        texts = await texts_without_faults(suite.address, short, SLOW_OPTIONS)
        # What the last of a full house waits for when nobody else knocks.
        await texts_without_faults(suite.address, [short[number % 3] for number in range(ROOM)], SLOW_OPTIONS)
        full_house_s = chaos.books.longest_s(chaos.books.states())
        load = Load(suite.address, short, texts, SLOW_OPTIONS, report.seed)
        active = [0]
        counting = asyncio.create_task(_count(chaos, active))
        before_mb = chaos.memory_mb("gateway", "scheduler")
        async with AsyncClient(suite.address, retry_s=0.0) as client, asyncio.TaskGroup() as tasks:
            for _ in range(OFFERED):
                tasks.create_task(_offer(client, load, rng, report))
                await asyncio.sleep(EVERY_S)
        growth_mb = chaos.memory_mb("gateway", "scheduler") - before_mb
        await load.judge(chaos.books, report)
        counting.cancel()
        slowest_s = chaos.books.longest_s(load.accepted)
        async with AsyncClient(suite.address) as client:
            again = await client.transcribe(short[0].audio, options=SLOW_OPTIONS)
        if again.transcript.text != texts[short[0].name]:
            report.wrong.append("it does not recover")
    most_active = max(active)
    report.figures |= {"room": ROOM, "most_active": most_active}
    report.figures |= {"full_house_s": round(full_house_s, 1), "slowest_admitted_s": round(slowest_s, 1)}
    if slowest_s > SLO * full_house_s:
        report.wrong.append(f"an admitted job took {slowest_s:.0f} s; {ROOM} at once take {full_house_s:.0f} s")
    report.figures |= {"admitted": len(load.accepted), "growth_mb": round(growth_mb, 1)}
    if growth_mb > GROWTH_MB:
        report.wrong.append(f"gateway and scheduler grew by {growth_mb:.0f} MB")
    if most_active != ROOM:
        report.wrong.append(f"{most_active} jobs were active at most, with room for {ROOM}")
    report.conclude(least=max(LEAST_HITS, OFFERED // 3))


async def _count(chaos: Chaos, active: list[int]) -> None:
    """Notes how many jobs are active until it is cancelled: a busy machine admits after everything was offered."""
    while True:
        active.append(len(chaos.books.unfinished()))
        await asyncio.sleep(EVERY_S)


async def _offer(client: AsyncClient, load: Load, rng: random.Random, report: Report) -> None:
    clip = rng.choice(load.clips)
    load.asked += 1
    try:
        job = await client.create_job(clip.audio, options=SLOW_OPTIONS, filename=clip.name)
        load.accepted[job.id] = clip.name
    except SayItError as error:
        report.fault(f"refused as {error.code}", hit=True)
        if error.kind is not ErrorKind.OVERLOADED or not error.retry_after_s:
            report.wrong.append(f"{error.code}, come back in {error.retry_after_s} s")
