"""The help of all commands, as a manual page and in Korean: `help_ko.toml` has each English paragraph's translation."""

from __future__ import annotations

import functools
import itertools
import os
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import typer

from sayit.cli import messages

#: What typer itself writes into help.
_FRAME = {
    "ARGUMENTS_PANEL_TITLE": "인자",
    "OPTIONS_PANEL_TITLE": "옵션",
    "COMMANDS_PANEL_TITLE": "명령",
    "ERRORS_PANEL_TITLE": "오류",
    "DEFAULT_STRING": "[기본값: {}]",
    "ENVVAR_STRING": "[환경 변수: {}]",
    "REQUIRED_LONG_STRING": "[필수]",
    "RICH_HELP": "도움말: [blue]'{command_path} {help_option}'[/]",
}
_USAGE = {"[OPTIONS]": "[옵션]", "COMMAND [ARGS]...": "명령 [인자]...", "{FILE}...": "{파일}..."}


def wanted_language(arguments: Sequence[str]) -> str:
    """The language of a call's help, which is shown before the options are read."""
    named = [after for option, after in itertools.pairwise(arguments) if option == "--lang"]
    named += [one.removeprefix("--lang=") for one in arguments if one.startswith("--lang=")]
    return (named or [os.environ.get("SAYIT_LANG", "")])[0] or messages.language()


def translate(command: Any) -> None:
    """Puts Korean into a command, and into all below it; what has no translation stays English."""
    from typer import rich_utils  # noqa: PLC0415 - rich takes a while to import, and shows the help that follows

    for name, text in _FRAME.items():
        setattr(rich_utils, name, text)
    texts = tomllib.loads(Path(__file__).with_name("help_ko.toml").read_text(encoding="utf-8"))
    for owner, field in _places(command):
        paragraphs = getattr(owner, field).split("\n\n")
        setattr(owner, field, "\n\n".join(texts.get(one, one) for one in paragraphs))
    for one in _all(command):
        one.format_usage = functools.partial(_korean_usage, one)


def _korean_usage(command: Any, context: Any, formatter: Any) -> None:
    pieces = " ".join(command.collect_usage_pieces(context))
    for english, korean in _USAGE.items():
        pieces = pieces.replace(english, korean)
    formatter.write_usage(context.command_path, pieces, prefix="사용법: ")


def without_types_of_flags(command: Any) -> None:
    """Takes `<bool>` out of the help of a command and of all below it."""
    for one in _all(command):
        for parameter in _parameters(one):
            if getattr(parameter, "is_flag", False):
                parameter.metavar = ""


def paragraphs(command: Any) -> set[str]:
    """All that the help of a command and of all below it says."""
    return {one for owner, field in _places(command) for one in getattr(owner, field).split("\n\n")}


def _places(command: Any) -> Iterator[tuple[Any, str]]:
    """Objects and their attributes that hold a text."""
    for each in _all(command):
        for owner, fields in ((each, ("help", "epilog")), *((one, _PARAMETER) for one in _parameters(each))):
            yield from ((owner, field) for field in fields if isinstance(getattr(owner, field, None), str))


def _all(command: Any) -> Iterator[Any]:
    yield command
    for one in getattr(command, "commands", {}).values():
        yield from _all(one)


def _parameters(command: Any) -> tuple[Any, ...]:
    # The help option is made with the first look at it, and kept by the command.
    return (*command.params, command.get_help_option(typer.Context(command, help_option_names=["-h", "--help"])))


_PARAMETER = ("help", "show_default", "rich_help_panel")


def manual(command: Any, version: str) -> str:
    """The manual page in roff (man(7)) of a command and all below it."""
    lines = [f'.TH SAYIT 1 "" "SayIt {version}" "SayIt"', ".SH NAME", f"sayit \\- {_roff(command.help)}"]
    lines += [".SH SYNOPSIS", ".B sayit", "COMMAND [OPTIONS]", ".SH OPTIONS", *_options(command), ".SH COMMANDS"]
    for name, one in _leaves(command, "sayit"):
        arguments = [each.metavar or each.name.upper() for each in one.params if each.param_type_name == "argument"]
        lines.append(".SS " + _roff(" ".join([name, *arguments])))
        for text in one.help.split("\n\n"):
            lines += [_roff(" ".join(text.split())), ".PP"]
        lines += _options(one)
    return "\n".join([*lines, ".SH EXIT STATUS", _roff(command.epilog), ""])


def _leaves(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    for key, one in command.commands.items():
        if hasattr(one, "commands"):
            yield from _leaves(one, f"{name} {key}")
        else:
            yield f"{name} {key}", one


def _options(command: Any) -> Iterator[str]:
    for one in command.params:
        if one.param_type_name == "option" and not one.hidden:
            value = "" if one.is_flag else f" {one.metavar or one.name.upper()}"
            yield from (".TP", ".B " + _roff(", ".join(one.opts) + value), _roff(one.help or ""))


def _roff(text: str) -> str:
    plain = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + plain if plain.startswith((".", "'")) else plain
