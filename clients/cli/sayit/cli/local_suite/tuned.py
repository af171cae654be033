"""The setting that `sayit tune` wrote into the data folder, for `sayit up`.

It is used where the user sets nothing else, and if it fits the present machine and model.
"""

from __future__ import annotations

import functools
import json
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from sayit.chassis.settings import told
from sayit.cli.local_suite import suite_file
from sayit.cli.local_suite.prepare import chosen_workforce
from sayit.cli.local_suite.resources import Workforce, cpu_info, usable_cores
from sayit.cli.local_suite.worker_pools import Pool

#: In the data folder.
FILE = "tuned.json"
_VERSION = 1


class Goal(StrEnum):
    """What to tune for."""

    #: A short file's time on an idle suite.
    LATENCY = "latency"
    #: Audio-seconds per second with a backlog.
    THROUGHPUT = "throughput"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One way to run the transcribers."""

    transcribers: int
    threads: int
    batch: int
    compute_type: str

    def __str__(self) -> str:
        return f"{self.transcribers} × {self.threads} thread(s), batch {self.batch}, {self.compute_type}"


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What was measured with a setting."""

    #: Time of an 8 s file on one transcriber while the others idle.
    latency_s: float
    #: Audio-seconds per second of all transcribers together, with a backlog.
    speed: float
    #: Resident memory of one transcriber at its largest.
    rss_mb: float
    #: Whether the model bears windows that are as long as their audio.
    short_windows: bool = True


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """What a setting was measured on. Another machine or model may want another setting."""

    processor: str
    cores: int
    model: str
    #: Size of the model's weights: tells quantizations and namesakes apart.
    model_bytes: int


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """What `sayit tune` chose."""

    goal: Goal
    setting: Setting
    figures: Figures
    fingerprint: Fingerprint
    #: Seconds since the epoch.
    measured_s: float


def fingerprint(model: str, folder: Path) -> Fingerprint:
    """This machine with this model.

    Raises:
        OSError: the model's weights are not there.
    """
    size = (folder / "model.bin").stat().st_size
    return Fingerprint(processor=_processor(), cores=usable_cores(), model=model, model_bytes=size)


def write(data: Path, tuned: Tuned) -> Path:
    """Puts the setting into the data folder; returns its file.

    Raises:
        OSError: it cannot be written.
    """
    path = data / FILE
    suite_file.write(path, json.dumps({"version": _VERSION, **asdict(tuned)}, indent=2) + "\n", mode=0o644)
    return path


def read(data: Path) -> Tuned | None:
    """The folder's setting; None if there is none, or none that this version understands."""
    try:
        value = json.loads((data / FILE).read_text(encoding="utf-8"))
        if value.pop("version") != _VERSION:
            return None
        return Tuned(
            goal=Goal(value["goal"]),
            setting=Setting(**value["setting"]),
            figures=Figures(**value["figures"]),
            fingerprint=Fingerprint(**value["fingerprint"]),
            measured_s=float(value["measured_s"]),
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def chosen(
    data: Path,
    model: str,
    folder: Path,
    *,
    transcribers: int | None,
    threads: int | None,
    others: Sequence[Pool] = (),
    say: Callable[[str], None],
) -> tuple[Workforce, dict[str, str]]:
    """Transcribers and threads, and variables for the transcribers that the user did not set.

    Args:
        data: the data folder, which may hold a tuned setting.
        model: name of the model.
        folder: the model's.
        transcribers: the user's number, if given.
        threads: the user's number, if given.
        others: models beside it, which the setting does not cover.
        say: called with lines for the user.
    """
    found = read(data)
    untuned = functools.partial(chosen_workforce, transcribers, threads, say, folder=folder, others=others)
    if found is None:
        return untuned(), {}
    why_not = _misfit(found, fingerprint(model, folder))
    if why_not:
        say(f"The tuned setting in {data / FILE} is not used: {why_not}. `sayit tune` measures again.")
        return untuned(), {}
    variables = _variables(found)
    day = datetime.fromtimestamp(found.measured_s, UTC).astimezone().strftime("%Y-%m-%d")
    if transcribers is None and threads is None:
        say(f"Tuned for {found.goal} on {day}: {found.setting}.")
        # It was measured alone: models beside it take cores from it.
        beside = sum(pool.transcribers for pool in others)
        own = max(1, found.setting.transcribers - beside)
        return Workforce(transcribers=own, threads=found.setting.threads), variables
    return untuned(), variables


def _misfit(tuned: Tuned, today: Fingerprint) -> str:
    """Why the setting does not fit the present machine and model, in words; empty if it does."""
    then = tuned.fingerprint
    if (then.model, then.model_bytes) != (today.model, today.model_bytes):
        return f"it was measured with the model {then.model} ({then.model_bytes / 1e6:.0f} MB)"
    if (then.processor, then.cores) != (today.processor, today.cores):
        return f"it was measured on another machine ({then.processor}, {then.cores} cores)"
    return ""


def _variables(tuned: Tuned) -> dict[str, str]:
    """What the setting adds to the environment: nothing that the user set, there or in the file of settings."""
    said = told(os.environ)
    found = {"SAYIT_BATCH": str(tuned.setting.batch), "SAYIT_COMPUTE_TYPE": tuned.setting.compute_type}
    if not tuned.figures.short_windows:
        found["SAYIT_SHORT_WINDOWS"] = "0"
    return {name: value for name, value in found.items() if name not in said}


def _processor() -> str:
    """The processor's name according to the system."""
    return cpu_info("model name") or platform.processor() or platform.machine()
