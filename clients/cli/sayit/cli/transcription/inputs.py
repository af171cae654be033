"""What is to be transcribed: files, or standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sayit.cli.messages import LocalError

#: The argument that means standard input.
STDIN = "-"


@dataclass(frozen=True, kw_only=True)
class Input:
    """One recording."""

    #: As the user wrote it; for messages.
    shown: str
    #: None for standard input.
    path: Path | None

    @property
    def filename(self) -> str:
        """Name for the job."""
        return self.path.name if self.path else "stdin"

    @property
    def stem(self) -> str:
        """Name of a result without its suffix."""
        return self.path.stem if self.path else "stdin"

    def audio(self) -> Path | BinaryIO:
        """The audio for the SDK."""
        return self.path or sys.stdin.buffer

    def check(self) -> None:
        """Checks that the file is there, before a suite is started for it.

        Raises:
            LocalError: it is not, or cannot be read.
        """
        if self.path is None:
            return
        if not self.path.exists():
            raise LocalError("FILE_NOT_FOUND")
        if self.path.is_dir() or not os.access(self.path, os.R_OK):
            raise LocalError("FILE_UNREADABLE")


def of_arguments(arguments: Sequence[str]) -> list[Input]:
    """The inputs in order; the same file twice is transcribed twice, standard input only once.

    Raises:
        ValueError: "-" is there twice.
    """
    if arguments.count(STDIN) > 1:
        raise ValueError("standard input (-) can be read only once")
    return [Input(shown=name, path=None if name == STDIN else Path(name)) for name in arguments]
