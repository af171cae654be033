"""How good the estimated time to the end is, while several recordings are transcribed: predicted against actual end."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import corpus
from benchmarks.suite import Suite
from benchmarks.throughput import percentile
from benchmarks.workload import fixed
from sayit.client import AsyncClient

#: Lengths of the recordings in seconds, and when they are sent.
JOBS = ((150.0, 0.0), (90.0, 1.0), (240.0, 3.0), (60.0, 6.0), (90.0, 12.0), (20.0, 15.0))
#: An estimate counts from this long before the end; nearer, seconds are large shares of nothing.
_LEAST_LEFT_S = 3.0


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """One answer of GetJob, and what came true."""

    job: int
    #: Time since the job was sent.
    age_s: float
    eta_s: float
    actual_s: float

    @property
    def error(self) -> float:
        """Relative error: 0.5 is half of the time that was left, too early or too late."""
        return abs(self.eta_s - self.actual_s) / self.actual_s


async def measure(suite: Suite, *, tokens: int = 100) -> list[Estimate]:
    """Runs the jobs and asks for each once a second until it ends."""
    async with AsyncClient(suite.address) as client:
        estimates = await asyncio.gather(*(_one(client, number, tokens) for number in range(len(JOBS))))
    return [each for own in estimates for each in own]


async def _one(client: AsyncClient, number: int, tokens: int) -> list[Estimate]:
    seconds, at_s = JOBS[number]
    audio = corpus.encoded(corpus.speech(seconds, seed=6000 + number), "FLAC")
    await asyncio.sleep(at_s)
    sent_s = time.monotonic()
    job = await client.create_job(audio, options=fixed(tokens))
    answers: list[tuple[float, float]] = []
    while not (job := await client.get(job.id)).state.terminal:
        if job.progress.eta_s is not None:
            answers.append((time.monotonic(), job.progress.eta_s))
        await asyncio.sleep(1.0)
    # The end as the scheduler noted it, on this clock: polling would add up to a second.
    assert job.finished_at_s is not None
    ended_s = time.monotonic() - (time.time() - job.finished_at_s)
    return [
        Estimate(job=number, age_s=asked_s - sent_s, eta_s=eta_s, actual_s=ended_s - asked_s)
        for asked_s, eta_s in answers
        if ended_s - asked_s >= _LEAST_LEFT_S
    ]


def summary(estimates: Sequence[Estimate]) -> dict[str, float]:
    """Relative errors, of all estimates and of each job's first."""
    first: dict[int, Estimate] = {}
    for each in estimates:
        first.setdefault(each.job, each)
    return {
        "estimates": len(estimates),
        "median_relative_error": percentile([each.error for each in estimates], 50),
        "p90_relative_error": percentile([each.error for each in estimates], 90),
        "median_relative_error_of_first": percentile([each.error for each in first.values()], 50),
    }


def save(path: Path, estimates: Sequence[Estimate]) -> dict[str, float]:
    """Writes summary and estimates; returns the summary."""
    found = summary(estimates)
    value = {**found, "each": [asdict(each) for each in estimates]}
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    return found
