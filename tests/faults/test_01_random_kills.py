"""Fault test 1: kill -9 of random processes, all the time."""

from __future__ import annotations

import asyncio
import random

import pytest

from .chaos import SPARED, Chaos
from .harness import LEAST_HITS, LONG, Report, until
from .load import Load
from .several import Several, judge

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("faults"), pytest.mark.timeout(900)]

JOBS = 500 if LONG else 12
BETWEEN_S = (2.0, 5.0) if LONG else (1.0, 2.0)
#: Kills among several of everything; each waits for a start.
AMONG_SEVERAL = 12 if LONG else 2


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


async def test_random_kills_among_several(shared_several: Several, report: Report, rng: random.Random) -> None:
    """The same with two of everything on PostgreSQL: whoever is left goes on, and who comes back joins in."""
    cluster, books = shared_several.cluster, shared_several.books
    loads = shared_several.loads(rng)
    running = asyncio.gather(*(load.run(at_once=3) for load in loads))
    try:
        while report.faults < AMONG_SEVERAL:
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
    finally:
        for load in loads:
            load.enough()
    await running
    await judge(shared_several, loads, report)
    report.conclude(least=AMONG_SEVERAL)
