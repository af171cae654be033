"""Several models in one suite: how they are asked for, and how many transcribers each of them gets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sayit.cli.exit_codes import Exit, Failure

#: Most transcribers of one model.
_MOST = 64


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A model as the command line names it."""

    #: Name or path; empty for the default.
    model: str
    #: Transcribers of it; None where the user does not say.
    transcribers: int | None


@dataclass(frozen=True, kw_only=True)
class Pool:
    """A model and the transcribers that hold it."""

    model: str
    folder: Path
    transcribers: int


def parse(given: Sequence[str]) -> tuple[Asked, ...]:
    """The models of `NAME|PATH[=N]`, the default one first; one without a name where none is given.

    Raises:
        Failure: the text behind the `=` is no number from 1 to 64.
    """
    return tuple(map(_parse, given)) or (Asked(model="", transcribers=None),)


def resolve_all(asked: Sequence[Asked], resolve: Callable[[str], tuple[str, Path]]) -> tuple[tuple[str, Path], ...]:
    """Name and folder of each.

    Args:
        asked: what the user named.
        resolve: finds one, or fetches it.

    Raises:
        Failure: two have the same name, so that a request could not say which one it means.
        SayItError: one is not there.
    """
    found = tuple(resolve(each.model) for each in asked)
    names = [name for name, _ in found]
    for name in names:
        if names.count(name) > 1:
            raise Failure(
                Exit.USAGE,
                f"Two models are called '{name}'. Name each once, with its number of transcribers ({name}=2); folders "
                "are called as their last part.",
            )
    return found


def others(asked: Sequence[Asked], found: Sequence[tuple[str, Path]]) -> tuple[Pool, ...]:
    """The models beside the default one; one without a number gets one transcriber."""
    return tuple(
        Pool(model=name, folder=folder, transcribers=each.transcribers or 1)
        for each, (name, folder) in zip(asked[1:], found[1:], strict=True)
    )


def of_default(first: Asked, transcribers: int | None) -> int | None:
    """The default model's transcribers, given with it or by --transcribers.

    Raises:
        Failure: both were given, and they differ.
    """
    if transcribers is not None and first.transcribers not in {None, transcribers}:
        raise Failure(
            Exit.USAGE,
            f"--transcribers {transcribers} are the default model's, and --model {first.model}={first.transcribers} "
            "says otherwise: give one of them.",
        )
    return first.transcribers if transcribers is None else transcribers


def _parse(text: str) -> Asked:
    name, separator, count = text.rpartition("=")
    if not separator or Path(text).expanduser().is_dir():
        return Asked(model=text, transcribers=None)
    if not (count.isascii() and count.isdigit() and 1 <= int(count) <= _MOST):
        raise Failure(Exit.USAGE, f"--model {text}: behind the = stands the number of transcribers, 1 to {_MOST}.")
    return Asked(model=name, transcribers=int(count))
