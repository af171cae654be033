"""Fault test 5, on PostgreSQL: the server crashes and is away for a while, under several schedulers."""

from __future__ import annotations

import asyncio
import random
import signal

import pytest

from sayit.client import AsyncClient
from sayit.speech.errors import ErrorKind, SayItError

from .harness import LONG, SLOW_OPTIONS, Report, until
from .load import Load
from .several import Several, at_work

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

#: How often it is away; every part of the service has to notice and to come back each time.
TIMES = 5 if LONG else 1
#: The first time it is away for as long as the bar says.
LONGEST_S = 30.0 if LONG else 1.0
#: So soon a request hears that nothing can be stored.
ANSWERED_WITHIN_S = 20.0
BACK_WITHIN_S = 30.0


@pytest.mark.thorough("test_work_goes_on_when_a_crashed_postgresql_is_back shows it with a scheduler alone")
async def test_postgresql_away(shared_several: Several, report: Report, rng: random.Random) -> None:
    """While it is away nothing is acknowledged; when it is back everything goes on by itself, and nothing is lost."""
    async with at_work(shared_several, report, rng) as loads:
        for number in range(TIMES):
            await until(lambda: len(shared_several.books.unfinished()) >= 3, "work to disturb")
            report.fault("PostgreSQL away", hit=bool(shared_several.books.unfinished()))
            shared_several.postgres.stop(signal.SIGQUIT)
            back = asyncio.create_task(asyncio.sleep(LONGEST_S if number == 0 else rng.uniform(0.5, 3.0)))
            try:
                await _refused(rng.choice(loads), report)
                await back
            finally:
                shared_several.postgres.start()
            ended = sum(len(load.seen) for load in loads)
            took_s = await until(
                lambda: sum(len(load.seen) for load in loads) >= ended + 3,  # noqa: B023 - it is called here only
                "work goes on",
            )
            report.within("slowest_recovery_s", took_s, BACK_WITHIN_S)
    report.conclude(least=TIMES)


async def _refused(load: Load, report: Report) -> None:
    """One request without retries: it has to be refused, soon, and in a way that passes."""
    began_s = asyncio.get_running_loop().time()
    async with AsyncClient(load.address, retry_s=0.0) as client:
        try:
            job = await client.create_job(load.clips[0].audio, options=SLOW_OPTIONS)
        except SayItError as error:
            report.count(f"refused as {error.code}")
            if error.kind not in {ErrorKind.UNAVAILABLE, ErrorKind.OVERLOADED}:
                report.wrong.append(f"a request met {error.code}")
        else:
            report.wrong.append(f"{job.id} was acknowledged by nobody who could keep it")
    took_s = asyncio.get_running_loop().time() - began_s
    report.within("slowest_refusal_s", took_s, ANSWERED_WITHIN_S)
