"""What all fault tests share: which version runs, the report of one test, and where clips and models come from."""

from __future__ import annotations

import asyncio
import fcntl
import functools
import json
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import soundfile

from benchmarks.small_shaped import SMALL, Shape
from sayit.speech.options import Options
from tests.end_to_end.helper import RECORDINGS, wav
from tests.scale import ALL

LONG = os.environ.get("SAYIT_FAULTS") == "long"
SEED = int(os.environ.get("SAYIT_FAULTS_SEED", "4"))
_Amount = TypeVar("_Amount")


def scaled(*, long: _Amount, short: _Amount, commit: _Amount) -> _Amount:
    """How much the long version does, the short one in CI, and the short one of every commit."""
    return long if LONG else short if ALL else commit


#: Faults that must hit work in progress, or a test proves nothing.
LEAST_HITS = scaled(long=30, short=2, commit=1)
#: How long a client waits between two jobs: what it asks for while a fault is waited for costs more than the fault.
REST_S = scaled(long=0.0, short=0.0, commit=0.8)
#: Arguments of a suite: work comes over gRPC; what breaks over HTTP is fault test 14's.
NO_BRIDGE = ("--rest", "none")
#: Jobs use one temperature without fallback, so the text is the same however often a chunk is attempted.
#: Greedy, for what is found is lost or kept with any search.
OPTIONS = Options(language="ko", temperature=0.0, beam_size=1)
#: With random weights a chunk always says the same amount, and takes about a second on one core.
SLOW_OPTIONS = Options(language="ko", temperature=0.0, beam_size=1, max_tokens_per_window=8)
#: Whisper Tiny's shape: slow enough to be hit on the engine. Where transcribers are killed, Small's would load for most
#: of the half hour that the long version has.
SLOW_SHAPE = Shape(width=384, layers=4, heads=6)
#: What contention, cancel and overload are tested with, where no transcriber has to load it twice.
HEAVY_SHAPE = SMALL if LONG else SLOW_SHAPE
#: What has not come by then never will, on the slowest machine.
GIVEN_UP_S = 180.0
#: A watcher that reads nothing for so long is cut off.
SLOW_READER_S = 4.0 if LONG else 2.0
#: Sessions of live speech at once where a crowd wants to speak.
LIVE_ROOM = 3
#: Short leases, so that hundreds of faults fit; the text comes from the engine, never from the cache.
FAST_FAULTS = {
    "SAYIT_CACHE_TTL_H": "0",
    # Few slots mean small batches, and warming up for larger ones is most of a transcriber's start.
    "SAYIT_BATCH": "2",
    "SAYIT_LEASE_S": "2",
    "SAYIT_HEARTBEAT_S": "0.5",
    "SAYIT_REDISPATCH_S": "3",
    "SAYIT_REPORT_S": "0.5",
    "SAYIT_SLOW_READER_S": str(SLOW_READER_S),
}
#: All texts of random weights are in doubt; what is tried before the full search would only cost more.
FULL_SEARCH = {"SAYIT_SHORT_WINDOWS": "0", "SAYIT_GREEDY_FIRST": "0"}
#: Random weights leave gaps everywhere, and each would be decoded twice.
SLOW_FAULTS = {**FAST_FAULTS, **FULL_SEARCH, "SAYIT_REDECODE": "0"}


