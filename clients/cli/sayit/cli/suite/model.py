"""The model for a suite of this machine, with the download's progress on the terminal."""

from __future__ import annotations

import sys
from pathlib import Path

from sayit.cli.wording import note


def resolve(requested: str) -> tuple[str, Path]:
    """Name and folder of the model asked for, by name or path; empty takes the best that is here or can be fetched.

    Raises:
        SayItError: MODEL_NOT_AVAILABLE.
    """
    from sayit.transcriber import models  # noqa: PLC0415 - a service's package, needed only where a suite is started

    line = _OneLine()
    try:
        found = models.resolve(requested, say=note, progress=line.show)
    finally:
        line.end()
    return found.name, found.path


class _OneLine:
    """A line on the terminal that replaces itself; nothing at all in a pipe."""

    def __init__(self) -> None:
        self._length = 0

    def show(self, text: str) -> None:
        if sys.stderr.isatty():
            sys.stderr.write("\r" + text.ljust(self._length))
            sys.stderr.flush()
            self._length = len(text)

    def end(self) -> None:
        if self._length:
            sys.stderr.write("\n")
            sys.stderr.flush()
