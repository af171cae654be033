"""A day of traffic in ten minutes on a suite of its own: 500 requests, peaks of 60 % more; then 20 and 50 at once.

    python -m benchmarks.load.a_day                      # as `make load`
    python -m benchmarks.load.a_day --minutes 1 --requests 50

A day in ten minutes is 144 times as dense as the day. So that two cores can do it at all, files are a tenth as long as
people's (`--shrink`); the report says which share of the cores that takes. Beside the figures stand targets, and what
the same arrivals take on two and on eight cores by a model of the cost that was measured.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from benchmarks import suite
from benchmarks.load.arrivals import Arrival, at_once, day
from benchmarks.load.cost_model import Cost, replayed, used
from benchmarks.load.driver import Target, outcomes_of
from benchmarks.load.report import Outcome, percentiles

#: Files that count as short, in seconds, before they are made shorter.
_SHORT_S = 30.0
#: What is to be reached.
TARGETS = {
    "success": "99.5 % or more",
    "short_mean_s": "2.0 s or less, on eight cores",
    "largest_s": "60 s or less, on eight cores",
}
#: How often memory is looked at, in seconds.
_EVERY_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What came of one part of the load."""

    name: str
    requests: int
    #: Share that completed.
    success: float
    errors: dict[str, int]
    #: By percentile, in seconds.
    done_s: dict[str, float]
    first_text_s: dict[str, float]
    #: Mean seconds to the transcript of short files; None without any.
    short_mean_s: float | None
    #: The longest time to a transcript; None where nothing completed.
    largest_s: float | None
    #: The same by the cost model, by cores.
    modelled: dict[int, dict[str, float]]
    #: Share of the cores that the load takes by the model, by cores.
    used: dict[int, float]


def main() -> int:
    """The command line; 0 if every request completed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.load.a_day", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--model", default="micro", help="name or folder of a model")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long the day takes")
    parser.add_argument("--requests", type=int, default=500, help="requests of the day")
    parser.add_argument("--shrink", type=float, default=0.1, help="factor for the lengths of all files")
    parser.add_argument("--transcribers", type=int, default=2, help="with one thread each")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    if given.minutes <= 0 or given.requests <= 0 or given.shrink <= 0 or given.transcribers <= 0:
        parser.error("--minutes, --requests, --shrink and --transcribers are above 0")
    duration_s = given.minutes * 60
    loads = {
        "a day": day(requests=given.requests, duration_s=duration_s, seed=given.seed, shrink=given.shrink),
        "20 at once": at_once(20, seed=given.seed + 1, shrink=given.shrink),
        "50 at once": at_once(50, seed=given.seed + 2, shrink=given.shrink),
    }
    with suite.running(given.model, transcribers=given.transcribers, threads=1) as running:
        with peaks_of(running) as peaks:
            outcomes = {name: _sent(running.address, load) for name, load in loads.items()}
        cost = cost_of(running, loads["a day"], outcomes["a day"])
    found = [
        figures(
            name,
            load,
            outcomes[name],
            cost,
            short_s=_SHORT_S * given.shrink,
            duration_s=duration_s,
            transcribers=given.transcribers,
        )
        for name, load in loads.items()
    ]
    if given.json:
        print(json.dumps({"parts": [asdict(one) for one in found], "memory_mb": peaks, "cost": asdict(cost)}, indent=2))
    else:
        print(text(found, peaks, cost))
    return int(any(one.success < 1 for one in found))


def _sent(address: str, load: Sequence[Arrival]) -> list[Outcome]:
    outcomes, _ = asyncio.run(outcomes_of(Target(address=address), load))
    return outcomes


@contextmanager
def peaks_of(running: suite.Suite) -> Iterator[dict[str, float]]:
    """The most memory of each part while the block runs, in megabytes."""
    peaks: defaultdict[str, float] = defaultdict(float)
    over = threading.Event()

    def look() -> None:
        while not over.wait(_EVERY_S):
            for name, megabytes in running.rss_mb().items():
                peaks[name] = max(peaks[name], megabytes)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield peaks
    finally:
        over.set()
        looking.join()


def cost_of(running: suite.Suite, load: Sequence[Arrival], outcomes: Sequence[Outcome]) -> Cost:
    """What one core needed: by the scheduler's counters, and by the quickest tenth of the requests beside that."""
    counted = running.metrics("scheduler")
    per_audio_s = counted["sayit_decode_compute_seconds_total"] / counted["sayit_decoded_audio_seconds_total"]
    beside = [
        each.done_s - min(each.audio_s, _SHORT_S) * per_audio_s
        for each, arrival in zip(outcomes, load, strict=True)
        if each.done_s is not None and arrival.audio_s <= _SHORT_S
    ]
    quick = statistics.quantiles(beside, n=10)[0] if len(beside) > 1 else 0.0
    return Cost(per_audio_s=per_audio_s, beside_s=max(0.0, quick))


