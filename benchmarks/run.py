"""`make bench`: the twelve metrics of docs/performance.md, each with the bare model's figure of the same run.

    python -m benchmarks.run                  # everything, under 15 minutes on 2 cores
    python -m benchmarks.run --only 4,5       # some metrics; eta: the estimated ends

It needs a quiet machine: values are ratios taken in one run, but a neighbour may come and go between their two halves.
Results go to `benchmarks/results.json` (rows of metrics that were not measured stay) and `benchmarks/eta.json`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks import bare, corpus, eta, latency, micro, results, saturation, suite
from benchmarks.small_shaped import build
from benchmarks.throughput import percentile
from sayit.cli.local_suite.resources import usable_cores

HERE = Path(__file__).parent
#: Metrics by what they are measured on: a suite with the Small-shaped model, and one with the micro model.
BATCHED, MICRO = {1, 2, 3, 4, 6, 7, 8, 9, 11, 12}, {5, 10}
SATURATED = {1, 2, 3, 6, 7, 9, 11}
ETA = "eta"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is measured, and how much of it."""

    metrics: frozenset[int]
    eta: bool
    #: File of the results; estimates go beside it.
    results: Path
    model: Path
    transcribers: int
    batch: int
    #: Minutes of the long recording.
    minutes: float
    #: How often suite and bare model take turns at it.
    turns: int
    #: Bare windows of each process at full batches, and without batches.
    bare_windows: int
    single_windows: int
    first_texts: int
    short_files: int
    cancels: int
    queue_files: int
    chunks: int


@dataclass
class Findings:
    """Rows as they come in, shown at once."""

    rows: list[results.Result] = field(default_factory=list)
    began_s: float = field(default_factory=time.monotonic)

    def add(self, rows: Sequence[results.Result]) -> None:
        """Keeps and shows them."""
        self.rows += rows
        print(micro.shown(rows), flush=True)

    def say(self, what: str) -> None:
        """Shows what begins."""
        print(f"[{time.monotonic() - self.began_s:5.0f} s] {what}", flush=True)


def measure(plan: Plan, folder: Path, found: Findings) -> None:
    """Runs what the plan wants."""
    if plan.metrics & BATCHED or plan.eta:
        found.say(f"the Small-shaped model: {plan.model}")
        build(plan.model)
        with bare.running(plan.transcribers, plan.model) as processes:
            many = _batched(plan, folder, processes, found)
            if 3 in plan.metrics and many is not None:
                _single(plan, folder, processes, many, found)
    if plan.metrics & MICRO:
        found.say("a suite with the micro model")
        with suite.running("micro", transcribers=plan.transcribers) as running:
            if 5 in plan.metrics:
                found.say(f"queue and events, {plan.queue_files} files")
                found.add(asyncio.run(micro.queue(running, count=plan.queue_files)))
            if 10 in plan.metrics:
                found.say(f"memory over {plan.chunks} chunks")
                found.add(asyncio.run(micro.memory(running, chunks=plan.chunks)))


@dataclass(frozen=True, kw_only=True)
class _Many:
    """The saturated run and the bare one on its windows."""

    run: saturation.Saturated
    best: list[bare.Figures]


def _batched(plan: Plan, folder: Path, processes: list[bare.Bare], found: Findings) -> _Many | None:
    found.say(f"a suite of {plan.transcribers} transcribers with 1 thread each, batch {plan.batch}")
    many = None
    with suite.running(plan.model, transcribers=plan.transcribers, SAYIT_BATCH=str(plan.batch)) as running:
        if 4 in plan.metrics:
            found.say("time to first text")
            found.add(asyncio.run(latency.first_text(running, processes[0], folder, count=plan.first_texts)))
        samples = _long(folder, plan.minutes)
        best: list[bare.Figures] = []
        if plan.metrics & SATURATED:
            turns = []
            for _ in range(plan.turns):
                found.say(f"{plan.minutes:g} minutes of audio, all transcribers busy")
                run = asyncio.run(saturation.saturate(running, samples))
                found.say(f"the same windows bare, batch {plan.batch}")
                best = saturation.bare_on(
                    processes, run.chunks, folder / "long.npy", batch=plan.batch, each=plan.bare_windows
                )
                many = _Many(run=run, best=best)
                turns.append(saturation.results(run, best, cores=plan.transcribers))
                print(micro.shown([row for row in turns[-1] if row.id in {1, 2}]), flush=True)
            rows = [*results.mean(turns), saturation.packing(run, samples)]
            if 1 in plan.metrics:
                rows.append(saturation.usual(plan.model, run.chunks, folder / "long.npy", cores=plan.transcribers))
            found.add([row for row in rows if row.id in plan.metrics])
        _waits(plan, folder, running, processes, best, found)
        if plan.eta:
            found.say("estimated ends under load")
            print(f"  {eta.save(plan.results.parent / 'eta.json', asyncio.run(eta.measure(running)))}", flush=True)
    return many


