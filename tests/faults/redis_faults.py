"""Redis dies and comes back with all, with part, or with nothing of what it held; or it is full."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import redis

from .chaos import Chaos
from .harness import GIVEN_UP_S, Report
from .load import Load


def flush(chaos: Chaos, report: Report) -> None:
    """Redis forgets everything."""
    with suppress(redis.RedisError), redis.Redis.from_url(chaos.suite.ready["redis"]) as client:
        client.flushall()
        report.fault("FLUSHALL", hit=bool(chaos.books.unfinished()))


def truncate(chaos: Chaos, report: Report, *, share: float) -> None:
    """Redis is killed, and of its append-only file only the beginning is left when the supervisor starts it again."""
    supervisor = chaos.suite.supervisor
    os.kill(supervisor, signal.SIGSTOP)
    try:
        pid = chaos.pid("valkey")
        if pid is None:
            return
        hit = bool(chaos.books.unfinished())
        with suppress(psutil.NoSuchProcess):
            valkey = psutil.Process(pid)
            valkey.kill()
            with suppress(psutil.TimeoutExpired):
                valkey.wait(1)  # the supervisor, which is its parent, is stopped: it stays a zombie
        for log in (chaos.suite.data / "valkey" / "appendonlydir").glob("*.incr.aof"):
            _cut(log, share)
        report.fault("truncated AOF", hit=hit)
    finally:
        os.kill(supervisor, signal.SIGCONT)


@contextmanager
def full(chaos: Chaos, report: Report) -> Iterator[None]:
    """Redis has no memory left for anything while the block runs."""
    with redis.Redis.from_url(chaos.suite.ready["redis"]) as client:
        before = client.config_get("maxmemory")["maxmemory"]
        hit = bool(chaos.books.unfinished())
        client.config_set("maxmemory", "100kb")
        report.fault("Redis full", hit=hit)
        try:
            yield
        finally:
            client.config_set("maxmemory", before)


async def speed_again(chaos: Chaos, load: Load) -> float:
    """Seconds until as many jobs as were under way have ended since now, theirs or others'."""
    loop = asyncio.get_running_loop()
    began, before, under_way = loop.time(), len(load.seen), len(chaos.books.unfinished())
    while len(load.seen) < before + max(1, under_way):
        if loop.time() - began > GIVEN_UP_S:
            raise AssertionError("nothing ends any more")
        await asyncio.sleep(0.05)
    return loop.time() - began


def _cut(log: Path, share: float) -> None:
    os.truncate(log, int(log.stat().st_size * share))
