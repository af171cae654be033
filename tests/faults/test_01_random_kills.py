"""Fault test 1: kill -9 of random processes, all the time."""

from __future__ import annotations

import asyncio
import random

import pytest

from .chaos import Chaos
from .harness import LEAST_HITS, LONG, Report, scaled, until
from .load import Load

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

JOBS = scaled(long=500, short=12, commit=6)
BETWEEN_S = (2.0, 5.0) if LONG else (1.0, 2.0)


async def test_random_kills(chaos: Chaos, load: Load, report: Report, rng: random.Random) -> None:
    """Every accepted job completes once, whichever processes die under it, and nobody restarts anything by hand."""
    running = asyncio.create_task(load.run(at_once=8))
    while report.faults < LEAST_HITS or (LONG and load.asked < JOBS):
        await asyncio.sleep(rng.uniform(*BETWEEN_S))
        chaos.kill(rng.choice(chaos.names))
    await until(lambda: load.asked >= JOBS, "all jobs asked for", limit_s=600.0)
    load.enough()
    await chaos.healthy()
    await running
    await load.judge(chaos.books, report)
    report.conclude()