def figures(
    name: str,
    load: Sequence[Arrival],
    outcomes: Sequence[Outcome],
    cost: Cost,
    *,
    short_s: float,
    duration_s: float,
    transcribers: int,
) -> Figures:
    """Adds up one part of the load, and plays it again on as many cores as there were transcribers, and on eight."""
    done = [(each.audio_s, each.done_s) for each in outcomes if each.done_s is not None]
    short = [seconds for audio_s, seconds in done if audio_s <= short_s]
    errors: defaultdict[str, int] = defaultdict(int)
    for each in outcomes:
        if each.error:
            errors[each.error] += 1
    modelled = {}
    for cores in sorted({transcribers, 8}):
        times = replayed(load, cost, cores=cores)
        quick = [seconds for seconds, each in zip(times, load, strict=True) if each.audio_s <= short_s]
        modelled[cores] = {
            **percentiles(times),
            "short_mean": statistics.fmean(quick) if quick else 0.0,
            "largest": max(times),
        }
    lasted_s = duration_s if load[-1].at_s > 0 else max((seconds for _, seconds in done), default=1.0)
    return Figures(
        name=name,
        requests=len(outcomes),
        success=len(done) / len(outcomes),
        errors=dict(errors),
        done_s=percentiles([seconds for _, seconds in done]),
        first_text_s=percentiles([each.first_text_s for each in outcomes if each.first_text_s is not None]),
        short_mean_s=statistics.fmean(short) if short else None,
        largest_s=max((seconds for _, seconds in done), default=None),
        modelled=modelled,
        used={cores: used(load, cost, cores=cores, duration_s=lasted_s) for cores in modelled},
    )


def text(found: Sequence[Figures], peaks: dict[str, float], cost: Cost) -> str:
    """For people."""
    lines = [
        f"one core: {cost.per_audio_s:.3f} s for a second of audio, and {cost.beside_s:.2f} s a request beside that"
    ]
    for one in found:
        lines += [
            "",
            f"{one.name}: {one.requests} requests, {one.success:.1%} completed (target: {TARGETS['success']})",
        ]
        if one.errors:
            lines.append(f"  errors {one.errors}")
        columns = [("measured", one.done_s | _of(one.short_mean_s, one.largest_s))]
        columns += [(f"model, {cores} cores", times) for cores, times in one.modelled.items()]
        for title, times in columns:
            row = "  ".join(f"{name} {seconds:.2f}" for name, seconds in times.items())
            lines.append(f"  {title:16} {row or 'nothing completed'} s")
        shares = ", ".join(f"{share:.0%} of {cores} cores" for cores, share in one.used.items())
        lines.append(f"  it takes {shares}")
    lines += ["", f"targets: mean of short files {TARGETS['short_mean_s']}; the largest {TARGETS['largest_s']}"]
    total = sum(peaks.values())
    lines.append(
        f"memory at most: {total:.0f} MB ({', '.join(f'{name} {mb:.0f}' for name, mb in sorted(peaks.items()))})"
    )
    return "\n".join(lines)


def _of(short_mean_s: float | None, largest_s: float | None) -> dict[str, float]:
    named = {"short_mean": short_mean_s, "largest": largest_s}
    return {name: value for name, value in named.items() if value is not None}


if __name__ == "__main__":
    sys.exit(main())
