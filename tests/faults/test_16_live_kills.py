"""Fault test 16: kill -9 of every part while a speaker goes on."""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.end_to_end.helper import RunningSuite

from .chaos import Chaos
from .harness import OPTIONS, Report, clips, scaled
from .spoken import Talk

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

#: How often each part is killed, and after how many seconds the next one is.
TIMES, BETWEEN_S = scaled(long=(2, 4.0), short=(1, 3.0), commit=(1, 2.5))


async def test_live_kills(
    chaos: Chaos, shared_suite: tuple[RunningSuite, dict[str, str]], report: Report, rng: random.Random
) -> None:
    """No word that was committed is lost and none comes twice, whichever process dies under the session."""
    suite, texts = shared_suite
    clip = clips()[-1]
    talk = Talk(clip, OPTIONS, pace=scaled(long=1.0, short=2.0, commit=3.0))
    talking = asyncio.create_task(talk.run(suite.address))
    names = [name for name in chaos.names if name != "valkey"] * TIMES
    rng.shuffle(names)
    for name in names:
        await asyncio.sleep(BETWEEN_S)
        chaos.kill(name)
    report.figures["spoken_meanwhile"] = talk.speaking
    result = await talking
    await chaos.healthy()
    await talk.judge(result, suite.address, chaos.books, report, texts[clip.name])
    report.conclude(least=2)