@dataclass
class Report:
    """One test's seed, counts and verdict, as they are printed and written to SAYIT_FAULTS_REPORT."""

    test: int
    name: str
    seed: int
    #: What clients asked for.
    operations: int = 0
    #: Everything that was done to the suite.
    injected: int = 0
    #: Of it, what hit work in progress.
    faults: int = 0
    #: Accepted jobs that did not end as they should, or lost text.
    lost: int = 0
    #: Jobs, chunks or events that are there twice.
    doubled: int = 0
    #: Everything that contradicts the promise, in words.
    wrong: list[str] = field(default_factory=list)
    #: What else was seen: seconds, megabytes, kinds of faults.
    figures: dict[str, object] = field(default_factory=dict)
    concluded: bool = False
    began_s: float = field(default_factory=time.monotonic)

    def fault(self, kind: str, *, hit: bool) -> None:
        """Notes one fault of a kind."""
        self.injected += 1
        self.faults += hit
        self.count(kind)

    def count(self, figure: str, by: int = 1) -> None:
        """Adds to a figure."""
        before = self.figures.get(figure, 0)
        assert isinstance(before, int)
        self.figures[figure] = before + by

    def most(self, figure: str, value: float) -> None:
        """Keeps a figure's largest value."""
        before = self.figures.get(figure, 0.0)
        assert isinstance(before, float)
        self.figures[figure] = round(max(before, value), 2)

    def within(self, figure: str, took_s: float, limit_s: float) -> None:
        """Keeps the longest time; the long version, which has the machine to itself, holds it to the limit.

        The short one runs beside other tests: what it would tell of a time is how fast the machine is.
        """
        self.most(figure, took_s)
        if LONG and took_s > limit_s:
            self.wrong.append(f"{figure}: {took_s:.0f} s of at most {limit_s:.0f} s")

    def conclude(self, *, least: int = LEAST_HITS) -> None:
        """Ends the test: nothing is wrong, and enough faults hit work in progress."""
        if self.faults < least:
            self.wrong.append(f"only {self.faults} of {self.injected} faults hit work in progress")
        if self.lost or self.doubled:
            # First, for it is the worst that can be said.
            self.wrong.insert(0, f"{self.lost} lost, {self.doubled} doubled")
        self.concluded = True
        assert not self.wrong, "\n".join(self.wrong[:20])

    def as_dict(self) -> dict[str, object]:
        """As it is written down."""
        return {
            "test": self.test,
            "name": self.name,
            "seed": self.seed,
            "operations": self.operations,
            "faults": self.faults,
            "lost": self.lost,
            "doubled": self.doubled,
            "passed": self.concluded and not self.wrong,
            "injected": self.injected,
            **self.figures,
            "took_s": round(time.monotonic() - self.began_s, 1),
            "wrong": self.wrong[:20],
        }


#: Prints and writes down an entry of the report.
Tell = Callable[[dict[str, object]], None]


def write_report(entry: dict[str, object]) -> None:
    """Appends an entry to the JSON list in the file named by SAYIT_FAULTS_REPORT, if one is named."""
    target = os.environ.get("SAYIT_FAULTS_REPORT")
    if not target:
        return
    with Path(target).open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        entries = json.loads(file.read() or "[]")
        entries.append(entry)
        file.truncate(0)
        file.write("[\n" + ",\n".join(json.dumps(each) for each in entries) + "\n]\n")


async def until(true: Callable[[], bool], what: str, *, limit_s: float = GIVEN_UP_S) -> float:
    """Waits until something is true; seconds that took.

    Raises:
        AssertionError: it never was; `what` says what was waited for.
    """
    began = time.monotonic()
    while True:
        if true():
            return time.monotonic() - began
        assert time.monotonic() - began < limit_s, f"never came true: {what}"
        await asyncio.sleep(0.02)


@dataclass(frozen=True)
class Clip:
    """Audio to send."""

    name: str
    #: A WAV file.
    audio: bytes
    duration_s: float


@functools.cache
def clips() -> tuple[Clip, ...]:
    """Pieces of 2 to 8 s of Korean speech, and a longer one, which becomes several chunks."""
    rng = random.Random(SEED)
    samples, rate = soundfile.read(RECORDINGS / "ko-150s.flac", dtype="int16")
    lengths = [rng.uniform(2.0, 8.0) for _ in range(12 if LONG else 4)] + [40.0]
    found = []
    for number, length_s in enumerate(lengths):
        start = int(rng.uniform(0, len(samples) / rate - length_s) * rate)
        found.append(Clip(f"clip-{number}", wav(samples[start : start + int(length_s * rate)], rate), length_s))
    return tuple(found)


def speech(seconds: float, *, gain: float = 1.0) -> bytes:
    """Korean speech of a length, as WAV; another gain makes another file of it."""
    samples, rate = soundfile.read(RECORDINGS / "ko-150s.flac", dtype="int16")
    pieces = np.resize(samples, int(seconds * rate)) if seconds * rate > len(samples) else samples
    return wav((pieces[: int(seconds * rate)] * gain).astype(np.int16), rate)
