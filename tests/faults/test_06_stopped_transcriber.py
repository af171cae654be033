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
from .harness import LEAST_HITS, Report
from .load import Load

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

_ELSEWHERE_S = 60.0


async def test_stopped_transcriber(slow_chaos: Chaos, slow_load: Load, report: Report) -> None:
    """Its chunk is done elsewhere under a new attempt, and what it says afterwards is void and counted."""
    running = asyncio.create_task(slow_load.run(at_once=3))
    void_before = _void(slow_chaos)
    while report.faults < LEAST_HITS:
        held = await slow_chaos.on_engine()
        if held.crashes:  # each chunk is stopped under once, or its third loss would set it aside
            await asyncio.sleep(0.05)
            continue
        os.kill(held.pid, signal.SIGSTOP)
        try:
            if held in slow_chaos.books.running() and await _taken_over(slow_chaos, held):
                report.fault("SIGSTOP transcriber", hit=True)
        finally:
            with suppress(ProcessLookupError):  # on a slow machine its supervisor has replaced it by now
                os.kill(held.pid, signal.SIGCONT)
        await asyncio.sleep(0.5)
    slow_load.enough()
    await running
    await slow_load.judge(slow_chaos.books, report)
    report.figures["void"] = void = int(_void(slow_chaos) - void_before)
    if void < report.faults:
        report.wrong.append(f"{report.faults} transcribers came too late, {void} were counted")
    report.conclude()


async def _taken_over(chaos: Chaos, held: Running) -> bool:
    """Waits until another transcriber's text of the chunk is committed; False if its own was on its way already."""
    deadline = time.monotonic() + _ELSEWHERE_S
    while time.monotonic() < deadline:
        attempts = [each for each in chaos.books.attempts(held.job_id) if each[0] == held.chunk_id]
        by = [number for _, number, outcome, _, _ in attempts if outcome == "committed"]
        if by:
            return by != [held.attempt]
        await asyncio.sleep(0.05)
    raise AssertionError(f"nobody took over: {attempts}")


def _void(chaos: Chaos) -> float:
    """Attempts whose transcriber found that it came too late, and writes that the scheduler fenced."""
    lost = sum(chaos.metric(name, 'sayit_transcriber_chunks_total{outcome="lost"}') for name in chaos.transcribers)
    return lost + chaos.books.late_writes()
