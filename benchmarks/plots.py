"""`make bench-plots`: throughput and latency over load, and speed over transcribers, as PNG in benchmarks/plots/.

    python -m benchmarks.plots                        # measures, then draws
    python -m benchmarks.plots --draw                 # draws again what was measured
    python -m benchmarks.plots --gateway HOST:PORT    # load on an installation that runs, with its own model

The measurements lie beside the pictures as JSON. With the Small-shaped model lengths are shrunk to a third, so that a
minute of load on two cores has enough requests for percentiles.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from benchmarks import material, suite
from benchmarks.load.arrivals import MIX, arrivals
from benchmarks.load.driving import Target, drive
from benchmarks.run import model_folder
from benchmarks.saturation import TOKENS, saturate
from benchmarks.small_shaped import build
from sayit.cli.suite.cores import usable_cores

mpl.use("Agg")  # files only; no screen is needed

FOLDER = Path(__file__).parent / "plots"
#: Offered load, as shares of what the suite does when it is saturated.
LOADS = (0.25, 0.5, 0.75, 0.9, 1.1)
_SHRINK = 1 / 3
#: Colours that people with colour-blindness tell apart (Okabe and Ito).
_BLUE, _ORANGE, _GREEN, _GREY = "#0072B2", "#E69F00", "#009E73", "#777777"
_MEAN_S = sum(band.share * sum(band.seconds) / 2 for band in MIX)


def measure_scaling(model: Path, most: int, batch: int) -> list[dict[str, float]]:
    """Speed of 1 to `most` transcribers with one thread each."""
    found = []
    for count in range(1, most + 1):
        with suite.running(model, transcribers=count, SAYIT_BATCH=str(batch)) as running:
            samples = material.speech(10 * 60.0 * count, seed=1)
            many = asyncio.run(saturate(running, samples))
        found.append({"transcribers": count, "speed": many.speed, "rss_mb": many.rss_mb})
        print(found[-1], flush=True)
    return found


def measure_load(target: Target, capacity: float, *, duration_s: float, shrink: float) -> list[dict[str, Any]]:
    """A load after the other, from low to above capacity (audio-seconds per second)."""
    found = []
    for number, share in enumerate(LOADS):
        rate = share * capacity / (_MEAN_S * shrink)
        load = arrivals(rate=rate, duration_s=duration_s, seed=100 + number, shrink=shrink)
        report = asyncio.run(drive(target, load, duration_s=duration_s))
        found.append({"share": share, "rate": rate, **report.as_dict()})
        print(found[-1], flush=True)
    return found


def draw_scaling(axes: Axes, found: Sequence[dict[str, float]]) -> None:
    """Speed over transcribers, with the line that perfect scaling would draw."""
    counts = [each["transcribers"] for each in found]
    axes.plot(counts, [each["speed"] for each in found], "o-", color=_BLUE, label="measured")
    axes.plot(counts, [found[0]["speed"] * count for count in counts], "--", color=_GREY, label="N × one transcriber")
    axes.set(xlabel="transcribers (one thread each)", ylabel="audio-seconds per second", xticks=counts, ylim=(0, None))
    axes.set_title("Speed over transcribers, saturated")


def draw_throughput(axes: Axes, found: Sequence[dict[str, Any]]) -> None:
    """What is done over what is asked for."""
    offered = [each["offered"] for each in found]
    axes.plot(offered, [each["throughput"] for each in found], "o-", color=_BLUE, label="done")
    axes.plot(offered, offered, "--", color=_GREY, label="offered")
    axes.set(xlabel="offered load (audio-seconds per second)", ylabel="done (audio-seconds per second)", ylim=(0, None))
    axes.set_title("Throughput over load")


def draw_latency(axes: Axes, found: Sequence[dict[str, Any]]) -> None:
    """Times over what is asked for."""
    known = [each for each in found if each["done_s"]]
    offered = [each["offered"] for each in known]
    for share, style in (("p50", "o-"), ("p95", "s--")):
        axes.plot(
            offered, [each["first_text_s"][share] for each in known], style, color=_GREEN, label=f"first text, {share}"
        )
        axes.plot(offered, [each["done_s"][share] for each in known], style, color=_ORANGE, label=f"done, {share}")
    axes.set(
        xlabel="offered load (audio-seconds per second)", ylabel="time from the intended arrival (s)", yscale="log"
    )
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    axes.set_title("Latency over load")


def save(name: str, draw: Callable[[Axes, Any], None], found: Sequence[dict[str, Any]], folder: Path) -> Path:
    """One picture; returns its file."""
    figure, axes = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
    draw(axes, found)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    path = folder / f"{name}.png"
    figure.savefig(path, dpi=100)
    plt.close(figure)
    return path


def draw_all(folder: Path) -> list[Path]:
    """Draws what was measured."""
    pictures = []
    for file, names in (
        ("scaling.json", {"scaling": draw_scaling}),
        ("load.json", {"throughput": draw_throughput, "latency": draw_latency}),
    ):
        if (folder / file).exists():
            found = json.loads((folder / file).read_text(encoding="utf-8"))
            pictures += [save(name, draw, found, folder) for name, draw in names.items()]
    return pictures


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--draw", action="store_true", help="measure nothing")
    parser.add_argument("--gateway", metavar="HOST:PORT", help="load on this installation instead of one of our own")
    parser.add_argument("--capacity", type=float, help="audio-seconds per second that it can do; needed with --gateway")
    parser.add_argument("--transcribers", type=int, default=min(usable_cores(), 8))
    parser.add_argument("--duration", type=float, default=90.0, help="seconds of each load")
    parser.add_argument("--batch", type=int, default=8)
    given = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    if given.gateway and not given.capacity:
        parser.error("--gateway needs --capacity")
    if given.gateway:
        found = measure_load(Target(address=given.gateway), given.capacity, duration_s=given.duration, shrink=1.0)
        _write("load.json", found)
    elif not given.draw:
        model = model_folder()
        build(model)
        scaling = measure_scaling(model, given.transcribers, given.batch)
        _write("scaling.json", scaling)
        with suite.running(model, transcribers=given.transcribers, SAYIT_BATCH=str(given.batch)) as running:
            target = Target(address=running.address, tokens=TOKENS)
            found = measure_load(target, scaling[-1]["speed"], duration_s=given.duration, shrink=_SHRINK)
        _write("load.json", found)
    for path in draw_all(FOLDER):
        print(path)


def _write(name: str, found: Sequence[dict[str, Any]]) -> None:
    (FOLDER / name).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
