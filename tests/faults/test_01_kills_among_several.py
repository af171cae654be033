"""Fault test 1 with two of everything on PostgreSQL: kill -9 of random processes."""

from __future__ import annotations

import asyncio
import random

import pytest

from .chaos import SPARED
from .harness import LONG, Report, until
from .several import Several, at_work

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

#: Each waits for a start.
KILLS = 12 if LONG else 2


async def test_random_kills_among_several(shared_several: Several, report: Report, rng: random.Random) -> None:
    """Every accepted job completes once: whoever is left goes on, and who comes back joins in."""
    cluster, books = shared_several.cluster, shared_several.books
    async with at_work(shared_several, report, rng):
        while report.faults < KILLS:
            await until(lambda: len(books.unfinished()) >= 3, "work to disturb")
            name = rng.choice(sorted(cluster.processes))
            held = [each for each in books.running() if each.pid == cluster.processes[name].pid]
            if any(each.crashes >= SPARED for each in held):
                await asyncio.sleep(0.1)
                continue
            kind = name.partition("-")[0]
            cluster.kill(name)
            report.fault(f"kill {kind}", hit=bool(held) or kind != "transcriber")
            await asyncio.sleep(rng.uniform(0.5, 2.0))
            cluster.start(name)
            if name in cluster.addresses:
                await cluster.serving(name)
    report.conclude(least=KILLS)
