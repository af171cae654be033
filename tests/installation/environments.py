"""Environments that hold exactly what one requirement needs, made of the packages that the tests run on."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True)
class Environment:
    """A virtual environment without pip of its own."""

    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    def run(self, *command: str | Path, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        """Runs a program of the environment, outside the repository and without the caller's settings."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SAYIT_", "PYTHON", "COV_"))}
        kept["PATH"] = f"{self.folder / 'bin'}{os.pathsep}{kept['PATH']}"
        return subprocess.run(
            [self.folder / "bin" / command[0], *command[1:]],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            env=kept,
            timeout=timeout,
        )

    def pip(self, *arguments: str | Path) -> str:
        """Runs uv's pip, or pip where the set-up could not fetch uv, on the environment; returns what it says."""
        tool = ("uv", "pip") if importlib.util.find_spec("uv") else ("pip",)
        environment = os.environ | {"UV_PYTHON": str(self.python), "PIP_PYTHON": str(self.python)}
        command = [sys.executable, "-m", *tool, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def needed(requirement: str) -> list[str]:
    """Names of the packages that `requirement` of ours needs, by the tool that the images use."""
    command = [sys.executable, str(ROOT / "deploy" / "requirements.py"), requirement]
    pins = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return sorted({line.split("==")[0] for line in pins.splitlines() if "==" in line and not line.startswith(" ")})


def made(folder: Path, packages: Iterable[str], wheels: Iterable[Path]) -> Environment:
    """An environment in `folder` with `packages` as they are installed here, and `wheels` installed by pip."""
    venv.create(folder, with_pip=False, symlinks=True)
    environment = Environment(folder=folder)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = folder / "lib" / version / "site-packages"
    for package in packages:
        for file in metadata.files(package) or ():
            if ".." in file.parts or file.suffix == ".pyc":
                continue
            source, target = Path(str(file.locate())), site / file
            target.parent.mkdir(parents=True, exist_ok=True)
            _link(source, target)
            # Every program that is run would compile it anew.
            compiled = Path(importlib.util.cache_from_source(source)) if source.suffix == ".py" else None
            if compiled and compiled.exists():
                (target.parent / compiled.parent.name).mkdir(exist_ok=True)
                _link(compiled, target.parent / compiled.parent.name / compiled.name)
    environment.pip("install", "-q", "--no-deps", "--no-index", *wheels)
    return environment


def _link(source: Path, target: Path) -> None:
    if target.exists():
        return
    try:
        target.hardlink_to(source)
    except OSError:  # another file system
        shutil.copy2(source, target)
