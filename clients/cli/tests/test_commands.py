"""The command line itself: help, wording, exit statuses."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
import typer

from sayit.chassis.settings import check_names
from sayit.cli import help_texts, messages, paths, settings_reference
from sayit.cli.application import app
from sayit.cli.commands import extras
from sayit.cli.doctor import installation, machine
from sayit.cli.doctor.findings import Severity
from sayit.speech.errors import ErrorKind, SayItError
from tests.command import run_sayit

ROOT = Path(__file__).parents[3]


def sayit(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the command."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("SAYIT_", "LC_", "LANG"))}
    return run_sayit(*arguments, environment=clean | {"COLUMNS": "200"} | environment)


def test_help_lists_every_command_and_needs_nothing_heavy() -> None:
    """What the user can do, and which exit statuses there are; neither gRPC nor an engine is imported for it."""
    script = """
import sys
from sayit.cli.application import app
try:
    app(["--help"])
except SystemExit:
    pass
heavy = {"grpc", "asyncio", "numpy", "ctranslate2", "sqlalchemy", "redis", "sayit.client"} & set(sys.modules)
print("HEAVY", sorted(heavy))
"""
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    for command in (
        "up",
        "transcribe",
        "listen",
        "jobs",
        "status",
        "models",
        "keys",
        "doctor",
        "config",
        "version",
        "vocabulary",
    ):
        assert f" {command} " in shown
    assert "Exit status" in shown
    assert "HEAVY []" in shown


@pytest.mark.parametrize(
    "command", ["up", "transcribe", "jobs watch", "keys create", "doctor", "config", "eval", "tune"]
)
def test_every_command_has_help(command: str) -> None:
    """It can be read, and exits with 0."""
    answer = sayit(*command.split(), "--help")
    assert answer.returncode == 0
    assert "Usage:" in answer.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["transcribe", "none.wav"], 1, "none.wav: There is no such file. [FILE_NOT_FOUND]"),
        (
            ["transcribe", "none.wav", "--language", "xx"],
            2,
            "sayit: The language 'xx' is not supported. [INVALID_LANGUAGE]",
        ),
        (
            ["transcribe", "none.wav", "--languages", "ko,xx"],
            2,
            "sayit: The language 'xx' is not supported. [INVALID_LANGUAGE]",
        ),
        (["transcribe", "none.wav", "-l", "ko", "--languages", "ko"], 2, "[INVALID_OPTION]"),
        (["transcribe", "none.wav", "--decoding", "patience=nan"], 2, "decoding.patience is not valid"),
        (["transcribe", "none.wav", "--decoding", "best_of=two"], 2, "--decoding best_of=two: write KEY=VALUE; keys"),
        (["transcribe", "none.wav", "--decoding", "beams=2"], 2, "keys are temperatures, best_of"),
        (["vocabulary", "put", "v", "--file", "/dev/null", "--server", "127.0.0.1:1"], 3, "[NO_SUITE]"),
        (["transcribe", "a", "b", "--format", "srt"], 2, "several files as srt need --output FOLDER"),
        (["transcribe", __file__, "--server", "127.0.0.1:1"], 3, "[NO_SUITE]"),
        (
            ["transcribe", __file__, "--server", "no-such.invalid:1"],
            3,
            "There is no host of the name in no-such.invalid:1",
        ),
        (["jobs", "list", "--label", "A=b"], 2, "labels is not valid: a name has 1 to 64"),
        (["transcribe", __file__, "--output_format", "doc"], 2, "there is no format 'doc'"),
        (["transcribe", __file__, "-o", "a", "--output_dir", "b"], 2, "either --output or --output-dir"),
        (["transcribe", "none.wav", "--word_timestamps=2"], 2, "write True or False"),
        (["transcribe", __file__, "--server", "nowhere"], 2, "'nowhere' is no address"),
        (["transcribe", __file__, "--model", "no-such-model"], 1, "[MODEL_NOT_AVAILABLE]"),
        (["transcribe", __file__, "--clip_timestamps", "3,2"], 2, "clip_timestamps is not valid: write start,end"),
        (["transcribe", __file__, "--clip_timestamps", "a"], 2, "write seconds"),
        (["transcribe"], 2, "Missing argument"),
        (["jobs", "show", "x", "--server", "127.0.0.1:1"], 3, "[NO_SUITE]"),
        (["keys", "list", "--file", "/does/not/exist"], 1, "no file of keys"),
        (["up", "--transcribers", "0"], 2, "transcribers"),
    ],
)
def test_wrong_calls_say_what_is_wrong_and_exit_by_kind(
    arguments: list[str], status: int, message: str, tmp_path: Path
) -> None:
    """One line on standard error, nothing on standard output, a status a script can branch on."""
    answer = sayit(*arguments, SAYIT_DATA_DIR=str(tmp_path))
    assert message in answer.stderr
    assert answer.returncode == status
    assert answer.stdout == ""


@pytest.mark.parametrize(("arguments", "environment"), [(["--lang", "ko"], {}), ([], {"LANG": "ko_KR.UTF-8"})])
def test_messages_are_korean_where_that_is_wanted(arguments: list[str], environment: dict[str, str]) -> None:
    """By option or by locale."""
    answer = sayit(*arguments, "transcribe", "none.wav", **environment)
    assert answer.stderr == "none.wav: 파일을 찾을 수 없습니다. [FILE_NOT_FOUND]\n"


def test_wrong_arguments_are_told_in_korean() -> None:
    """The parser's own sentences, too, and the reasons in them."""
    answer = sayit("--lang", "ko", "transcribe", "a.wav", "--beam-size", "99")
    assert answer.returncode == 2
    assert "10 이하여야 합니다" in answer.stderr
    assert "도움말" in answer.stderr


