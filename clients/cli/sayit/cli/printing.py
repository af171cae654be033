"""Results on standard output: JSON for scripts, tables for people."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime


def as_json(value: object) -> None:
    """Prints a value of the domain, or a list of them, as one JSON document."""
    print(json.dumps(plain(value), ensure_ascii=False, indent=2))


def json_line(value: object) -> None:
    """Prints it on a line of its own, at once."""
    print(json.dumps(plain(value), ensure_ascii=False), flush=True)


def plain(value: object) -> object:
    """Dataclasses as objects, tuples as lists."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints a table; in a pipe the columns are as wide as they need to be, for `awk` and `cut`."""
    from rich.console import Console  # noqa: PLC0415 - rich takes a while to import
    from rich.table import Table  # noqa: PLC0415 - as above

    grid = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for name in head:
        grid.add_column(name, overflow="fold")
    for row in rows:
        grid.add_row(*row)
    Console(highlight=False, width=None if sys.stdout.isatty() else 1_000).print(grid)


def moment(epoch_s: float | None) -> str:
    """A time of day in the user's zone; a dash for none."""
    return "-" if epoch_s is None else datetime.fromtimestamp(epoch_s, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def seconds(value: float | None) -> str:
    """Seconds with one digit; a dash for none."""
    return "-" if value is None else f"{value:.1f} s"
