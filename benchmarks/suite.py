"""A whole suite as `sayit up` starts it, and what it says about itself: database, metrics, logs, processes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.bare import busiest_s

#: How long a suite may take to load and warm its models, in seconds.
_START_S = 180.0


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """A committed chunk, as the database has it; times are seconds since the epoch."""

    id: str
    number: int
    start_sample: int
    end_sample: int
    due_s: float
    #: When the attempt that was committed was claimed.
    claimed_s: float
    committed_s: float
    transcriber: str

    @property
    def audio_s(self) -> float:
        """Its length."""
        return (self.end_sample - self.start_sample) / 16_000


class Suite:
    """A running suite.

    Args:
        ready: what its ready file says.
    """

    def __init__(self, ready: dict[str, Any]) -> None:
        self.ready = ready
        self.address = str(ready["gateway"])
        self.transcribers = sorted(name for name in ready["metrics"] if name.startswith("transcriber"))

    def metrics(self, part: str) -> dict[str, float]:
        """All samples of a part's metrics by name, summed over their labels."""
        with urllib.request.urlopen(f"http://{self.ready['metrics'][part]}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        found: defaultdict[str, float] = defaultdict(float)
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                found[sample.name] += sample.value
        return dict(found)

    def over_transcribers(self, name: str) -> float:
        """A metric summed over all transcribers; 0 where none has counted yet."""
        return sum(self.metrics(part).get(name, 0.0) for part in self.transcribers)

    def over_parts(self, name: str) -> float:
        """A metric summed over all parts."""
        return sum(self.metrics(part).get(name, 0.0) for part in self.ready["metrics"])

    def chunks(self, job_id: str = "") -> list[Chunk]:
        """The committed chunks of a job, or of all jobs, by time of commit."""
        with closing(sqlite3.connect(Path(self.ready["data"]) / "sayit.db", timeout=20)) as connection:
            rows = connection.execute(
                "SELECT c.id, c.number, c.start_sample, c.end_sample, c.due_s, a.started_s, a.ended_s, a.transcriber_id"
                " FROM chunks c JOIN attempts a ON a.chunk_id = c.id AND a.attempt = c.attempt"
                " WHERE a.outcome = 'committed' AND (? = '' OR c.job_id = ?) ORDER BY a.ended_s",
                [job_id, job_id],
            ).fetchall()
        names = ("id", "number", "start_sample", "end_sample", "due_s", "claimed_s", "committed_s", "transcriber")
        return [Chunk(**dict(zip(names, row, strict=True))) for row in rows]

    def log(self, kind: str, event: str) -> Iterator[dict[str, Any]]:
        """The log lines about an event of all parts whose names begin with `kind`; `at_s` is their time."""
        for path in sorted(Path(self.ready["logs"]).glob(f"{kind}*.log")):
            for line in path.read_text(encoding="utf-8").splitlines():
                with contextlib.suppress(ValueError):
                    value = json.loads(line)
                    if isinstance(value, dict) and value.get("event") == event:
                        yield {**value, "at_s": datetime.fromisoformat(value["timestamp"]).timestamp()}

    def processes(self) -> dict[str, list[psutil.Process]]:
        """The processes of every part, its children included."""
        ready = json.loads((Path(self.ready["data"]) / "ready.json").read_text(encoding="utf-8"))
        found = {}
        for part in ready["parts"]:
            with contextlib.suppress(psutil.NoSuchProcess):
                parent = psutil.Process(part["pid"])
                found[part["name"]] = [parent, *parent.children(recursive=True)]
        return found

    def cpu_outside_s(self) -> float:
        """CPU time of all parts so far, without the models' (with one thread each: without each transcriber's busiest).

        That of ended children counts.
        """
        used = 0.0
        for name, processes in self.processes().items():
            for process in processes:
                with contextlib.suppress(psutil.NoSuchProcess):
                    times = process.cpu_times()
                    used += times.user + times.system + times.children_user + times.children_system
                    used -= busiest_s(process) if name in self.transcribers else 0.0
        return used

    def rss_mb(self) -> dict[str, float]:
        """Memory by part, without its children."""
        found = {}
        for name, (part, *_) in self.processes().items():
            with contextlib.suppress(psutil.NoSuchProcess):  # it is being started again
                found[name] = part.memory_info().rss / 1e6
        return found


def engine_end_s(line: dict[str, Any]) -> float:
    """When a chunk left the engine, by its transcriber's log line, which comes when the commit is answered."""
    return float(line["at_s"]) - float(line["commit_ms"]) / 1000


@contextmanager
def running(model: Path | str, *, transcribers: int = 2, threads: int = 1, **environment: str) -> Iterator[Suite]:
    """A suite in a folder of its own, gone with the block; variables are passed to all its parts.

    Raises:
        RuntimeError: it does not start; the message holds its output.
    """
    with tempfile.TemporaryDirectory(prefix="sayit-bench-") as folder:
        data = Path(folder) / "data"
        command = [sys.executable, "-m", "sayit.cli", "up", "--data", str(data)]
        command += ["--listen", "127.0.0.1:0", "--rest", "none"]
        command += ["--transcribers", str(transcribers), "--threads", str(threads), "--model", str(model)]
        # A model with random weights leaves gaps and doubts everywhere, and writes more than a voice can say, which
        # would be decoded again with 30 s; what is measured is what chunks take.
        defaults = {"SAYIT_LOG_FORMAT": "json", "SAYIT_CACHE_TTL_H": "0", "SAYIT_REDECODE": "0"}
        defaults["SAYIT_SHORT_WINDOWS"] = "0"
        with (Path(folder) / "up.log").open("wb") as log:
            process = subprocess.Popen(
                [*command, "--grace", "2"],
                stdout=log,
                stderr=log,
                env={**os.environ, **defaults, **environment},
                start_new_session=True,
            )
        try:
            yield Suite(_when_ready(process, data / "ready.json", Path(folder) / "up.log"))
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _when_ready(process: subprocess.Popen[bytes], file: Path, log: Path) -> dict[str, Any]:
    deadline = time.monotonic() + _START_S
    while not file.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("the suite did not start:\n" + log.read_text())
        time.sleep(0.05)
    found: dict[str, Any] = json.loads(file.read_text())
    return found
