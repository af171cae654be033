"""The life of a process: one event loop, SIGTERM and SIGINT, exit codes, one clear line when it cannot start."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NoReturn

from pydantic import ValidationError
from pydantic_settings import SettingsError

from sayit.chassis import telemetry
from sayit.chassis.entry import EXIT_USAGE
from sayit.chassis.parent_watch import watch_parent
from sayit.chassis.settings import PREFIX
from sayit.chassis.start import StartError
from sayit.speech.errors import SayItError

#: From <linux/prctl.h>.
_PR_SET_DUMPABLE = 4


def run(main: Callable[[asyncio.Event], Awaitable[None]]) -> NoReturn:
    """Runs a process until `main` returns; exits with 0 after a clean end, 2 and one line for a known error, else 1.

    The event given to `main` is set by the first SIGTERM or SIGINT; the second signal exits at once, with 128 + its
    number, for operators who do not want to wait for the grace time. A process that `sayit up` started also ends when
    its parent is gone (`parent_watch`).
    """
    _hide_memory()
    try:
        asyncio.run(_until_signalled(main))
    except (SayItError, StartError, SettingsError, ValidationError) as error:
        print("sayit: " + in_one_line(error), file=sys.stderr)  # noqa: T201 - for the operator, before or after the log exists
        telemetry.shutdown()
        sys.exit(EXIT_USAGE)
    telemetry.shutdown()
    for stream in sys.stdout, sys.stderr:
        with suppress(OSError):  # a full disk under the log must not change the exit code
            stream.flush()
    # All is written and closed; what is left is memory: the kernel frees it at once, the interpreter takes 0.1–0.4 s.
    os._exit(0)


def _hide_memory() -> None:
    """Other processes of the same user may not read this one's memory and environment, and no core is written.

    On Linux; a debugger then needs root. The child that decodes strangers' files is such a process.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


async def _until_signalled(main: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    stop = asyncio.Event()

    def on_signal(number: signal.Signals) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    # It asks for the settings to be read again (`reload`), and must not end a process that is still reading them.
    loop.add_signal_handler(signal.SIGHUP, lambda: None)
    watch_parent(stop)
    await main(stop)


def give_back_s(grace_s: float) -> float:
    """The last part of a grace time, in seconds, in which what no engine finished is given back."""
    return min(0.3 * grace_s, 5.0)


def in_one_line(error: Exception) -> str:
    """What is wrong, for the operator, without the values that were given: they may be secrets."""
    if isinstance(error, ValidationError):
        return "; ".join(
            f"{PREFIX}{'_'.join(map(str, item['loc'])).upper()}: {item['msg'].removeprefix('Value error, ')}"
            for item in error.errors()
        )
    if isinstance(error, SayItError) and error.cause:
        return " ".join(f"{error} ({error.cause})".split())
    return " ".join(str(error).split())
