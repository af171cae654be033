"""The model for a suite of this machine, with the download's progress on the terminal."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from sayit.cli.messages import localized, note

#: Seconds between two lines about a download, where they cannot replace one another.
PLAIN_LINES_S = 5.0


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
    """A line on the terminal that replaces itself; in a pipe a line every PLAIN_LINES_S."""

    def __init__(self) -> None:
        self._length = 0
        self._said_s = time.monotonic()

    def show(self, text: str) -> None:
        text = localized(text)
        if sys.stderr.isatty():
            sys.stderr.write("\r" + text.ljust(self._length))
            sys.stderr.flush()
            self._length = len(text)
        elif time.monotonic() - self._said_s >= PLAIN_LINES_S:
            note(text)
            self._said_s = time.monotonic()

    def end(self) -> None:
        if self._length:
            sys.stderr.write("\n")
            sys.stderr.flush()
