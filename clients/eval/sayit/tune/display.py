"""The table of results, which grows while settings are measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table

from sayit.cli import printer
from sayit.cli.local_suite.tuned import Setting
from sayit.tune.grid import MeasuredSetting

#: Shows what is measured, and the setting that is measured now.
Show = Callable[[Sequence[MeasuredSetting], Setting | None], None]
_COLUMNS = ("WORKERS", "THREADS", "BATCH", "COMPUTE TYPE", "8 S FILE", "× REAL TIME", "MEMORY")


def table(
    trials: Sequence[MeasuredSetting], now: Setting | None = None, chosen: MeasuredSetting | None = None
) -> Table:
    """All trials; the chosen one is bold."""
    grid = printer.grid()
    for column in _COLUMNS:
        grid.add_column(column, justify="left" if column == "COMPUTE TYPE" else "right", no_wrap=True)
    grid.add_column("")
    for measured in trials:
        grid.add_row(*_cells(measured), style="bold" if measured is chosen else "")
    if now is not None:
        grid.add_row(*_setting(now), "", "", "", "measuring ...", style="dim")
    return grid


@contextmanager
def live(console: Console) -> Iterator[Show]:
    """A table on the terminal that follows; in a pipe nothing until the end."""
    if not console.is_terminal:
        yield lambda trials, now: None  # noqa: ARG005 - nothing is shown
        return
    with Live(table(()), console=console, transient=True, refresh_per_second=4) as shown:
        yield lambda trials, now: shown.update(table(trials, now))


def _setting(setting: Setting) -> tuple[str, str, str, str]:
    return str(setting.transcribers), str(setting.threads), str(setting.batch), setting.compute_type


def _cells(measured: MeasuredSetting) -> tuple[str, ...]:
    figures = measured.figures
    if figures is None:
        return (*_setting(measured.setting), "", "", "", measured.reason)
    memory = f"{measured.setting.transcribers} × {figures.rss_mb:.0f} MB"
    return (*_setting(measured.setting), f"{figures.latency_s:.2f} s", f"{figures.speed:.1f}", memory, "")
