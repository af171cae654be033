"""What is done to a suite's processes, and whether it hit work in progress."""

from __future__ import annotations

import asyncio
import os
import signal
import time
import urllib.request
from contextlib import suppress
from typing import Any

import psutil

from tests.end_to_end.helper import RunningSuite

from .books import Books, Running
from .harness import GIVEN_UP_S, Report, until

#: A part that is not back by then does not come back.
#: Crashes after which a random kill spares a chunk: a third would rightly set it aside as poison.
SPARED = 2


class Chaos:
    """Hurts a suite."""

    def __init__(self, suite: RunningSuite, report: Report) -> None:
        self.suite = suite
        self.books = Books(suite.data)
        self._report = report

    @property
    def parts(self) -> list[dict[str, Any]]:
        """The parts, as the ready file describes them."""
        found: list[dict[str, Any]] = self.suite.ready["parts"]
        return found

    @property
    def names(self) -> list[str]:
        """The parts' names."""
        return [str(part["name"]) for part in self.parts]

    @property
    def transcribers(self) -> list[str]:
        """The transcribers' names."""
        return [name for name in self.names if name.startswith("transcriber")]

    def pid(self, name: str) -> int | None:
        """A part's process id; None while it is being started again."""
        return next((part["pid"] for part in self.parts if part["name"] == name), None)

    def name_of(self, pid: int) -> str:
        """The part with a process id; empty for none."""
        return next((str(part["name"]) for part in self.parts if part["pid"] == pid), "")

    def held_by(self, pid: int) -> list[Running]:
        """Chunks that a transcriber's process holds."""
        return [each for each in self.books.running() if each.pid == pid]

    def hit(self, name: str, pid: int) -> bool:
        """Whether the part has work in progress: a transcriber a chunk, any other a job that has not ended."""
        return bool(self.held_by(pid)) if name.startswith("transcriber") else bool(self.books.unfinished())

    def kill(self, name: str) -> bool:
        """Kills (-9) a part and what it started; False if it is not there, or about to be blamed for a third crash."""
        pid = self.pid(name)
        if pid is None:
            return False
        held = self.held_by(pid)
        if any(each.crashes >= SPARED for each in held):
            return False
        hit = self.hit(name, pid)
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            for each in [process, *process.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess):
                    each.kill()
        self._report.fault(f"kill {name.partition('-')[0]}", hit=hit)
        return True

    def send(self, name: str, number: signal.Signals) -> bool:
        """Sends a part a signal; False if it is not there."""
        pid = self.pid(name)
        if pid is None:
            return False
        hit = self.hit(name, pid)
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        self._report.fault(f"{number.name} {name.partition('-')[0]}", hit=hit)
        return True

    async def healthy(self, *, after: str = "", but: int | None = None) -> float:
        """Waits until all parts are well, and one of them is a process other than `but`; seconds that took."""

        def well() -> bool:
            return all(part["pid"] and part["healthy"] for part in self.parts) and not (
                after and self.pid(after) == but
            )

        return await until(well, "all parts are well")

    async def through(self, jobs: set[str]) -> float:
        """Waits until these jobs have ended; seconds that took."""
        return await until(lambda: not jobs & self.books.unfinished(), f"the end of {jobs}")

    async def busy(self, least: int = 1) -> None:
        """Waits until so many jobs are under way."""
        await until(lambda: len(self.books.unfinished()) >= least, "work to disturb")

    async def on_engine(self, job_id: str = "") -> Running:
        """Waits until a chunk, of a certain job if one is named, is on an engine."""
        deadline = time.monotonic() + GIVEN_UP_S
        while time.monotonic() < deadline:
            for each in self.books.running():
                if each.on_engine and (not job_id or each.job_id == job_id):
                    return each
            await asyncio.sleep(0.01)
        raise AssertionError("no chunk reached an engine")

    def memory_mb(self, *names: str) -> float:
        """Resident memory of parts, in megabytes."""
        pids = [pid for pid in map(self.pid, names) if pid is not None]
        return sum(float(psutil.Process(pid).memory_info().rss) for pid in pids) / 1e6

    def metric(self, part: str, line_start: str) -> float:
        """The sum of a part's metrics whose lines start so."""
        with urllib.request.urlopen(f"http://{self.suite.ready['metrics'][part]}/metrics", timeout=10) as page:
            lines = page.read().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(line_start))