def test_every_sentence_of_the_help_is_there_in_korean() -> None:
    """None is missing; what is missing is named."""
    commands = [app, *(import_module(name).app for name in extras.COMMANDS.values())]
    said = set().union(*(help_texts.paragraphs(typer.main.get_command(one)) for one in commands))
    texts = tomllib.loads(Path(help_texts.__file__).with_name("help_ko.toml").read_text(encoding="utf-8"))
    assert not said - set(texts)
    assert "변환합니다" in sayit("transcribe", "--help", SAYIT_LANG="ko").stdout
    assert "측정합니다" in sayit("tune", "--help", SAYIT_LANG="ko").stdout
    assert "작업을 관리합니다" in sayit("--lang", "ko", "jobs", "--help").stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no full device")
@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("man",)])
def test_output_that_cannot_be_written_is_one_line(arguments: tuple[str, ...]) -> None:
    """A full disk is told, and a reader that has gone is none of our business."""
    command = [sys.executable, "-m", "sayit.cli", *arguments]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "standard output: No space left on device\n")
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


def test_the_manual_page_has_every_command() -> None:
    """In roff, with their options, as `man -l -` reads it."""
    page = sayit("man").stdout
    assert page.startswith(".TH SAYIT 1")
    for part in (
        ".SS sayit transcribe FILE",
        ".SS sayit jobs watch JOB",
        "\\-\\-output\\-dir FOLDER",
        ".SH EXIT STATUS",
    ):
        assert part in page


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "ko_KR.UTF-8"}, "ko"),
        ({"LANG": "ko_KR.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "C", "LC_MESSAGES": "ko"}, "ko"),
    ],
)
def test_the_locale_chooses_the_language(environment: dict[str, str], language: str) -> None:
    """In the order that POSIX gives the variables."""
    assert messages.language(environment) == language


def test_unavailability_is_told_from_other_errors() -> None:
    """It decides between the exit statuses 1 and 3."""
    assert messages.is_unavailability(SayItError(ErrorKind.UNAVAILABLE))
    assert messages.is_unavailability(messages.LocalError("NO_SUITE", address="x"))
    assert not messages.is_unavailability(SayItError(ErrorKind.INVALID_FORMAT))


def test_keys_are_made_listed_and_revoked(tmp_path: Path) -> None:
    """The key is printed once, alone on standard output; the list never shows it."""
    file = str(tmp_path / "keys.json")
    made = sayit("keys", "create", "--tenant", "app", "--name", "phone", SAYIT_API_KEYS_FILE=file)
    key = made.stdout.strip()
    assert key.startswith("sayit_")
    key_id = key.split("_")[1]
    listed = sayit("keys", "list", "--json", "--file", file)
    assert [(one["id"], one["tenant"], one["revoked"]) for one in json.loads(listed.stdout)] == [(key_id, "app", None)]
    assert key not in listed.stdout
    assert sayit("keys", "revoke", key_id, "--file", file).returncode == 0
    assert json.loads(sayit("keys", "list", "--json", "--file", file).stdout)[0]["revoked"]
    assert sayit("keys", "revoke", "nobody", "--file", file).returncode == 1


