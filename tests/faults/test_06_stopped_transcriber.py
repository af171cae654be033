"""Fault test 6: a transcriber is stopped past its lease, and goes on as if nothing had happened."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import suppress

import pytest

from .books import Running
from .chaos import Chaos
from .harness import GIVEN_UP_S, LEAST_HITS, Report
from .load import Load

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]


async def test_stopped_transcriber(slow_chaos: Chaos, slow_load: Load, report: Report) -> None:
    """Its chunk is done elsewhere under a new attempt, and what it says afterwards is void and counted."""
    running = asyncio.create_task(slow_load.run(at_once=3))
    while report.faults < LEAST_HITS:
        held = await slow_chaos.on_engine()
        if held.crashes:  # each chunk is stopped under once, or its third loss would set it aside
            await asyncio.sleep(0.05)
            continue
        name = slow_chaos.name_of(held.pid)
        void_before = _void(slow_chaos, name)
        os.kill(held.pid, signal.SIGSTOP)
        taken_over = False
        try:
            taken_over = held in slow_chaos.books.running() and await _taken_over(slow_chaos, held)
        finally:
            with suppress(ProcessLookupError):
                os.kill(held.pid, signal.SIGCONT)
        if taken_over and await _counted(slow_chaos, held, name, void_before):
            report.fault("SIGSTOP transcriber", hit=True)
    slow_load.enough()
    await running
    await slow_load.judge(slow_chaos.books, report)
    report.conclude()


async def _taken_over(chaos: Chaos, held: Running) -> bool:
    """Waits until another transcriber's text of the chunk is committed; False if its own was on its way already."""
    deadline = time.monotonic() + GIVEN_UP_S
    while time.monotonic() < deadline:
        attempts = [each for each in chaos.books.attempts(held.job_id) if each[0] == held.chunk_id]
        by = [number for _, number, outcome, _, _ in attempts if outcome == "committed"]
        if by:
            return by != [held.attempt]
        await asyncio.sleep(0.05)
    raise AssertionError(f"nobody took over: {attempts}")


async def _counted(chaos: Chaos, held: Running, name: str, before: float) -> bool:
    """Waits until what came too late is counted; False if the supervisor has replaced it, as on a slow machine."""
    deadline = time.monotonic() + GIVEN_UP_S
    while chaos.pid(name) == held.pid:
        with suppress(OSError):  # replaced just now
            if _void(chaos, name) > before:
                return True
        assert time.monotonic() < deadline, "a transcriber came too late, and that was not counted"
        await asyncio.sleep(0.1)
    return False


def _void(chaos: Chaos, name: str) -> float:
    """Attempts whose transcriber found that it came too late, and writes that the scheduler fenced."""
    return chaos.metric(name, 'sayit_transcriber_chunks_total{outcome="lost"}') + chaos.books.late_writes()
