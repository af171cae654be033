"""The parts' log files: opened, kept from growing without end, read at their end, and followed on the console."""

from __future__ import annotations

import asyncio
import functools
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

#: A log larger than this is put aside (one generation), when its part starts and while it runs, in bytes.
ROTATE_ABOVE = 10 * 1024 * 1024
_ROTATE_EVERY_S = 60.0
_FOLLOW_EVERY_S = 0.2


def path_of(folder: Path, part: str) -> Path:
    """Where the part logs."""
    return folder / f"{part}.log"


def opened(path: Path) -> BinaryIO:
    """The log, open for appending; one that is too large is put aside first."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > ROTATE_ABOVE:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")


def rotate(path: Path, *, above: int = ROTATE_ABOVE) -> None:
    """Copies a log that is too large aside and empties it: its part keeps it open, and goes on at its new end.

    A line that is written between the two is lost; a part that ends and starts again loses none.
    """
    if path.exists() and path.stat().st_size > above:
        shutil.copy(path, path.with_suffix(".log.1"))  # and its mode: only the suite's user reads it
        with path.open("r+b") as log:
            log.truncate()


async def keep_small(folder: Path, parts: Sequence[str]) -> None:
    """Puts logs aside that grow too large, until cancelled."""
    while True:
        await asyncio.sleep(_ROTATE_EVERY_S)
        for part in parts:
            await asyncio.to_thread(rotate, path_of(folder, part))


def last_lines(path: Path, count: int, *, since: int = 0) -> list[str]:
    """The last lines that are not empty, written after byte `since`; none if there is no log."""
    try:
        with path.open("rb") as log:
            end = log.seek(0, 2)
            log.seek(max(since if since <= end else 0, end - 64 * 1024))
            lines = log.read().decode(errors="replace").splitlines()
    except OSError:
        return []
    return [line for line in lines if line.strip()][-count:]


async def follow(folder: Path, parts: Sequence[str], show: Callable[[str, str], None]) -> None:
    """Shows (part, line) for everything that is written from now on, until cancelled."""
    positions = {part: _size(path_of(folder, part)) for part in parts}
    while True:
        for part in parts:
            positions[part] = _show_new(path_of(folder, part), positions[part], functools.partial(show, part))
        await asyncio.sleep(_FOLLOW_EVERY_S)


def _show_new(path: Path, position: int, show: Callable[[str], None]) -> int:
    size = _size(path)
    if size == position:
        return position
    if size < position:
        position = 0  # the log was put aside
    with path.open("rb") as log:
        log.seek(position)
        block = log.read(size - position)
    whole, newline, _ = block.rpartition(b"\n")
    for line in whole.decode(errors="replace").splitlines():
        show(line)
    return position + len(whole) + len(newline)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
