"""How `python -m sayit.SERVICE` begins, with nothing but the standard library: what it needs may not be installed.

Exit status: 0 after a clean end, or `--help`; 2 with one line for what it cannot do (an argument, a package that is not
there, wrong settings, an address in use); 1 for a defect.
"""

from __future__ import annotations

import gc
import os
import resource
import sys
from collections.abc import Collection
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import NoReturn

#: Exit status of a process that was asked for something impossible.
EXIT_USAGE = 2
#: What structlog would draw with on a terminal; it takes 10 MB and a tenth of a second.
_UNUSED = ("rich",)
#: More are never needed, and an unlimited number makes some libraries' tables large.
_MOST_FILES = 65_536


def start(service: str, settings: str, unused: Collection[str] = ()) -> NoReturn:
    """Looks at the arguments, and runs `sayit.SERVICE.program`.

    Args:
        service: "gateway", "scheduler", "transcriber" or "bridge"; also the extra that installs what it needs.
        settings: the class of its settings.
        unused: packages that libraries load and that this service has no use for. They are taken for empty ones.
    """
    arguments = sys.argv[1:]
    asked = arguments[:1] in (["-h"], ["--help"])
    if arguments and not asked:
        _end(f"python -m sayit.{service} takes no arguments, so not {arguments[0]!r} either; see --help")
    try:
        if asked:
            print(_help(service, settings))  # noqa: T201 - asked for
            sys.exit(0)
        os.umask(0o077)  # what it writes is its user's alone: audio, text, secrets
        _allow_files()
        for package in (*_UNUSED, *unused):
            sys.modules.setdefault(package, ModuleType(package))
        _loaded(service).run()
    except ImportError as error:
        _end(f"this needs sayit[{service}]: {lacking(error)}")
    sys.exit(0)


def _loaded(service: str) -> ModuleType:
    """Imports what runs the service. What is loaded stays until the end, so no collection of garbage looks at it.

    Not while it is loaded, which saves a tenth of a start, nor later.
    """
    gc.disable()
    try:
        return import_module(f"sayit.{service}.program")
    finally:
        gc.freeze()
        gc.enable()


def _allow_files() -> None:
    """Lets the process open as many files as it may: the usual 1,024 are less than the connections that it serves."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):  # macOS allows fewer than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def lacking(error: ImportError) -> str:
    """Which package is not there, or does not load.

    Raises:
        ImportError: the package is ours, so this is a defect.
    """
    package = (error.name or "").partition(".")[0]
    if not package or package == "sayit":
        raise error
    if isinstance(error, ModuleNotFoundError):
        return f"the package {package} is not installed"
    return f"the package {package} does not load ({' '.join(str(error).split())})"


def _help(service: str, settings: str) -> str:
    # The settings are classes of a package that may not be there.
    from sayit.chassis.settings import describe  # noqa: PLC0415

    documented = describe(getattr(import_module(f"sayit.{service}.settings"), settings))
    lines = [f"  {one.name}={one.default}" if one.default else f"  {one.name}" for one in documented]
    return (
        f"Usage: python -m sayit.{service}\n\n"
        f"Runs a {service} until SIGTERM or SIGINT. It takes no arguments; these variables set it, here with their\n"
        "defaults. docs/configuration.md and `sayit config` say what they mean.\n\n" + "\n".join(lines)
    )


def _end(line: str) -> NoReturn:
    print(f"sayit: {line}", file=sys.stderr)  # noqa: T201 - for the operator, before there is a log
    sys.exit(EXIT_USAGE)
