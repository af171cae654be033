"""Fault test 12, its other half: one tenant floods the suite, another asks for little; a short file among long ones."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from sayit.client import AsyncClient
from sayit.gateway.auth.keys import create_key
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import Completed
from tests.end_to_end.helper import repeated, running_suite

from .chaos import Chaos
from .harness import LEAST_HITS, LONG, NO_BRIDGE, SLOW_FAULTS, SLOW_OPTIONS, Report, clips, until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

#: Jobs that one tenant may have, and that the flooding one keeps.
ROOM = 24 if LONG else 13
#: Jobs of the other.
MODEST = 5 if LONG else 1
#: Chunks of the flood that may be begun between the moment a chunk of somebody else is due and the moment it is begun:
#: those in the queue already, which are not taken back.
_AHEAD = 6


@pytest.mark.thorough(
    "a tenant's bound is in test_a_tenant_has_a_bound_of_its_own, its turn in test_no_tenant_and_no_lane_starves and "
    "test_a_tenant_with_many_jobs_does_not_hide_another; test_strangers has a modest tenant beside three greedy ones"
)
async def test_fairness(tmp_path: Path, heavy_model: Path, report: Report, rng: random.Random) -> None:
    """The flood is refused beyond its own bound; who asks for little is admitted, and goes before the flood's rest."""
    keys = tmp_path / "keys.json"
    flood, modest = (create_key(keys, tenant=name, name=name)[1] for name in ("flood", "modest"))
    settings = {
        **SLOW_FAULTS,
        "SAYIT_API_KEYS_FILE": str(keys),
        "SAYIT_MAX_ACTIVE_JOBS_PER_TENANT": str(ROOM),
        "SAYIT_SLOTS": "2",
    }
    with running_suite(tmp_path, *NO_BRIDGE, "--model", str(heavy_model), **settings) as suite:
        chaos = Chaos(suite, report)
        flooding = asyncio.create_task(_flood(suite.address, flood, report))
        async with AsyncClient(suite.address, api_key=modest, retry_s=0.0) as client:
            for _ in range(MODEST):
                await chaos.busy(ROOM)
                await _one(client, chaos, rng, report)
        await until(lambda: report.faults >= LEAST_HITS, "refusals of the flood")
        flooding.cancel()
        await asyncio.gather(flooding, return_exceptions=True)
    report.conclude()


async def test_a_short_file_does_not_wait_for_long_ones(slow_chaos: Chaos, report: Report) -> None:
    """A short file sent while two long ones run is done while they do a few chunks more; both go on together."""
    async with AsyncClient(slow_chaos.suite.address) as client:
        long = [
            (await client.create_job(repeated("ko-150s", 4, gain=gain), options=SLOW_OPTIONS)).id for gain in (0.9, 0.8)
        ]
        await until(lambda: slow_chaos.books.done(long[0]) >= 2, "two chunks of the first")
        before = sum(map(slow_chaos.books.done, long))
        await client.transcribe(clips()[0].audio, options=SLOW_OPTIONS)
        between = sum(map(slow_chaos.books.done, long)) - before
        # Two transcribers with two slots each: what they hold and what is queued for them goes first.
        if between > _AHEAD + 2:
            report.wrong.append(f"{between} chunks of the long files were done before the short one")
        await until(lambda: slow_chaos.books.done(long[1]) >= 1, "a chunk of the second")
        unfinished = slow_chaos.books.unfinished()
        if not unfinished >= set(long):
            report.wrong.append("a long file was done before the others had a turn: nothing was shown")
        for job in long:
            await client.cancel(job)
    report.operations = 3
    report.conclude(least=0)


async def _flood(address: str, key: str, report: Report) -> None:
    """Asks for as much as it is let, for ever."""
    async with AsyncClient(address, api_key=key, retry_s=0.0) as client:
        while True:
            try:
                await client.create_job(clips()[0].audio, options=SLOW_OPTIONS)
                report.operations += 1
            except SayItError as error:
                report.fault("refused", hit=True)
                if error.kind is not ErrorKind.OVERLOADED or not error.retry_after_s:
                    report.wrong.append(f"{error.code}, come back in {error.retry_after_s} s")
                await asyncio.sleep(0.1)


async def _one(client: AsyncClient, chaos: Chaos, rng: random.Random, report: Report) -> None:
    """One job of the modest tenant; how many of the flood's chunks went before it although it was due."""
    job = await client.create_job(rng.choice(clips()[:3]).audio, options=SLOW_OPTIONS)
    report.operations += 1
    async for event in client.watch(job.id):
        if isinstance(event.body, Completed):
            break
    overtaken = chaos.books.begun_before(job.id)
    report.most("most_overtaken", float(overtaken))
    if overtaken > _AHEAD:
        report.wrong.append(f"{overtaken} of the flood were begun while {job.id} was due")
