"""Fault test 17: the connection of a live session is cut again and again."""

from __future__ import annotations

import asyncio

import pytest

from tests.end_to_end.helper import RunningSuite

from .chaos import Chaos
from .harness import LONG, OPTIONS, Report, clips
from .proxy import Proxy
from .spoken import Talk

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

BETWEEN_S = 5.0 if LONG else 1.5


async def test_live_cuts(chaos: Chaos, shared_suite: tuple[RunningSuite, dict[str, str]], report: Report) -> None:
    """The session goes on with the audio that is not stored: its text is whole, and comes once."""
    suite, texts = shared_suite
    clip = clips()[-1]
    talk = Talk(clip, OPTIONS, pace=1.0 if LONG else 4.0)
    async with Proxy(suite.address).running() as proxy:
        talking = asyncio.create_task(talk.run(proxy.address))
        while not talking.done():
            await asyncio.wait({talking}, timeout=BETWEEN_S)
            if talk.speaking:
                report.fault("cut", hit=proxy.links > 0)
                proxy.reset()
        result = await talking
    await talk.judge(result, suite.address, chaos.books, report, texts[clip.name])
    report.conclude(least=5 if LONG else 2)
