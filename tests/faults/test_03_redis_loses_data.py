"""Fault test 3: Redis forgets the queue, all of it or its end."""

from __future__ import annotations

import asyncio
import random

import pytest

from .chaos import Chaos
from .harness import Report, scaled
from .load import Load
from .redis_faults import flush, truncate

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

#: All of it is lost first, then its end.
LEAST_HITS = scaled(long=30, short=2, commit=2)
#: The bar for rebuilding the queue.
REBUILT_WITHIN_S = 30.0


async def test_redis_loses_data(chaos: Chaos, load: Load, report: Report, rng: random.Random) -> None:
    """The database rebuilds the queue: what was under way at the loss ends soon after it, once."""
    while report.faults < LEAST_HITS:
        wave = asyncio.create_task(load.run(at_once=8, jobs=8))
        await chaos.busy(4)
        under_way = chaos.books.unfinished()
        pid = chaos.pid("valkey")
        if report.injected % 3 == 1:
            truncate(chaos, report, share=rng.random())
            await chaos.healthy(after="valkey", but=pid)
        else:
            flush(chaos, report)
        took_s = await chaos.through(under_way)
        report.within("slowest_rebuild_s", took_s, REBUILT_WITHIN_S)
        await wave
    await load.judge(chaos.books, report)
    report.conclude(least=LEAST_HITS)
