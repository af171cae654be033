"""`make bench-plots`: throughput and latency over load, and speed over transcribers, as PNG in benchmarks/plots/.

    python -m benchmarks.plots                        # measures, then draws; under 8 minutes on 2 quiet cores
    python -m benchmarks.plots --short                # a far smaller model and little audio: only to see pictures
    python -m benchmarks.plots --draw                 # draws again what was measured
    python -m benchmarks.plots --gateway HOST:PORT --capacity N    # load on an installation that runs

The measurements lie beside the pictures as JSON, with a line about how they were made, which the pictures show. With
models of our own lengths are shrunk to a third, so that less than a minute of load on two cores has enough requests for
percentiles.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from benchmarks import corpus, suite
from benchmarks.load.arrivals import MIX, arrivals
from benchmarks.load.driver import Target, drive
from benchmarks.run import model_folder
from benchmarks.saturation import TOKENS, saturate
from benchmarks.small_shaped import SMALL, Shape, build
from sayit.cli.local_suite.resources import usable_cores

mpl.use("Agg")  # files only; no screen is needed

FOLDER = Path(__file__).parent / "plots"
#: Offered load, as shares of what the suite does when it is saturated.
LOADS = (0.25, 0.5, 0.75, 0.9, 1.1)
_SHRINK = 1 / 3
#: Colours that people with colour-blindness tell apart (Okabe and Ito).
_BLUE, _ORANGE, _GREEN, _GREY = "#0072B2", "#D55E00", "#009E73", "#777777"
#: Characters in a line of the explanation under a title.
_LINE = 95
_MEAN_S = sum(band.share * sum(band.seconds) / 2 for band in MIX)


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is measured, and with which model."""

    name: str
    shape: Shape
    #: Minutes of audio for each transcriber that is to be saturated.
    minutes: float
    #: Seconds of each load.
    duration_s: float

    @property
    def folder(self) -> Path:
        """Where its model is kept between runs."""
        return model_folder().with_name(self.name)


FULL = Size(name="small-shaped", shape=SMALL, minutes=8.0, duration_s=40.0)
SHORT = Size(name="short-shaped", shape=Shape(width=256, layers=4, heads=4), minutes=3.0, duration_s=20.0)


def measure_scaling(model: Path, most: int, batch: int, minutes: float) -> list[dict[str, float]]:
    """Speed of 1 to `most` transcribers with one thread each."""
    found = []
    for count in range(1, most + 1):
        with suite.running(model, transcribers=count, SAYIT_BATCH=str(batch)) as running:
            samples = corpus.speech(minutes * 60 * count, seed=1)
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
    axes.plot(counts, [found[0]["speed"] * count for count in counts], "--", color=_GREY, label="N × one transcriber")
    axes.plot(counts, [each["speed"] for each in found], "o-", color=_BLUE, label="measured")
    for each in found:
        axes.annotate(
            f"{each['speed']:.1f}",
            (each["transcribers"], each["speed"]),
            textcoords="offset points",
            xytext=(6, -12),
            color=_BLUE,
        )
    axes.set(xlabel="transcribers, one thread each", ylabel="speed (audio-seconds per second)", xticks=counts)
    axes.set(ylim=(0, None), xlim=(0.5, counts[-1] + 0.5), title="Speed over transcribers, all of them busy")


def draw_throughput(axes: Axes, found: Sequence[dict[str, Any]]) -> None:
    """What is done over what is asked for."""
    found = sorted(found, key=lambda each: each["offered"])  # chance may put one load's arrivals before another's
    offered = [each["offered"] for each in found]
    axes.plot([0, *offered], [0, *offered], "--", color=_GREY, label="as much as is asked for")
    axes.plot(
        offered, [each["throughput"] for each in found], "o-", color=_BLUE, label="done, until the last file has ended"
    )
    axes.set(xlabel="load asked for (audio-seconds per second)", ylabel="done (audio-seconds per second)")
    axes.set(ylim=(0, None), xlim=(0, None), title="Throughput over load")


