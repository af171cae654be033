"""The tuned setting in the data folder, and whether it fits the machine and the model of today."""

from __future__ import annotations

import json
import platform
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from sayit.chassis.settings import told
from sayit.cli.suite import ready
from sayit.cli.suite.cores import usable_cores
from sayit.cli.tuning.grid import Figures, Goal, Setting

#: In the data folder.
FILE = "tuned.json"
_VERSION = 1


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
    ready.write(path, json.dumps({"version": _VERSION, **asdict(tuned)}, indent=2) + "\n", mode=0o644)
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


def misfit(tuned: Tuned, today: Fingerprint) -> str:
    """Why the setting is not for today's machine and model, in words; empty if it is."""
    then = tuned.fingerprint
    if (then.model, then.model_bytes) != (today.model, today.model_bytes):
        return f"it was measured with the model {then.model} ({then.model_bytes / 1e6:.0f} MB)"
    if (then.processor, then.cores) != (today.processor, today.cores):
        return f"it was measured on another machine ({then.processor}, {then.cores} cores)"
    return ""


def variables(tuned: Tuned, environment: dict[str, str]) -> dict[str, str]:
    """What the setting adds to an environment: nothing that the user said, there or in the file of settings."""
    said = told(environment)
    chosen = {"SAYIT_BATCH": str(tuned.setting.batch), "SAYIT_COMPUTE_TYPE": tuned.setting.compute_type}
    return {name: value for name, value in chosen.items() if name not in said}


def _processor() -> str:
    """The processor's name as its system gives it."""
    if sys.platform == "linux":
        try:
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
        except OSError:
            pass
    return platform.processor() or platform.machine()
