"""Fault test 7: every part of ours is asked to end, one after the other, round after round; Redis is fault test 2's."""

from __future__ import annotations

import asyncio
import signal

import pytest

from .chaos import Chaos
from .harness import LEAST_HITS, LONG, Report
from .load import Load

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

ROUNDS = 10 if LONG else 1


async def test_rolling_restart(chaos: Chaos, load: Load, report: Report) -> None:
    """Fewer than one client in two hundred meets an error, after its retries, and no job fails."""
    running = asyncio.create_task(load.run(at_once=5))
    names = [name for name in chaos.names if name != "valkey"]
    while report.injected < ROUNDS * len(names) or report.faults < LEAST_HITS:
        for name in names:
            await chaos.busy(3)
            pid = chaos.pid(name)
            chaos.send(name, signal.SIGTERM)
            await chaos.healthy(after=name, but=pid)
    load.enough()
    await running
    await load.judge(chaos.books, report)
    if len(load.errors) > load.asked * 0.005:
        report.wrong.append(f"{len(load.errors)} of {load.asked} clients met errors")
    report.conclude()
