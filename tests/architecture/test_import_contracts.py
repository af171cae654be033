"""Contracts of pyproject.toml hold for modules of the future: libraries have lists of modules that may import them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONFIGURATION = ROOT / "pyproject.toml"
CONTRACTS = tomllib.loads(CONFIGURATION.read_text(encoding="utf-8"))["tool"]["importlinter"]
PROTECTED = {
    module for each in CONTRACTS["contracts"] if each["type"] == "protected" for module in each["protected_modules"]
}


def test_what_has_one_place_is_protected() -> None:
    """Libraries of databases, queues, models and calls, and the messages, may be imported by listed modules only."""
    libraries = {"sqlalchemy", "alembic", "redis", "arq", "faster_whisper", "ctranslate2", "grpc", "google"}
    assert libraries | {"sayit.v1", "sayit.internal"} <= PROTECTED


def test_contracts_cover_every_package() -> None:
    """A package that is not among the roots would be bound by no contract."""
    roots = ("protos/gen/python", "libs/*", "services/*", "clients/*")
    folders = (folder for root in roots for folder in ROOT.glob(f"{root}/sayit/*"))
    packages = {f"sayit.{folder.name}" for folder in folders if folder.is_dir() and folder.name != "__pycache__"}
    assert packages == set(CONTRACTS["root_packages"])


def test_a_module_outside_the_lists_cannot_import_what_is_protected(tmp_path: Path) -> None:
    """A module in no list that imports all of it makes lint-imports fail, and each import is named."""
    package = tmp_path / "sayit" / "stranger"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("\n".join(f"import {module}" for module in sorted(PROTECTED)) + "\n")
    text = CONFIGURATION.read_text(encoding="utf-8")
    configuration = tmp_path / "pyproject.toml"
    configuration.write_text(text.replace("root_packages = [", 'root_packages = [\n    "sayit.stranger",', 1))
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--config", configuration, "--no-cache"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    refused = set(re.findall(r"Illegal imports of protected package (\S+):", done.stdout))
    assert refused == PROTECTED, done.stdout
    assert "is not allowed to import" not in done.stdout, "a layer is broken as well"