def draw_latency(axes: Axes, found: Sequence[dict[str, Any]]) -> None:
    """Times over what is asked for."""
    known = sorted((each for each in found if each["done_s"]), key=lambda each: each["offered"])
    offered = [each["offered"] for each in known]
    for name, label, color in (("done_s", "whole text", _ORANGE), ("first_text_s", "first text", _GREEN)):
        for share, line in (("p95", "s--"), ("p50", "o-")):
            axes.plot(offered, [each[name][share] for each in known], line, color=color, label=f"{label}, {share}")
    axes.set(xlabel="load asked for (audio-seconds per second)", ylabel="time since the file was to be sent (s)")
    axes.set(yscale="log", xlim=(0, None), title="Latency over load")
    axes.yaxis.set_major_locator(mpl.ticker.LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(mpl.ticker.NullLocator())


def draw_lag(axes: Axes, found: dict[str, Any]) -> None:
    """How far a live session was behind, over its time, and the memory of the parts."""
    axes.plot(*np.transpose([(at_s / 60, lag) for at_s, lag in found["lag"]]), ".", color=_BLUE, ms=2, label="lag")
    axes.set(
        xlabel="time (minutes)",
        ylabel="lag that the session was told (s)",
        ylim=(0, None),
        title="An hour of live speech",
    )
    memory = axes.twinx()
    minutes = [each["at_s"] / 60 for each in found["memory"]]
    for part, color in (("transcriber-1", _ORANGE), ("scheduler", _GREEN), ("gateway", _GREY)):
        memory.plot(minutes, [each.get(part) for each in found["memory"]], color=color)
        axes.plot([], [], color=color, label=f"memory of {part.removesuffix('-1')}")
    memory.set(ylabel="memory (MB)", ylim=(0, None))


def save(name: str, draw: Callable[[Axes, Any], None], measured: dict[str, Any], folder: Path) -> Path:
    """One picture; returns its file."""
    figure, axes = plt.subplots(figsize=(7.2, 4.5), layout="constrained", facecolor="white")
    draw(axes, measured["points"])
    about = textwrap.wrap(measured["about"], _LINE)
    title = axes.get_title()
    axes.set_title("", loc="center")  # it would set the distance, too, so it comes first
    axes.set_title(title, loc="left", fontweight="bold", pad=10 + 12 * len(about))
    axes.text(0, 1.02, "\n".join(about), transform=axes.transAxes, color=_GREY, fontsize=8.5, va="bottom")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    path = folder / f"{name}.png"
    figure.savefig(path, dpi=120)
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
            measured = json.loads((folder / file).read_text(encoding="utf-8"))
            pictures += [save(name, draw, measured, folder) for name, draw in names.items()]
    return pictures


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--draw", action="store_true", help="measure nothing")
    parser.add_argument("--short", action="store_true", help="a far smaller model and little audio")
    parser.add_argument("--gateway", metavar="HOST:PORT", help="load on this installation instead of one of our own")
    parser.add_argument("--capacity", type=float, help="audio-seconds per second that it can do; needed with --gateway")
    parser.add_argument("--transcribers", type=int, default=min(usable_cores(), 8))
    parser.add_argument("--duration", type=float, default=0.0, help="seconds of each load; 0: 40, or 20 with --short")
    parser.add_argument("--batch", type=int, default=8)
    given = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    if given.gateway and not given.capacity:
        parser.error("--gateway needs --capacity")
    size = SHORT if given.short else FULL
    duration_s = given.duration or size.duration_s
    if given.gateway:
        points = measure_load(Target(address=given.gateway), given.capacity, duration_s=duration_s, shrink=1.0)
        _write("load.json", f"an installation that does {given.capacity:g} audio-seconds per second", points)
    elif not given.draw:
        _measure(size, transcribers=given.transcribers, batch=given.batch, duration_s=duration_s)
    for path in draw_all(FOLDER):
        print(path)


def _measure(size: Size, *, transcribers: int, batch: int, duration_s: float) -> None:
    build(size.folder, size.shape)
    model = f"{size.name} model, random weights, int8, batch {batch}"
    scaling = measure_scaling(size.folder, transcribers, batch, size.minutes)
    _write("scaling.json", f"{model}; one recording of {size.minutes:g} minutes for each transcriber", scaling)
    with suite.running(size.folder, transcribers=transcribers, SAYIT_BATCH=str(batch)) as running:
        target = Target(address=running.address, tokens=TOKENS)
        load = measure_load(target, scaling[-1]["speed"], duration_s=duration_s, shrink=_SHRINK)
    arrivals_of = f"{duration_s:g} s of Poisson arrivals a point, of files of 1 to 100 s"
    about = f"{model}; {transcribers} transcribers with one thread each; {arrivals_of}"
    _write("load.json", about, load)


def _write(name: str, about: str, points: Sequence[dict[str, Any]]) -> None:
    text = json.dumps({"about": about, "points": points}, indent=1)
    (FOLDER / name).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
