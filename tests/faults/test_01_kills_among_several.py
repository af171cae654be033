"""Fault test 1 with two of everything on PostgreSQL: kill -9 of a scheduler, and of random processes."""

from __future__ import annotations

import asyncio
import random

import pytest

from sayit.client import AsyncClient
from sayit.speech.jobs import ChunkText

from .chaos import SPARED
from .harness import LONG, SLOW_OPTIONS, Report, clips, until
from .several import Several, at_work

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

_LEFT_TO_CI = pytest.mark.thorough(
    "test_random_kills kills all kinds of processes; two schedulers on one PostgreSQL share jobs, watchers, claims in "
    "service/test_several.py and db/test_races.py"
)
#: Each waits for a start.
KILLS = 12 if LONG else 2


@_LEFT_TO_CI
async def test_a_job_is_watched_at_one_gateway_and_made_at_another(shared_several: Several, report: Report) -> None:
    """Although one of two schedulers is killed the events have no gap, and the job ends once, with the same text."""
    cluster, clip = shared_several.cluster, clips()[-1]
    here, there = (AsyncClient(cluster.addresses[f"gateway-{number}"], reconnect_s=60.0) for number in (1, 2))
    async with here, there:
        expected = (await here.transcribe(clip.audio, options=SLOW_OPTIONS)).transcript.text
        job = await here.create_job(clip.audio, options=SLOW_OPTIONS)
        events = []
        async for event in there.watch(job.id):
            events.append(event)
            if isinstance(event.body, ChunkText) and not report.injected:
                cluster.kill("scheduler-1")
                report.fault("kill scheduler", hit=True)
        cluster.start("scheduler-1")
        await cluster.serving("scheduler-1")
        text = (await there.transcript(job.id)).text
    seqs = [event.seq for event in events if event.seq]
    chunks = [event.body.chunk_index for event in events if isinstance(event.body, ChunkText)]
    if seqs != list(range(1, len(seqs) + 1)) or sorted(chunks) != list(range(len(chunks))):
        report.wrong.append(f"told as {seqs}, with the chunks {chunks}")
    if text != expected:
        report.wrong.append(f"says {text!r} for {expected!r}")
    report.operations = 2
    report.conclude(least=1)


@_LEFT_TO_CI
async def test_random_kills_among_several(shared_several: Several, report: Report, rng: random.Random) -> None:
    """Every accepted job completes once: whoever is left goes on, and who comes back joins in."""
    cluster, books = shared_several.cluster, shared_several.books
    async with at_work(shared_several, report, rng):
        while report.faults < KILLS:
            await until(lambda: len(books.unfinished()) >= 3, "work to disturb")
            name = rng.choice(sorted(cluster.processes))
            held = [each for each in books.running() if each.pid == cluster.processes[name].pid]
            if any(each.crashes >= SPARED for each in held):
                await asyncio.sleep(0.1)
                continue
            kind = name.partition("-")[0]
            cluster.kill(name)
            report.fault(f"kill {kind}", hit=bool(held) or kind != "transcriber")
            await asyncio.sleep(rng.uniform(0.5, 2.0))
            cluster.start(name)
            if name in cluster.addresses:
                await cluster.serving(name)
    report.conclude(least=KILLS)
