"""Commands of packages that a server does not carry, imported when they are called; what to say if one is missing."""

from __future__ import annotations

import traceback
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand

from sayit.cli import help_texts, messages
from sayit.cli.messages import LocalError

#: The module whose `app` is the command.
COMMANDS = {"eval": "sayit.eval.command", "tune": "sayit.tune.command"}
#: The packages of the distribution `sayit-eval`.
_MEASURING = {"sayit.eval", "sayit.tune"}
#: The extra of the distribution that installs what a package of ours needs.
_EXTRAS = {
    "gateway": "gateway",
    "scheduler": "scheduler",
    "transcriber": "transcriber",
    "bridge": "bridge",
    "eval": "eval",
    "tune": "transcriber",
}


class Extra(TyperCommand):
    """Stands for a command of `COMMANDS` in the list of commands."""

    def make_context(self, info_name: Any, args: Any, parent: Any = None, **extra: Any) -> Any:
        """The context of the command itself, which click then invokes."""
        assert self.name is not None
        app: typer.Typer = import_module(COMMANDS[self.name]).app
        command = typer.main.get_command(app)
        if messages.language() == "ko":
            help_texts.translate(command)
        return command.make_context(info_name, args, parent, **extra)


def never() -> None:
    """What typer would call, if `Extra` did not lead it elsewhere."""


def needed(error: ImportError) -> LocalError:
    """What a package that is not there, or does not load, is to the user: the extra that brings it.

    Raises:
        ImportError: the package is ours, so this is a defect.
    """
    package = (error.name or "").partition(".")[0]
    if error.name in _MEASURING:
        return LocalError("PACKAGE_MISSING", extra="eval", package="sayit-eval", cause="")
    if not package or package == "sayit":
        raise error
    code = "PACKAGE_MISSING" if isinstance(error, ModuleNotFoundError) else "PACKAGE_BROKEN"
    return LocalError(code, extra=_extra(error), package=package, cause=" ".join(str(error).split()))


def _extra(error: ImportError) -> str:
    """That of the first package of ours, among those that importing it led through, that has one."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        root, _, rest = str(frame.f_globals.get("__name__", "")).partition(".")
        if root == "sayit" and (extra := _EXTRAS.get(rest.partition(".")[0])):
            return extra
    return "all"
