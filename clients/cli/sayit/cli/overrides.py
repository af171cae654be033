"""Options that the command line takes as text: lists, and fields of `Options` as KEY=VALUE."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args, get_origin, get_type_hints

from sayit.cli.exit_codes import Exit, Failure
from sayit.cli.messages import error_line
from sayit.speech.errors import SayItError
from sayit.speech.jobs import check_labels
from sayit.speech.options import DecodingOverrides


def separated(text: str) -> tuple[str, ...]:
    """What commas separate; nothing for an empty text."""
    return tuple(filter(None, (part.strip() for part in text.split(","))))


def readers_of(kind: type) -> dict[str, Callable[[str], Any]]:
    """How the value of each field of a class is read."""
    return {name: _reader(hint) for name, hint in get_type_hints(kind).items()}


def pairs(flag: str, texts: Sequence[str], readers: Mapping[str, Callable[[str], Any]]) -> dict[str, Any]:
    """Values that were given as KEY=VALUE.

    Raises:
        Failure: one is not.
    """
    values = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            values[name] = readers[name](value)
        except (KeyError, ValueError):
            possible = ", ".join(readers)
            raise Failure(Exit.USAGE, f"{flag} {text}: write KEY=VALUE; keys are {possible}") from None
    return values


def _reader(hint: Any) -> Callable[[str], Any]:
    """Of `X`, `X | None`, or `tuple[X, ...]`."""
    one = next(iter(get_args(hint)), hint)
    if get_origin(hint) is tuple:
        return lambda text: tuple(map(one, separated(text)))
    return _flag if one is bool else one


def _flag(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


def labels(texts: Sequence[str]) -> dict[str, str]:
    """Labels that were given as NAME=VALUE.

    Raises:
        Failure: they are none.
    """
    found = dict(text.partition("=")[::2] for text in texts)
    try:
        check_labels(found)
    except SayItError as error:
        raise Failure(Exit.USAGE, error_line("sayit", error)) from None
    return found


#: Decode options, and how the value of each is read.
DECODE_READERS = readers_of(DecodingOverrides)
