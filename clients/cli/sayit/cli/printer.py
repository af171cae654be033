"""Results on standard output: JSON for scripts, tables for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.table import Table

T = TypeVar("T")


def as_json(value: object) -> None:
    """Prints a value of the domain, or several, as one JSON document."""
    print(_document(value))


def json_line(value: object) -> None:
    """Prints it on a line of its own, at once."""
    print(json.dumps(value, ensure_ascii=False, default=vars), flush=True)


def table_or_json(
    values: Sequence[T], head: Sequence[str], row: Callable[[T], Sequence[str]], *, as_json: bool
) -> None:
    """Prints values, for people with a row each, or for scripts."""
    if as_json:
        print(_document(values))
    else:
        table(head, map(row, values))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints a table; in a pipe the columns are as wide as they need to be, for `awk` and `cut`."""
    found = grid()
    for name in head:
        found.add_column(name, overflow="fold")
    for row in rows:
        found.add_row(*row)
    show(found)


def grid() -> Table:
    """An empty table."""
    from rich.table import Table  # noqa: PLC0415 - rich takes a while to import

    return Table(box=None, pad_edge=False, header_style="bold", show_edge=False)


def show(found: Table) -> None:
    """Prints a table that is made already."""
    from rich.console import Console  # noqa: PLC0415 - as above

    Console(highlight=False, width=None if sys.stdout.isatty() else 1_000).print(found)


def moment(epoch_s: float | None) -> str:
    """A time of day in the user's zone; a dash for none."""
    return "-" if epoch_s is None else datetime.fromtimestamp(epoch_s, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def seconds(value: float | None) -> str:
    """Seconds with one digit; a dash for none."""
    return "-" if value is None else f"{value:.1f} s"


def _document(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, default=vars)
