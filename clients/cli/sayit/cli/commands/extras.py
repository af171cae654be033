"""Commands of packages that a server does not carry: imported when they are called, and not before."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand

from sayit.cli.exit_codes import Exit, Failure

#: The module whose `app` is the command, and the extra of the distribution that installs what it needs.
COMMANDS = {"eval": ("sayit.eval.command", "eval"), "tune": ("sayit.tune.command", "transcriber")}


class Extra(TyperCommand):
    """Stands for a command of `COMMANDS` in the list of commands."""

    def make_context(self, info_name: Any, args: Any, parent: Any = None, **extra: Any) -> Any:
        """The context of the command itself, which click then invokes.

        Raises:
            Failure: what it needs is not installed.
        """
        assert self.name is not None
        module, needed = COMMANDS[self.name]
        try:
            app: typer.Typer = import_module(module).app
        except ModuleNotFoundError as error:
            advice = f"`pip install sayit[{needed}]` brings it."
            raise Failure(Exit.FAILED, f"This installation has no {error.name}; {advice}") from None
        command = typer.main.get_command(app)
        return command.make_context(info_name, args, parent, **extra)


def never() -> None:
    """What typer would call, if `Extra` did not lead it elsewhere."""
