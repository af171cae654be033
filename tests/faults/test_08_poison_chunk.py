"""Fault test 8: a chunk that kills every transcriber that has it on its engine."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import suppress

import pytest

from sayit.client import AsyncClient

from .chaos import Chaos
from .harness import GIVEN_UP_S, LEAST_HITS, SLOW_OPTIONS, Report, speech
from .load import Load

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

#: What the bar gives a poisoned job to fail.
FAILED_WITHIN_S = 60.0


async def test_poison_chunk(slow_chaos: Chaos, slow_load: Load, report: Report) -> None:
    """After its third crash the chunk is set aside and its job fails by name; its neighbours complete."""
    running = asyncio.create_task(slow_load.run(at_once=1))
    async with AsyncClient(slow_load.address, retry_s=60.0) as client:
        while report.faults < LEAST_HITS:
            job = await client.create_job(speech(4.0), options=SLOW_OPTIONS, filename="poison")
            began = time.monotonic()
            while job.id in slow_chaos.books.unfinished():
                if time.monotonic() - began > GIVEN_UP_S:
                    raise AssertionError("the poisoned job never ended")
                _crash_whoever_has(slow_chaos, job.id, report)
                await asyncio.sleep(0.01)
            took_s = time.monotonic() - began
            report.within("slowest_verdict_s", took_s, FAILED_WITHIN_S)
            ended = await client.get(job.id)
            outcomes = [each[2] for each in slow_chaos.books.attempts(job.id)]
            if ended.error is None or ended.error.code != "CHUNK_QUARANTINED" or outcomes.count("crashed") != 3:
                report.wrong.append(f"the poisoned job is {ended.state} after {outcomes}: {ended.error}")
    slow_load.enough()
    await running
    await slow_chaos.healthy()
    await slow_load.judge(slow_chaos.books, report)
    report.conclude()


def _crash_whoever_has(chaos: Chaos, job_id: str, report: Report) -> None:
    """What a model that dies of this audio would do: the process is gone while the chunk is on its engine."""
    for each in chaos.books.running():
        if each.job_id == job_id and each.on_engine and chaos.name_of(each.pid):
            with suppress(ProcessLookupError):
                os.kill(each.pid, signal.SIGKILL)
                report.fault("crash", hit=True)
            # The next look must see what the scheduler made of it.
            _wait_until_noticed(chaos, each.chunk_id, each.attempt)


def _wait_until_noticed(chaos: Chaos, chunk_id: str, attempt: int) -> None:
    deadline = time.monotonic() + 20
    while any((each.chunk_id, each.attempt) == (chunk_id, attempt) for each in chaos.books.running()):
        assert time.monotonic() < deadline, "the crash was not noticed"
        time.sleep(0.01)
