"""Ends a process whose memory has grown too much, once it holds no chunk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import psutil

from sayit.chassis.telemetry import logger
from sayit.transcriber import metrics
from sayit.transcriber.worker.slots import Runner

_CHECK_S = 1.0
_MB = 1_000_000


def resident_mb() -> int:
    """Memory of this process that is in RAM."""
    return int(psutil.Process().memory_info().rss) // _MB


async def watch_memory(
    runner: Runner,
    *,
    limit_mb: int,
    stop_taking: Callable[[], None],
    leave: Callable[[], None],
    measure_mb: Callable[[], int] = resident_mb,
    every_s: float = _CHECK_S,
) -> None:
    """Measures until the limit is passed; then takes no more work, lets the held chunks finish, and ends the process.

    Args:
        runner: what holds chunks.
        limit_mb: resident memory that is too much.
        stop_taking: leaves the queue to other workers.
        leave: ends the process as a signal does.
        measure_mb: the memory now.
        every_s: seconds between two measurements.
    """
    while (used_mb := measure_mb()) <= limit_mb:
        metrics.RESIDENT.set(used_mb * 1_000_000)
        await asyncio.sleep(every_s)
    logger().warning("memory_limit_passed", used_mb=used_mb, limit_mb=limit_mb, held=len(runner.held))
    stop_taking()
    await runner.retire()
    leave()
