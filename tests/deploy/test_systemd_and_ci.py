"""The systemd units and CI's workflow."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from sayit.chassis.settings import check_names
from sayit.cli.application import app

from .helper import DEPLOY, ROOT, stages

UNITS = sorted((DEPLOY / "systemd").iterdir())


@pytest.mark.parametrize("path", [unit for unit in UNITS if unit.suffix == ".service"], ids=lambda path: path.stem)
def test_a_unit_runs_a_command_that_exists_with_settings_that_exist(path: Path) -> None:
    """Every flag is one of the command's, every variable a setting; it runs without privileges."""
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's names have capitals
    unit.read(path)
    program, command, *arguments = unit["Service"]["ExecStart"].split()
    assert Path(program).name == "sayit"
    known = {flag for one in get_command(app).commands[command].params for flag in one.opts}  # type: ignore[attr-defined]  # typer's group has it
    assert {argument for argument in arguments if argument.startswith("--")} <= known
    check_names(word.split("=")[0] for word in unit["Service"]["Environment"].split())
    assert unit["Service"]["NoNewPrivileges"] == "yes"
    assert unit["Service"]["User"] != "root"


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    """Its own check finds nothing, with a program in place of ours."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd here")
    for path in UNITS:
        (tmp_path / path.name).write_text(path.read_text("utf-8").replace("/opt/sayit/.venv/bin/sayit", "/bin/true"))
    units = [str(tmp_path / path.name) for path in UNITS]
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert not [line for line in done.stderr.splitlines() if str(tmp_path) in line], done.stderr


def test_the_workflow_runs_what_there_is() -> None:
    """Targets of make and of the Dockerfile exist; it may only read."""
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    targets = workflow["jobs"]["images"]["strategy"]["matrix"]["target"]
    assert set(targets) == set(stages((DEPLOY / "Dockerfile").read_text(encoding="utf-8"))) - {"build", "base"}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(re.search(rf"^{name}:", makefile, re.MULTILINE) for name in re.findall(r"run: make (\w+)", text))
