"""What is to be transcribed: files, folders of them, URLs, or standard input."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from sayit.cli.messages import LocalError

#: The argument that means standard input.
STDIN = "-"
#: What is taken of a folder, by the ending of its name.
_RECORDINGS = re.compile(
    r"\.(3gp|aac|aiff?|amr|avi|caf|flac|m4[ab]|mkv|mov|mp[34]|mpe?g|og[ag]|opus|wav|webm|wma)$", re.IGNORECASE
)


@dataclass(frozen=True, kw_only=True)
class Input:
    """One recording."""

    #: As the user wrote it, or its path in the user's folder; for messages.
    shown: str
    #: None for standard input and a URL.
    path: Path | None
    #: What the suite fetches itself; empty for the others.
    url: str = ""
    #: The sub-folder of the folder that it was found in, for its results; None for one that the user named.
    folder: Path | None = None

    @property
    def filename(self) -> str:
        """Name for the job."""
        return self._name.name

    @property
    def stem(self) -> str:
        """Name of a result without its suffix."""
        return self._name.stem

    @property
    def _name(self) -> Path:
        return self.path or Path(Path(unquote(urlsplit(self.url).path)).name or "stdin")

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
    """The inputs in order, those of folders by name; the same file twice is two, standard input is read once.

    Raises:
        ValueError: "-" is there twice, or a folder holds no recording.
    """
    if arguments.count(STDIN) > 1:
        raise ValueError("standard input (-) can be read only once")
    return [one for name in arguments for one in _of_argument(name)]


def _of_argument(name: str) -> Iterator[Input]:
    path = Path(name)
    if name.startswith(("https://", "http://")):
        yield Input(shown=name, path=None, url=name)
        return
    if name == STDIN or not path.is_dir():
        yield Input(shown=name, path=None if name == STDIN else path)
        return
    found = sorted(file for file in path.rglob("*") if _RECORDINGS.search(file.name) and file.is_file())
    if not found:
        raise ValueError(f"{name} holds no recording")
    for file in found:
        yield Input(shown=str(file), path=file, folder=file.parent.relative_to(path))
