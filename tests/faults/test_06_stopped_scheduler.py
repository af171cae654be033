"""Fault test 6, its other half: a scheduler among several is stopped past its leases, and goes on.

A transcriber that was stopped is told so before it can say anything, for its call has ended. Writes that really come
late come through a scheduler that was stopped: it has them in its sockets, and believes that it still holds its claims.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time

import pytest

from sayit.client import AsyncClient

from .harness import LONG, SLOW_OPTIONS, Report, until
from .several import Several, at_work

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

STOPS = 8 if LONG else 1
#: A call tolerates 2 s of silence here, a claim 4 s, a connection between two parts 12 s.
STOPPED_S = (2.5, 7.0)
#: What the first call after the stop may take until its connection is given up, and its work besides.
ELSEWHERE_S = 30.0


@pytest.mark.thorough(
    "test_a_scheduler_that_stood_still_blames_no_transcriber; on PostgreSQL test_only_the_current_attempt_writes and "
    "test_an_expired_claim_is_freed_once_and_never_a_renewed_one; test_stopped_transcriber stops a real process"
)
async def test_stopped_scheduler(shared_several: Several, report: Report, rng: random.Random) -> None:
    """Its claims go to the other, what it writes afterwards is void and counted, and no transcriber is blamed."""
    books = shared_several.books
    crashed, late = books.outcomes().get("crashed", 0), books.late_writes()
    async with at_work(shared_several, report, rng):
        while report.injected < STOPS:
            await until(lambda: any(each.on_engine for each in books.running()), "a chunk on an engine")
            pid = shared_several.cluster.processes[rng.choice(shared_several.schedulers)].pid
            os.kill(pid, signal.SIGSTOP)
            try:
                report.fault("SIGSTOP scheduler", hit=bool(books.running()))
                await asyncio.sleep(rng.uniform(*STOPPED_S))
            finally:
                os.kill(pid, signal.SIGCONT)
            await asyncio.sleep(1.0)
        if LONG:
            await _share_goes_elsewhere(shared_several, report)
    report.figures["late_writes"] = late = books.late_writes() - late
    report.figures["outcomes"] = outcomes = books.outcomes()
    if LONG and not late:
        report.wrong.append("no write came late: nothing was fenced")
    if (blamed := outcomes.get("crashed", 0) - crashed) > 0:
        report.wrong.append(f"{blamed} crashes were blamed on transcribers that had done nothing")
    report.conclude(least=max(1, STOPS // 2))


async def _share_goes_elsewhere(several: Several, report: Report) -> None:
    """Requests at every gateway while one scheduler stands still for good: how long the slowest and the last took."""
    pid = several.cluster.processes[several.schedulers[0]].pid
    slowest_s: list[float] = []
    last_s: list[float] = []
    os.kill(pid, signal.SIGSTOP)
    try:
        report.fault("SIGSTOP scheduler", hit=bool(several.books.running()))
        for load in several.loads(random.Random(0)):
            async with AsyncClient(load.address, retry_s=ELSEWHERE_S) as client:
                for number in range(8):
                    began_s = time.monotonic()
                    job = await client.create_job(load.clips[0].audio, options=SLOW_OPTIONS)
                    load.accepted[job.id] = load.clips[0].name
                    took_s = time.monotonic() - began_s
                    (last_s if number == 7 else slowest_s).append(took_s)
    finally:
        os.kill(pid, signal.SIGCONT)
    report.figures["slowest_request_s"] = round(max(slowest_s), 1)
    report.figures["last_request_s"] = round(max(last_s), 1)
    if max(slowest_s) > ELSEWHERE_S:
        report.wrong.append(f"a request took {max(slowest_s):.0f} s while one of two schedulers stood still")
