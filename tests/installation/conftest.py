"""What several tests of installations share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .environments import ROOT


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Our wheels by the name of the distribution, built as the images build them."""
    folder = tmp_path_factory.mktemp("wheels")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run(
        [*command, "--wheel-dir", folder, ROOT / "clients" / "python", ROOT / "clients" / "eval", ROOT],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {path.name.split("-")[0].replace("_", "-"): path for path in folder.glob("*.whl")}


def downloaded(requirements: Path, folder: Path) -> list[Path]:
    """The wheels of a pinned list from the package registry; skips the test where it does not answer."""
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    done = subprocess.run(
        [*command, "--retries", "1", "--dest", folder, "-r", requirements], capture_output=True, text=True, check=False
    )
    if done.returncode:
        assert not os.environ.get("CI"), done.stderr
        pytest.skip(f"the package registry does not answer: {done.stderr.strip().splitlines()[-1]}")
    return sorted(folder.glob("*.whl"))
