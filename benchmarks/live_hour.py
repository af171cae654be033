"""`make bench-live HOUR=1`: an hour of live speech in one session: whether its lag or memory grows, or its text loops.

    python -m benchmarks.live_hour                        # an hour, and ten minutes for the same as a file
    python -m benchmarks.live_hour --minutes 10

Korean talks, with pauses as speakers make them and from the beginning again where they end, are played in real time.
What the suite says about its lag and what its parts take of memory become `plots/live_hour.json` and a picture.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import sys
import time
from typing import Any

from benchmarks import suite
from benchmarks.live import Heard, Played, errors, joined, played, times, whole
from benchmarks.live_simulation import LOOP
from benchmarks.plots import FOLDER, draw_lag, save
from benchmarks.real_speech import RATE_HZ, REAL, files
from sayit.speech.live import LiveProgress
from sayit.transcriber import models

#: Memory is asked for so often.
_EVERY_S = 15.0
#: Pauses between the sentences: most end an utterance, some are filled with breath and do not.
_PAUSE_S = 0.6
#: What an hour's first and last part are, whose lags are compared.
_PART = 1 / 6


async def _watched(running: suite.Suite, sound: Played) -> tuple[Heard, list[dict[str, float]]]:
    """The session, and the memory in MB of each part meanwhile."""
    began_s, memory = time.monotonic(), []

    async def watch() -> None:
        while True:
            parts = {part: round(size) for part, size in running.rss_mb().items()}
            memory.append({"at_s": round(time.monotonic() - began_s), **parts})
            await asyncio.sleep(_EVERY_S)

    watching = asyncio.create_task(watch())
    try:
        return await played(running.address, sound), memory
    finally:
        watching.cancel()


def _said(sound: Played, heard: Heard, lags: list[tuple[float, float]], memory: list[dict[str, float]]) -> list[str]:
    """What is printed."""
    part = round(len(lags) * _PART)
    first, last = ([lag for _, lag in some] for some in (lags[:part], lags[-part:]))
    spoken = [each for each in memory if each["at_s"] < len(sound.audio) / RATE_HZ]  # it is decoded again afterwards
    early, late = spoken[round(len(spoken) * _PART)], spoken[-1]
    grown = {name: f"{early[name]:.0f} → {late[name]:.0f}" for name in late if name != "at_s"}
    return [
        f"lag, s, median / 95th percentile: first sixth {times(first)}, last sixth {times(last)}",
        f"most: {max(lag for _, lag in lags):.1f}; word to committed: {times(heard.committed_s())}",
        f"loops: {len(LOOP.findall(''.join(sound.recording.units(heard.written))))}",
        f"memory, MB, after a sixth and at the end: {grown}",
        f"errors, %: live {errors(sound, heard.written)}, refined {errors(sound, heard.refined)}",
    ]


def main() -> int:
    """Measures, prints and draws."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    given = parser.parse_args()
    if not REAL.is_dir():
        print(f"Skipped: there are no recordings of real speech in {REAL}.")
        return 0
    talks = list(files(1.0, "ko-talks/*/*", most=10_000))
    sound = joined("ko-talks", itertools.cycle(talks), minutes=given.minutes, pause_s=_PAUSE_S)
    model = models.resolve("base", say=print, progress=lambda _: None).path
    as_installed = {"SAYIT_REDECODE": "1", "SAYIT_SHORT_WINDOWS": "1"}
    with suite.running(model, transcribers=1, threads=2, **as_installed) as running:
        heard, memory = asyncio.run(_watched(running, sound))
        lags = [(at_s, event.lag_s) for at_s, event in heard.events if isinstance(event, LiveProgress)]
        print("\n".join(_said(sound, heard, lags, memory)), flush=True)
        length = f"one session of {given.minutes:g} minutes of Korean talks in real time"
        measured: dict[str, Any] = {
            "about": f"{length}; Whisper base, int8, one transcriber, two threads",
            "points": {"lag": [[round(at_s, 1), round(lag, 2)] for at_s, lag in lags], "memory": memory},
        }
        (FOLDER / "live_hour.json").write_text(json.dumps(measured) + "\n", encoding="utf-8")
        print(save("live_hour", draw_lag, measured, FOLDER), flush=True)
        print(f"errors as a file, %: {errors(sound, asyncio.run(whole(running.address, sound)))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
