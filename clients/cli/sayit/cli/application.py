"""The `sayit` command with all its commands, and what becomes of what they raise."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from sayit.cli import help_texts, messages
from sayit.cli.commands import (
    admin,
    audit,
    backup,
    extras,
    jobs,
    keys,
    listen,
    system,
    transcribe,
    up,
    vocabulary,
    webhooks,
)
from sayit.cli.commands.whisper_flags import WhisperCommand
from sayit.cli.exit_codes import HELP, Exit, Failure, Interrupted, own_version
from sayit.speech.errors import SayItError


class Language(StrEnum):
    """Languages of messages."""

    EN = "en"
    KO = "ko"


#: Click's, which typer does not name.
_UsageError: Any = typer.BadParameter.__base__


@contextmanager
def _usage_in_korean(wanted: Callable[[], bool]) -> Iterator[None]:
    """What the parser says about wrong arguments is plain, and Korean where that is wanted."""
    try:
        yield
    except _UsageError as error:
        said = error.format_message().replace("Value error, ", "")  # pydantic's
        error.format_message = functools.partial(messages.in_korean if wanted() else str, said)
        raise


def _wrong_settings(error: ValueError) -> str | None:
    """What is wrong with settings, without the values that were given; None where it is not about settings."""
    if "pydantic_settings" not in sys.modules:
        return None
    from pydantic import ValidationError  # noqa: PLC0415 - loaded already
    from pydantic_settings import SettingsError  # noqa: PLC0415

    from sayit.chassis.process import in_one_line  # noqa: PLC0415

    return in_one_line(error) if isinstance(error, ValidationError | SettingsError) else None


class Commands(TyperGroup):
    """Turns what commands raise into lines on standard error and exit statuses."""

    def make_context(self, info_name: Any, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Reads the arguments; the help that this may show is in the user's language."""
        korean = help_texts.wanted_language(args) == "ko"
        help_texts.without_types_of_flags(self)
        if korean:
            help_texts.translate(self)
        with _usage_in_korean(lambda: korean):
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Runs the command."""
        try:
            with _usage_in_korean(lambda: (ctx.params.get("lang") or messages.language()) == "ko"):
                return super().invoke(ctx)
        except Failure as failure:
            for line in failure.lines:
                messages.note(line)
            raise typer.Exit(failure.status) from None
        except (SayItError, messages.LocalError) as error:
            messages.complain("sayit", error)
            raise typer.Exit(Exit.UNAVAILABLE if messages.is_unavailability(error) else Exit.FAILED) from None
        except ImportError as error:
            messages.complain("sayit", extras.needed(error))
            raise typer.Exit(Exit.FAILED) from None
        except ValueError as error:
            wrong = _wrong_settings(error)
            if wrong is None:
                raise
            messages.note(wrong)
            raise typer.Exit(Exit.USAGE) from None
        except Interrupted as interrupted:
            raise typer.Exit(interrupted.status) from None
        except KeyboardInterrupt:
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog=HELP,
    help="SayIt turns recorded speech into text, on this machine's cores.",
    context_settings={
        "help_option_names": ["-h", "--help"],
        # As whisper's users write flags: --output_format is --output-format.
        "token_normalize_func": lambda name: name.replace("_", "-"),
    },
)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"sayit {own_version()}")
        raise typer.Exit


@app.callback()
def common(
    lang: Annotated[
        Language | None,
        typer.Option("--lang", envvar="SAYIT_LANG", help="Language of messages.", show_default="your locale's"),
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of all commands."""
    if lang is not None:
        messages.choose(lang)


app.command("up")(up.up)
app.command(
    "tune",
    cls=extras.Extra,
    help="Measure which transcribers, threads, batch and compute type suit this machine and model, for `sayit up`.",
)(extras.never)
app.command("transcribe", cls=WhisperCommand, epilog=HELP)(transcribe.transcribe)
app.command("listen")(listen.listen)
app.command("bridge")(up.bridge)
app.add_typer(jobs.app, name="jobs")
app.add_typer(vocabulary.app, name="vocabulary")
app.command(
    "eval",
    cls=extras.Extra,
    help="Transcribe labelled recordings and measure the text: errors, seams, inventions, speed.",
)(extras.never)
app.command("status")(system.status)
app.command("capacity")(system.capacity)
app.add_typer(system.models, name="models")
app.add_typer(keys.app, name="keys")
app.add_typer(admin.app, name="admin")
app.add_typer(webhooks.app, name="webhooks")
app.command("audit")(audit.audit)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("doctor")(system.doctor)
app.command("config")(system.config)
app.command("support-bundle")(system.support_bundle)
app.command("version")(system.version)


@app.command("man")
def man(context: typer.Context) -> None:
    """Print this manual page (roff), for `man`."""
    print(help_texts.manual(context.find_root().command, own_version()), end="")
