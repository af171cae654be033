"""How the command and the services begin: help and version at once, and one line for what is not installed."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata

import pytest

SERVICES = ("gateway", "scheduler", "transcriber", "bridge")
#: What a command that only asks a gateway, or prints, must not load.
HEAVY = {"numpy", "ctranslate2", "faster_whisper", "huggingface_hub", "tokenizers", "onnxruntime", "sqlalchemy"}
HEAVY |= {"alembic", "av", "redis", "arq", "obstore", "fastapi", "uvicorn", "structlog", "opentelemetry"}

_WITHOUT = """
import runpy, sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

module, hidden = sys.argv[1], set(sys.argv[2].split(","))
del sys.argv[1:3]
sys.meta_path.insert(0, Hidden())
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs this Python."""
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"LC_ALL": "C.UTF-8", "COLUMNS": "200"} | environment,
    )


def imported_by(*arguments: str) -> set[str]:
    """The top-level packages that a command imports."""
    log = run("-X", "importtime", "-m", "sayit.cli", *arguments).stderr.splitlines()
    lines = [line for line in log if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


def without(module: str, *hidden: str, arguments: tuple[str, ...] = (), **environment: str) -> tuple[int, list[str]]:
    """Exit status and lines on standard error of a module that is run where packages are missing."""
    done = run("-c", _WITHOUT, module, ",".join(hidden), *arguments, **environment)
    return done.returncode, done.stderr.splitlines()


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_explains_itself(service: str) -> None:
    """--help names the variables that set the service."""
    done = run("-m", f"sayit.{service}", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"python -m sayit.{service}" in done.stdout
    assert "SAYIT_LOG_LEVEL=info" in done.stdout


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_takes_no_arguments(service: str) -> None:
    """An argument is told in one line, with status 2, and nothing starts."""
    done = run("-m", f"sayit.{service}", "--port", "1")
    assert done.returncode == 2
    assert done.stderr == f"sayit: python -m sayit.{service} takes no arguments, so not '--port' either; see --help\n"


@pytest.mark.parametrize(
    ("service", "package"),
    [
        *((service, "pydantic_settings") for service in SERVICES),
        *((service, "structlog") for service in SERVICES),
        ("gateway", "grpc_health"),
        ("scheduler", "sqlalchemy"),
        ("scheduler", "obstore"),
        ("transcriber", "redis"),
        ("bridge", "fastapi"),
    ],
)
def test_a_service_says_what_is_not_installed(service: str, package: str) -> None:
    """A package that is not there ends a service with one line that names the extra, and with status 2."""
    status, lines = without(f"sayit.{service}", package)
    assert status == 2
    assert lines == [f"sayit: this needs sayit[{service}]: the package {package} is not installed"]


@pytest.mark.parametrize(
    ("arguments", "package", "extra"),
    [
        (("bridge",), "fastapi", "bridge"),
        (("eval", "--help"), "jiwer", "eval"),
        (("tune", "--help"), "ctranslate2", "transcriber"),
        (("config",), "pydantic_settings", "all"),
    ],
)
def test_the_command_says_what_is_not_installed(arguments: tuple[str, ...], package: str, extra: str) -> None:
    """A command whose packages are not there ends with one line in the user's language."""
    status, lines = without("sayit.cli", package, arguments=arguments)
    assert (status, len(lines)) == (1, 1), lines
    assert f"This needs sayit[{extra}]: the package {package} is not installed. [PACKAGE_MISSING]" in lines[0]
    _, lines = without("sayit.cli", package, arguments=arguments, SAYIT_LANG="ko")
    assert f"sayit[{extra}]가 필요합니다." in lines[0]


def test_the_version_needs_nothing() -> None:
    """`sayit --version` prints it without loading the command; `sayit version` prints the same."""
    expected = f"sayit {metadata.version('sayit')}\n"
    assert run("-m", "sayit.cli", "--version").stdout == expected
    assert run("-m", "sayit.cli", "--lang", "en", "--version").stdout == expected
    assert run("-m", "sayit.cli", "version").stdout == expected
    assert not imported_by("--version") & (HEAVY | {"typer", "rich", "grpc", "google", "pydantic", "asyncio"})


@pytest.mark.parametrize("arguments", [("--help",), ("version",), ("jobs", "list", "--server", "127.0.0.1:1")])
def test_small_commands_load_little(arguments: tuple[str, ...]) -> None:
    """Help, and commands that only ask a gateway, load no model, no database and no server."""
    assert not imported_by(*arguments) & HEAVY
