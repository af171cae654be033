"""The life of a process, tried on real ones."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

_START = """
import asyncio
from sayit.chassis.process import run
from sayit.chassis.settings import ServiceSettings
from sayit.chassis.start import StartError
from sayit.speech.errors import ErrorKind, SayItError
async def main(stop):
"""


@contextmanager
def _process(body: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    script = _START + textwrap.indent(textwrap.dedent(body), "    ") + "\nrun(main)\n"
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": "", **environment},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _ends(body: str, **environment: str) -> tuple[int, str]:
    with _process(body, **environment) as process:
        _, errors = process.communicate(timeout=60)
        return process.returncode, errors


def test_clean_end_is_0() -> None:
    """A process whose main returns exits with 0 and says nothing."""
    assert _ends("return") == (0, "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_the_process_cleanly(number: signal.Signals) -> None:
    """The first signal sets the event; main cleans up and the exit code is 0."""
    with _process("print('up', flush=True); await stop.wait(); print('down')") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(number)
        assert process.communicate(timeout=60) == ("down\n", "")
        assert process.returncode == 0


def test_second_signal_ends_it_at_once() -> None:
    """A process that takes its time is ended by the second signal."""
    body = "print('up', flush=True); await stop.wait(); print('slow', flush=True); await asyncio.sleep(3600)"
    with _process(body) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "slow\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 128 + signal.SIGTERM


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("raise StartError('cannot listen here')", "sayit: cannot listen here\n"),
        (
            "raise SayItError(ErrorKind.UNAVAILABLE, cause='Redis says no')",
            "sayit: The service is temporarily unavailable; try again later. (Redis says no)\n",
        ),
        (
            "ServiceSettings()",
            "sayit: SAYIT_GRACE_S: Input should be a valid number, unable to parse string as a number\n",
        ),
    ],
)
def test_known_error_is_one_line_and_2(body: str, line: str) -> None:
    """What the operator can mend is told in one line, without a traceback."""
    assert _ends(body, SAYIT_GRACE_S="half a minute") == (2, line)


def test_defect_shows_its_traceback() -> None:
    """Anything else is a defect: exit code 1, with its traceback."""
    code, errors = _ends("raise RuntimeError('defect')")
    assert code == 1
    assert "RuntimeError: defect" in errors


@pytest.mark.skipif(sys.platform != "linux", reason="prctl and /proc are Linux's")
def test_no_other_process_reads_memory_and_environment() -> None:
    """A service is not dumpable: the kernel refuses its memory and environment to everyone but root."""
    body = "import ctypes; print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), flush=True)"  # PR_GET_DUMPABLE
    with _process(body) as process:
        assert process.communicate(timeout=60)[0] == "0\n"


def test_secrets_leave_the_environment_and_stay_settings() -> None:
    """What a child would inherit has no secret; the settings, read again, still have it."""
    body = """
        import os
        from sayit.chassis.reload import Reload
        from sayit.chassis.settings import forget_secrets
        reload = Reload(ServiceSettings())
        forget_secrets(reload.settings)
        reload.again()
        print(os.environ.get("SAYIT_INTERNAL_SECRET"), reload.settings.internal_secret.get_secret_value(), flush=True)
        print(ServiceSettings().internal_secret.get_secret_value(), flush=True)
    """
    with _process(body, SAYIT_INTERNAL_SECRET="hush") as process:
        assert process.communicate(timeout=60)[0].endswith(" need_a_restart=[]\nNone hush\nhush\n")


def test_a_service_may_open_as_many_files_as_its_system_lets_it() -> None:
    """Not only the 1,024 that most systems begin with."""
    script = (
        "import resource as r; hard = r.getrlimit(r.RLIMIT_NOFILE)[1]; r.setrlimit(r.RLIMIT_NOFILE, (64, hard));"
        "from sayit.chassis import entry; entry._allow_files(); print(r.getrlimit(r.RLIMIT_NOFILE)[0])"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True).stdout
    assert int(told) > 64
