"""Fault test 18: many want to speak on a machine that has room for three."""

from __future__ import annotations

import asyncio
import random

import pytest

from sayit.client import AsyncClient
from sayit.speech.errors import ErrorKind, SayItError
from tests.end_to_end.helper import RunningSuite

from .chaos import Chaos
from .harness import LIVE_ROOM, LONG, OPTIONS, Report, clips, scaled
from .spoken import Talk

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

CROWD = scaled(long=20, short=7, commit=6)
_REFUSED = "sayit_gateway_refused_total"
#: The long version speaks as people do, what takes many utterances.
PACE = 1.0 if LONG else 4.0


async def test_live_crowd(
    chaos: Chaos, shared_suite: tuple[RunningSuite, dict[str, str]], report: Report, rng: random.Random
) -> None:
    """Who is admitted is served to the last word, the others are told when to come back, and get in when others end."""
    suite, texts = shared_suite
    spoken = clips()[-1:] if LONG else clips()[:3]
    refused_before = chaos.metric("gateway", _REFUSED)
    talks = [Talk(rng.choice(spoken), OPTIONS, pace=PACE, retry_s=600.0) for _ in range(CROWD)]
    talking = [asyncio.create_task(talk.run(suite.address)) for talk in talks]
    most_at_once = 0
    while pending := [each for each in talking if not each.done()]:
        at_once = sum(talk.admitted and not talk.over for talk in talks)
        most_at_once = max(most_at_once, at_once)
        if at_once == LIVE_ROOM:
            await _one_more(suite.address, report)
        await asyncio.wait(pending, timeout=0.5, return_when=asyncio.FIRST_COMPLETED)
    for talk, task in zip(talks, talking, strict=True):
        text = texts[talk.clip.name] if LONG else None
        await talk.judge(await task, suite.address, chaos.books, report, text)
    refused = chaos.metric("gateway", _REFUSED) - refused_before
    report.figures |= {"room": LIVE_ROOM, "crowd": CROWD, "most_at_once": most_at_once, "refused": int(refused)}
    if most_at_once > LIVE_ROOM:
        report.wrong.append(f"{most_at_once} sessions at once, with room for {LIVE_ROOM}")
    if refused < CROWD - LIVE_ROOM:
        report.wrong.append(f"only {refused:.0f} were refused")
    report.conclude(least=1)


async def _one_more(address: str, report: Report) -> None:
    """A client that does not wait. A place may have become free meanwhile: then the session just ends."""
    async with AsyncClient(address, retry_s=0.0) as client:
        try:
            async with client.stream_recognize(options=OPTIONS) as session:
                await session.finish()
                async for _ in session:
                    pass
        except SayItError as error:
            report.fault(f"refused as {error.code}", hit=True)
            if error.kind is not ErrorKind.OVERLOADED or not error.retry_after_s:
                report.wrong.append(f"{error.code}, come back in {error.retry_after_s} s")
