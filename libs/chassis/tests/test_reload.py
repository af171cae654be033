"""Settings from a file, read at the start and again on SIGHUP."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import Field
from pydantic_settings import SettingsError

from sayit.chassis.reload import Reload
from sayit.chassis.settings import RELOADABLE, ServiceSettings, describe


class Shop(ServiceSettings):
    """Settings of a made-up process."""

    seats: int = Field(default=4, description="Seats.", json_schema_extra=RELOADABLE)
    street: str = Field(default="", description="Where it is.")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty file of settings."""
    path = tmp_path / "settings"
    path.write_text("")
    monkeypatch.setenv("SAYIT_SETTINGS_FILE", str(path))
    return path


def test_a_file_gives_what_no_variable_gives(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables win over the file; comments, quotes and other processes' settings are understood."""
    file.write_text("# seats\nSAYIT_SEATS = 7\nSAYIT_STREET='Main St'\nSAYIT_MAX_WATCHERS=1\nSAYIT_LOG_LEVEL=\n")
    assert (Shop().seats, Shop().street, Shop().log_level) == (7, "Main St", "info")
    monkeypatch.setenv("SAYIT_SEATS", "9")
    assert Shop().seats == 9


@pytest.mark.parametrize("line", ["SAYIT_SEATS", "SEATS=4", "secret words"])
def test_a_line_that_is_none_is_named_by_its_number(file: Path, line: str) -> None:
    """The error says where, and not what: it may be a secret."""
    file.write_text(f"\n{line}\n")
    with pytest.raises(SettingsError, match="line 2: write SAYIT_NAME=VALUE") as error:
        Shop()
    assert "secret words" not in str(error.value)


def test_a_missing_file_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who names a file means it."""
    monkeypatch.setenv("SAYIT_SETTINGS_FILE", str(tmp_path / "nothing"))
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        Shop()


def test_only_reloadable_settings_take_effect(file: Path) -> None:
    """What can change does, what cannot stays as the process started with it."""
    reload = Reload(Shop())
    seen: list[Shop] = []
    reload.follow(seen.append)
    file.write_text("SAYIT_STREET=Elm St\n")
    reload.again()
    file.write_text("SAYIT_STREET=Elm St\nSAYIT_SEATS=5\n")
    reload.again()
    assert [(now.seats, now.street) for now in seen] == [(4, ""), (5, "")]
    file.write_text("SAYIT_SEATS=many\n")
    reload.again()
    assert reload.settings.seats == 5
    file.write_text("")
    reload.again()
    assert reload.settings.seats == 4


def test_the_log_level_follows(file: Path) -> None:
    """The level of the process's own lines changes at once."""
    before = logging.getLogger().level, logging.getLogger("sayit").level
    try:
        reload = Reload(Shop())
        file.write_text("SAYIT_LOG_LEVEL=error\n")
        reload.again()
        assert logging.getLogger("sayit").level == logging.ERROR
    finally:
        logging.getLogger().setLevel(before[0])
        logging.getLogger("sayit").setLevel(before[1])


def test_the_documentation_knows_which(file: Path) -> None:
    """The page of settings marks what can change."""
    assert {doc.name for doc in describe(Shop) if doc.reloadable} == {"SAYIT_LOG_LEVEL", "SAYIT_SEATS"}


_PROCESS = """
import asyncio
from sayit.chassis import telemetry
from sayit.chassis.process import run
from sayit.chassis.reload import Reload
from sayit.chassis.settings import ServiceSettings

async def main(stop):
    settings = ServiceSettings()
    telemetry.setup("test", settings)
    reload = Reload(settings)
    with reload.on_hangup():
        print("up", flush=True)
        await stop.wait()
run(main)
"""


def test_sighup_reads_again_and_one_line_names_what_changed(tmp_path: Path) -> None:
    """A real process: the line says which settings are in effect and which need a restart, without their values."""
    path = tmp_path / "settings"
    path.write_text("SAYIT_GRACE_S=5\n")
    with subprocess.Popen(
        [sys.executable, "-c", _PROCESS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"SAYIT_SETTINGS_FILE": str(path), "SAYIT_LOG_FORMAT": "json"},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            assert process.stdout.readline() == "up\n"
            path.write_text("SAYIT_GRACE_S=6\nSAYIT_LOG_LEVEL=debug\nSAYIT_INTERNAL_SECRET=tiger\n")
            process.send_signal(signal.SIGHUP)
            line = process.stderr.readline()
            assert '"in_effect": ["SAYIT_LOG_LEVEL"]' in line
            assert '"need_a_restart": ["SAYIT_GRACE_S", "SAYIT_INTERNAL_SECRET"]' in line
            assert "tiger" not in line
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()
