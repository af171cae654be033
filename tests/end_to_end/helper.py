"""A whole suite as `sayit up` starts it, recordings, and how well a text agrees with its label."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import psutil
import soundfile

ROOT = Path(__file__).parents[2]
RECORDINGS = ROOT / "recordings"


@dataclass(frozen=True)
class RunningSuite:
    """A suite of real processes."""

    ready_file: Path
    data: Path

    @property
    def ready(self) -> dict[str, Any]:
        """What the ready file says now."""
        found: dict[str, Any] = json.loads(self.ready_file.read_text())
        return found

    @property
    def supervisor(self) -> int:
        """The process id of `sayit up`."""
        return int(self.ready["pid"])

    @property
    def said(self) -> str:
        """What `sayit up` has printed."""
        return self.ready_file.with_name("up.log").read_text()

    @property
    def address(self) -> str:
        """The gateway's address."""
        return str(self.ready["gateway"])

    @property
    def rest(self) -> str:
        """Base URL of the REST bridge."""
        return str(self.ready["rest"])

    @property
    def healthy(self) -> bool:
        """Whether every part is there and works."""
        return all(part["pid"] and part["healthy"] for part in self.ready["parts"])

    def log_lines(self, part: str, event: str) -> list[dict[str, object]]:
        """A part's log lines of one kind."""
        text = (self.data / "logs" / f"{part}.log").read_text()
        found = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        return [line for line in found if line["event"] == event]

    def pid(self, part: str) -> int:
        """A part's process id."""
        return next(int(each["pid"]) for each in self.ready["parts"] if each["name"] == part)

    def kill(self, part: str) -> None:
        """Kills (-9) a part, and of what it started."""
        parent = psutil.Process(self.pid(part))
        for process in [parent, *parent.children(recursive=True)]:
            process.kill()

    def part_of(self, process: psutil.Process) -> str:
        """Name of the part that a process is or belongs to; empty if none."""
        for each in self.ready["parts"]:
            if process.pid == each["pid"] or each["pid"] in {p.pid for p in process.parents()}:
                return str(each["name"])
        return ""


def eventually(condition: Callable[[], bool], within_s: float = 60.0) -> None:
    """Waits for something that is bound to happen."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


@contextmanager
def running_suite(
    folder: Path, *arguments: str, end: signal.Signals = signal.SIGINT, **environment: str
) -> Iterator[RunningSuite]:
    """Starts `sayit up` in a folder and stops it as Ctrl-C would; fails if it does not end well or a process stays."""
    ready_file = folder / "ready.json"
    command = [sys.executable, "-m", "sayit.cli", "up", "--data", str(folder / "data"), "--listen", "127.0.0.1:0"]
    defaults = ["--transcribers", "2", "--threads", "1", "--rest", "127.0.0.1:0"]
    if "--model" not in arguments:
        defaults += ["--model", "micro"]
    # An interrupted run kills its workers, and they end nothing: their suites end with them, where that can be had.
    bound = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
    log = (folder / "up.log").open("wb")
    process = subprocess.Popen(
        [*bound, *command, *defaults, "--ready-file", str(ready_file), *arguments],
        stdout=log,
        stderr=subprocess.STDOUT,
        env={**os.environ, "SAYIT_LOG_FORMAT": "json", **environment},
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 90
        while not ready_file.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError("the suite did not start:\n" + (folder / "up.log").read_text())
            time.sleep(0.05)
        yield RunningSuite(ready_file=ready_file, data=folder / "data")
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(end)
        said = f"exit status {process.wait(60)}\n{(folder / 'up.log').read_text()}"
        assert process.returncode == 0, said
        assert "\nStopping ...\n" in said, said
        assert said.endswith("\nAll parts have ended.\n"), said
        assert psutil.wait_procs(family, timeout=5)[1] == [], "processes were left behind"
        assert not ready_file.exists()
    finally:
        log.close()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def label(name: str) -> dict[str, Any]:
    """A recording's label."""
    found: dict[str, Any] = json.loads((RECORDINGS / f"{name}.json").read_text())
    return found


def word_error_rate(reference: str, text: str) -> float:
    """Word error rate in percent; in per cent of a hundred words for an empty reference."""
    if not reference.split():
        return float(len(text.split()))
    return float(jiwer.wer(" ".join(reference.split()), " ".join(text.split()))) * 100


def repeated(name: str, times: int, *, gain: float = 1.0) -> bytes:
    """A recording several times over, as WAV; another gain makes another file of it, which no cache knows."""
    samples, rate = soundfile.read(RECORDINGS / f"{name}.flac", dtype="int16")
    return wav(np.tile((samples * gain).astype(np.int16), times), rate)


def wav(samples: np.ndarray[Any, Any], rate: int = 16_000) -> bytes:
    """Samples as a WAV file."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="WAV")
    return buffer.getvalue()
