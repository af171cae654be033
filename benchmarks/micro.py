"""What does not depend on the model's speed, with the micro model: queue, events, memory over many chunks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import numpy as np
import psutil
import redis.asyncio
from numpy.typing import NDArray

from benchmarks import corpus
from benchmarks.results import Result
from benchmarks.suite import Suite, engine_end_s
from benchmarks.throughput import percentile, slope
from benchmarks.workload import Timeline, fixed, follow
from sayit.chassis import probe
from sayit.client import AsyncClient

#: What an event may take, p50 and p99, in milliseconds.
_GOALS_MS = {50: 5.0, 99: 20.0}
_TOKENS = 8


async def queue(suite: Suite, *, count: int) -> list[Result]:
    """Metric 5, idle transcribers, one short file after the other: only the way costs time.

    Due and claimed stand in the database. The engine's end is the transcriber's own log line, less the commit it waited
    for: it is a millisecond late, as the call ends in between.
    """
    seen: list[Timeline] = []
    async with AsyncClient(suite.address) as client:
        for number in range(count):
            audio = corpus.encoded(corpus.speech(2.0, seed=4000 + number))
            seen.append(await follow(client, audio, fixed(_TOKENS)))
    jobs = {each.job_id: each for each in seen}
    chunks = [chunk for chunk in suite.chunks() if chunk.id.rpartition("-")[0] in jobs]
    claims_ms = [(chunk.claimed_s - chunk.due_s) * 1000 for chunk in chunks]
    news_ms = []
    for line in suite.log("transcriber", "chunk"):
        texts = jobs[line["job_id"]].chunk_texts_s if line.get("job_id") in jobs else None
        if texts and line.get("outcome") == "done" and line["index"] in texts:
            news_ms.append((texts[line["index"]] - engine_end_s(line)) * 1000)
    redis_ms, grpc_ms = await _redis_ms(suite.ready["redis"]), await _grpc_ms(suite.address)
    rows = [("due → claimed (bare: one Redis notification)", claims_ms, redis_ms)]
    rows += [("finish → client's event (bare: one gRPC call)", news_ms, grpc_ms)]
    return [
        Result(
            id=5,
            name=f"{name}, p{share} of {len(values)}",
            value=percentile(values, share),
            unit="ms",
            reference=percentile(plain, share),
            goal=goal,
            compare="<",
        )
        for name, values, plain in rows
        for share, goal in _GOALS_MS.items()
    ]


async def _redis_ms(url: str, count: int = 200) -> list[float]:
    """From publishing to hearing, on the suite's own Redis."""
    assert urlsplit(url).scheme.startswith("redis")
    async with redis.asyncio.from_url(url) as connection, connection.pubsub() as heard:
        await heard.subscribe("benchmark")
        await heard.get_message(timeout=5)
        found = []
        for _ in range(count):
            began = time.perf_counter()
            await connection.publish("benchmark", "x")
            while await heard.get_message(ignore_subscribe_messages=True, timeout=5) is None:
                pass
            found.append((time.perf_counter() - began) * 1000)
    return found


async def _grpc_ms(address: str, count: int = 200) -> list[float]:
    """A connection and a health check each."""
    found = []
    for _ in range(count):
        began = time.perf_counter()
        await probe.is_serving(address)
        found.append((time.perf_counter() - began) * 1000)
    return found


@dataclass(kw_only=True)
class Growth:
    """Memory of one process by chunks done."""

    points: list[tuple[float, float]] = field(default_factory=list)

    def per_thousand(self) -> tuple[float, float]:
        """Megabytes per 1,000 chunks: the median slope, and what is certain of it; the first fifth is warming up."""
        kept = self.points[len(self.points) // 5 :]
        middle, low = slope(kept)
        return middle * 1000, max(0.0, low * 1000)


def with_gaps(chunks: int, *, seed: int) -> NDArray[np.int16]:
    """Phrases of 2 s with 10.5 s of silence between them, which ends a chunk: each becomes one of its own."""
    generator = np.random.default_rng(seed)
    pieces = []
    for number in range(chunks):
        pieces.append(corpus.speech(2.0, seed=seed + number, pauses_s=(0.05, 0.1)))
        pieces.append(generator.normal(0, 3, int(10.5 * corpus.RATE_HZ)).astype(np.int16))
    return np.concatenate(pieces)


async def memory(suite: Suite, *, chunks: int, per_file: int = 100) -> list[Result]:
    """Metric 10: resident memory of transcribers and scheduler over many chunks."""
    growths = {part: Growth() for part in (*suite.transcribers, "scheduler", "gateway")}
    processes = {part: found[0] for part, found in suite.processes().items() if part in growths}
    committed = len(suite.chunks())
    done = asyncio.Event()
    watcher = asyncio.create_task(_watch(suite, processes, growths, committed, done))
    async with AsyncClient(suite.address) as client:
        for number in range(chunks // per_file):
            audio = corpus.encoded(with_gaps(per_file, seed=50_000 + 1000 * number), "FLAC")
            await client.transcribe(audio, options=fixed(_TOKENS))
    done.set()
    await watcher
    total = len(suite.chunks()) - committed
    found = {part: growth.per_thousand() for part, growth in growths.items()}
    worst = max(found, key=lambda part: found[part][1])
    return [
        Result(
            id=10,
            name=f"RSS slope over {total} chunks, the part that grows most ({worst}), certain at 95 %",
            value=found[worst][1],
            unit="MB/1000",
            goal=0.0,
            compare="<=",
        ),
        *(
            Result(id=10, name=f"RSS slope of {part}, most likely", value=middle, unit="MB/1000")
            for part, (middle, _) in found.items()
        ),
    ]


async def _watch(
    suite: Suite,
    processes: dict[str, psutil.Process],
    growths: dict[str, Growth],
    committed: int,
    done: asyncio.Event,
) -> None:
    while not done.is_set():
        count = await asyncio.to_thread(lambda: len(suite.chunks())) - committed
        for part, process in processes.items():
            growths[part].points.append((count, process.memory_info().rss / 1e6))
        await asyncio.sleep(1.0)


def shown(results: Sequence[Result]) -> str:
    """The rows in one line each, as they are found."""
    return "\n".join(f"  {row.id}: {row.name}: {row.value:.3f} {row.unit}" for row in results)