def test_the_version_is_the_packages() -> None:
    """Plain and as JSON."""
    version = json.loads(sayit("version", "--json").stdout)["version"]
    assert sayit("version").stdout == f"sayit {version}\n"


def test_the_configuration_page_is_current() -> None:
    """`sayit config --markdown > docs/configuration.md` was run after the last change of a setting."""
    assert (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8") == settings_reference.page(
        settings_reference.sections()
    )


def test_the_configuration_lists_every_setting_once() -> None:
    """For the terminal and for scripts."""
    sections = json.loads(sayit("config", "--json").stdout)
    assert set(sections) == {"Every process", "Gateway", "Scheduler", "Transcriber", "Bridge"}
    assert "SAYIT_LISTEN" in [one["name"] for one in sections["Gateway"]]
    assert "SAYIT_LOG_LEVEL" not in [one["name"] for one in sections["Gateway"]]
    assert "SAYIT_SCHEDULER_LISTEN" in sayit("config").stdout


def test_the_configuration_says_what_is_in_force_and_refuses_what_is_no_setting() -> None:
    """A value with its source; a misspelt name with the nearest one."""
    found = json.loads(sayit("config", "--json", SAYIT_THREADS="3").stdout)
    threads = next(one for one in found["Transcriber"] if one["name"] == "SAYIT_THREADS")
    assert (threads["value"], threads["source"]) == ("3", "variable")
    wrong = sayit("config", SAYIT_THREDS="3")
    assert wrong.returncode != 0
    assert "SAYIT_THREDS is no setting: did you mean SAYIT_THREADS?" in wrong.stderr


def test_every_variable_of_the_command_line_is_known() -> None:
    """Else a process that is started with it in its environment would refuse it."""
    sources = (ROOT / "clients").rglob("*.py")
    check_names(name for path in sources for name in re.findall(r'envvar="(\w+)"', path.read_text(encoding="utf-8")))


def test_the_doctor_finds_this_installation_well(tmp_path: Path) -> None:
    """Nothing fails here; every finding has a level and, unless it is ok, advice."""
    answer = sayit("doctor", "--json", "--listen", "127.0.0.1:0", "--data", str(tmp_path), "--model", "micro")
    findings = json.loads(answer.stdout)
    assert [one for one in findings if one["level"] == "fail"] == []
    assert answer.returncode == 0
    assert len({one["about"] for one in findings}) == len(findings) >= 12
    assert all(one["advice"] for one in findings if one["level"] != "ok")


def test_the_doctor_finds_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each illness is told, with what to do."""
    assert installation.python((3, 10, 4)).level is Severity.FAIL
    assert installation.packages(["no_such_package"]).level is Severity.FAIL
    broken = installation.native_libraries(["json", "no_such_library"])
    assert broken.level is Severity.FAIL
    assert broken.found.startswith("no_such_library does not load: ModuleNotFoundError")
    assert machine.vector_units("fpu sse sse2").level in {Severity.WARN, Severity.OK}
    assert machine.confinement(["seccomp", "landlock"]).level is Severity.OK
    assert machine.confinement([]).level is Severity.WARN
    assert installation.model(str(tmp_path)).level is Severity.FAIL
    keys = tmp_path / "keys"
    monkeypatch.setenv("SAYIT_API_KEYS_FILE", str(keys))
    assert installation.keys_file().level is Severity.FAIL
    keys.touch(mode=0o644)
    assert installation.keys_file().advice == f"chmod 600 {keys}"
    keys.chmod(0o600)
    assert installation.keys_file().level is Severity.OK


def test_the_data_folder_is_the_platforms(tmp_path: Path) -> None:
    """Named by variable, else where the platform keeps user data."""
    assert paths.default_data({"SAYIT_DATA_DIR": str(tmp_path)}) == tmp_path
    if sys.platform == "darwin":
        assert paths.default_data({}) == Path.home() / "Library" / "Application Support" / "sayit"
    else:
        assert paths.default_data({"XDG_DATA_HOME": "/xdg"}) == Path("/xdg/sayit")
        assert paths.default_data({"XDG_DATA_HOME": "relative"}) == Path.home() / ".local" / "share" / "sayit"
