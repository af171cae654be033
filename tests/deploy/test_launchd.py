"""The launchd property lists."""

from __future__ import annotations

import plistlib
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from sayit.cli.application import app

from .helper import DEPLOY

PLISTS = sorted((DEPLOY / "launchd").glob("*.plist"))


def _load(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        value = plistlib.load(file)
    assert isinstance(value, dict)
    return value


def test_there_is_one_for_a_user_and_one_for_the_machine() -> None:
    """Both ways of installing are covered; only the machine's runs as a user of its own."""
    assert {path.stem: "UserName" in _load(path) for path in PLISTS} == {
        "dev.sayit.agent": False,
        "dev.sayit.daemon": True,
    }


@pytest.mark.parametrize("path", PLISTS, ids=lambda path: path.stem)
def test_it_runs_a_command_that_exists(path: Path) -> None:
    """The program is `sayit up`, and every flag is one of its own."""
    program, command, *arguments = _load(path)["ProgramArguments"]
    assert Path(program).name == "sayit"
    known = get_command(app).commands[command]  # type: ignore[attr-defined]  # typer's group has it
    flags = {flag for parameter in known.params for flag in parameter.opts}
    assert {argument for argument in arguments if argument.startswith("--")} <= flags


@pytest.mark.parametrize("path", PLISTS, ids=lambda path: path.stem)
def test_it_is_restarted_unless_told_to_stop_and_gets_time_to_end(path: Path) -> None:
    """The label is the file's name; a crash starts it again; it gets longer than running work gets; full speed."""
    value = _load(path)
    assert value["Label"] == path.stem
    assert value["KeepAlive"] == {"SuccessfulExit": False}
    assert value["ExitTimeOut"] > 30
    assert value["ProcessType"] == "Interactive"
    assert value["RunAtLoad"] is True