def _waits(
    plan: Plan,
    folder: Path,
    running: suite.Suite,
    processes: list[bare.Bare],
    best: list[bare.Figures],
    found: Findings,
) -> None:
    if not plan.metrics & {8, 12}:
        return
    if not best:
        windows = tuple((start, start + 29 * corpus.RATE_HZ) for start in range(0, 29 * 16_000 * 8, 29 * 16_000))
        request = bare.Request(
            audio=str(folder / "long.npy"), windows=windows, batch=plan.batch, tokens=saturation.TOKENS
        )
        best = bare.together(processes, [request] * len(processes))
    call_s = percentile([one.longest_call_s for one in best], 50)
    if 8 in plan.metrics:
        found.say("short files behind an hour")
        found.add(
            asyncio.run(latency.behind(running, processes[0], folder, hours=1.0, count=plan.short_files, call_s=call_s))
        )
    if 12 in plan.metrics:
        found.say("cancels")
        found.add(asyncio.run(latency.cancels(running, count=plan.cancels, call_s=call_s)))


def _single(plan: Plan, folder: Path, processes: list[bare.Bare], many: _Many, found: Findings) -> None:
    """Metric 3 needs suite and bare model without batches, too."""
    found.say("the same windows bare, one by one")
    single = saturation.bare_on(processes, many.run.chunks, folder / "long.npy", batch=1, each=plan.single_windows)
    found.say("a suite without batches")
    with suite.running(plan.model, transcribers=plan.transcribers, SAYIT_BATCH="1") as running:
        samples = _long(folder, plan.transcribers * plan.single_windows * 0.5 + 0.5)
        one = asyncio.run(saturation.saturate(running, samples, lead_s=0.0))
    found.add(
        [
            saturation.gain(many.run, one, many.best, single),
            saturation.memory(many.run, batch=plan.batch, best=many.best),
            saturation.memory(one, batch=1),
        ]
    )


def _long(folder: Path, minutes: float) -> corpus.Samples:
    """The long recording's beginning, also as a file for bare processes."""
    path = folder / "long.npy"
    if not path.exists():
        np.save(path, corpus.speech(max(minutes, 4.0) * 60, seed=1))
    samples: corpus.Samples = np.load(path)
    return samples[: int(minutes * 60 * corpus.RATE_HZ)]


def plan_of(arguments: Sequence[str] | None = None) -> Plan:
    """The command line as a plan."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", help="metrics such as 4,5 or eta; empty: all")
    parser.add_argument("--model", type=Path, default=model_folder(), help="the Small-shaped model; made if missing")
    parser.add_argument("--transcribers", type=int, default=min(usable_cores(), 8), help="one thread each")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--minutes", type=float, default=0.0, help="of the long recording; 0: 14 per transcriber")
    parser.add_argument("--turns", type=int, default=2, help="of suite and bare model at the long recording")
    parser.add_argument("--results", type=Path, default=HERE / "results.json")
    given = parser.parse_args(arguments)
    wanted = {word.strip() for word in given.only.split(",") if word.strip()}
    if given.turns < 1:
        parser.error("--turns takes 1 or more")
    known = {str(number) for number in range(1, 13)}
    if wanted - known - {ETA}:
        parser.error("--only takes metrics from 1 to 12, and eta")
    numbers = {int(word) for word in (wanted - {ETA} if wanted else known)}
    return Plan(
        results=given.results,
        metrics=frozenset(numbers),
        eta=not wanted or ETA in wanted,
        model=given.model,
        transcribers=given.transcribers,
        batch=given.batch,
        minutes=given.minutes or 14.0 * given.transcribers,
        turns=given.turns,
        bare_windows=2 * given.batch,
        single_windows=6,
        first_texts=12,
        short_files=6,
        cancels=5,
        queue_files=120,
        chunks=1000,
    )


def model_folder() -> Path:
    """Where the Small-shaped model is kept between runs."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(cache) if cache else Path.home() / ".cache") / "sayit" / "small-shaped"


def main() -> None:
    """The command line. Missed goals are results, not failures; what was measured before a failure is kept."""
    plan = plan_of()
    found = Findings()
    try:
        with tempfile.TemporaryDirectory(prefix="sayit-bench-") as folder:
            measure(plan, Path(folder), found)
    finally:
        rows = results.merge(results.load(plan.results), found.rows)
        results.save(plan.results, rows)
    found.say("done")
    print()
    print(results.markdown(rows))


if __name__ == "__main__":
    main()
