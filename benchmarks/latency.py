"""How long people wait: for the first text of an idle suite, behind a long recording, for a cancel to take effect."""

from __future__ import annotations

import asyncio
import functools
import random
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks import bare, corpus
from benchmarks.results import Result
from benchmarks.suite import Suite, engine_end_s
from benchmarks.throughput import percentile
from benchmarks.workload import cancelled_afterwards, fixed, follow, until_idle
from sayit.client import AsyncClient

#: What eight seconds of speech say.
SHORT_S, SHORT_TOKENS = 8.0, 25
LONG_TOKENS = 100
#: Until batches are as large as they become, in seconds.
_WARM_S = 25.0


async def first_text(suite: Suite, model: bare.Bare, folder: Path, *, count: int) -> list[Result]:
    """Metric 4. Suite and bare model take turns on the same audio, so that a noisy machine disturbs both alike."""
    ours, plain = [], []
    async with AsyncClient(suite.address) as client:
        await client.status()
        for number in range(count + 1):
            samples = corpus.speech(SHORT_S, seed=1000 + number)
            seen = await follow(client, corpus.encoded(samples), fixed(SHORT_TOKENS))
            assert seen.first_text_s is not None, "a short file has text"
            bare_s = await asyncio.to_thread(_bare_s, model, folder, samples)
            if number:  # the first one meets cold caches
                ours.append(seen.first_text_s - seen.sent_s)
                plain.append(bare_s)
    return [_first_text(ours, plain, share) for share in (50, 95)]


def _bare_s(model: bare.Bare, folder: Path, samples: corpus.Samples) -> float:
    """What the bare model needs for a short file, from its samples on."""
    np.save(folder / "short.npy", samples)
    request = bare.Request(
        audio=str(folder / "short.npy"), windows=((0, len(samples)),), batch=1, tokens=SHORT_TOKENS, voice=False
    )
    return model.decode(request).wall_s


def _first_text(ours: Sequence[float], plain: Sequence[float], share: int) -> Result:
    ours_s, plain_s = percentile(ours, share), percentile(plain, share)
    return Result(
        id=4,
        name=f"time to first text, idle, ÷ the bare first chunk: p{share} ({ours_s:.2f} s, {plain_s:.2f} s bare)",
        value=ours_s / plain_s,
        unit="",
        reference=1.0,
        goal=1.1,
        compare="<=",
    )


async def behind(
    suite: Suite, model: bare.Bare, folder: Path, *, hours: float, count: int, call_s: float
) -> list[Result]:
    """Metric 8: short files while a long recording is transcribed.

    A file's wait is what it took from being due to the engine's end beyond what the bare model takes for it alone: the
    call it had to wait for, and what sharing later calls with others cost it.

    Args:
        suite: with idle transcribers.
        model: a bare one.
        folder: for a file of samples.
        hours: length of the long recording.
        count: short files, one after the other.
        call_s: what the bare model needs for one call at the suite's batch size.
    """
    long = corpus.encoded(corpus.speech(hours * 3600, seed=77), "FLAC")
    generator = random.Random(8)
    async with AsyncClient(suite.address) as client:
        async with cancelled_afterwards(client, long, fixed(LONG_TOKENS)):
            await asyncio.sleep(_WARM_S)
            jobs = []
            for number in range(count):
                await asyncio.sleep(generator.uniform(0, 3))
                audio = corpus.encoded(corpus.speech(SHORT_S, seed=2000 + number))
                jobs.append((await follow(client, audio, fixed(SHORT_TOKENS))).job_id)
        await _idle(suite)
    plain_s = percentile(
        [_bare_s(model, folder, corpus.speech(SHORT_S, seed=2000 + number)) for number in range(min(3, count))], 50
    )
    finished = {line["job_id"]: engine_end_s(line) for line in suite.log("transcriber", "chunk") if "commit_ms" in line}
    waits = [max(0.0, finished[job] - chunk.due_s - plain_s) for job in jobs for chunk in suite.chunks(job)]
    worst_s = max(waits)
    return [
        Result(
            id=8,
            name=f"short job's wait with {hours:g} h in front ÷ one engine call: worst of {count} ({worst_s:.2f} s)",
            value=worst_s / call_s,
            unit="calls",
            reference=1.0,
            goal=1.0,
            compare="<=",
        ),
        Result(id=8, name="the same wait, p50", value=percentile(waits, 50), unit="s", reference=call_s),
    ]


async def cancels(suite: Suite, *, count: int, call_s: float) -> list[Result]:
    """Metric 12: recordings that are cancelled while all transcribers work on them."""
    generator = random.Random(12)
    left, begun = [], 0.0
    windows = functools.partial(suite.over_transcribers, "sayit_transcriber_windows_total")
    async with AsyncClient(suite.address) as client:
        for number in range(count):
            audio = corpus.encoded(corpus.speech(600, seed=3000 + number), "FLAC")
            job = await client.create_job(audio, options=fixed(LONG_TOKENS))
            await asyncio.sleep(generator.uniform(5, 12))
            await client.cancel(job.id)
            cancelled_s = time.monotonic()
            # A window that is being encoded at this moment has begun; it counts when it is done.
            at_cancel = await asyncio.to_thread(windows)
            await _idle(suite)
            left.append(time.monotonic() - cancelled_s)
            begun = max(begun, await asyncio.to_thread(windows) - at_cancel - len(suite.transcribers))
    return [
        Result(
            id=12,
            name="windows begun after a cancel, most of all cancels",
            value=max(0.0, begun),
            unit="",
            reference=0.0,
            goal=0.0,
            compare="<=",
        ),
        Result(
            id=12,
            name=f"cancel → engines free, p95 of {count}",
            value=percentile(left, 95),
            unit="s",
            reference=call_s,
            goal=5.0,
            compare="<=",
        ),
    ]


async def _idle(suite: Suite) -> None:
    await until_idle(functools.partial(suite.over_transcribers, "sayit_transcriber_busy"))
