"""Fault test 2: Redis is killed again and again."""

from __future__ import annotations

import asyncio
import random

import pytest

from .chaos import Chaos
from .harness import Report, scaled
from .load import Load
from .redis_faults import speed_again

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

#: Kills that hit work in progress: the bar says 20 of them here.
HITS = scaled(long=20, short=2, commit=1)
#: The bar says 15 s on a machine of its own.
BACK_WITHIN_S = 15.0


async def test_redis_restarts(chaos: Chaos, load: Load, report: Report, rng: random.Random) -> None:
    """Work goes on within seconds of every kill, nobody restarts anything by hand, and nothing is lost."""
    running = asyncio.create_task(load.run(at_once=4))
    while report.faults < HITS:
        await chaos.busy(3)
        pid = chaos.pid("valkey")
        if chaos.kill("valkey"):
            await chaos.healthy(after="valkey", but=pid)
            took_s = await speed_again(chaos, load)
            report.within("slowest_recovery_s", took_s, BACK_WITHIN_S)
        await asyncio.sleep(rng.uniform(0.0, 1.0))
    load.enough()
    await running
    await load.judge(chaos.books, report)
    report.conclude(least=HITS)
