"""Results: rows for people, and for `results.json`."""

from __future__ import annotations

import json
import operator
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

#: How a value stands to its goal. What is only reported has no goal.
_COMPARISONS = {">=": operator.ge, "<=": operator.le, "<": operator.lt, ">": operator.gt}
REPORT = "report"


@dataclass(frozen=True, kw_only=True)
class Result:
    """One figure of one metric; a metric may have several rows (p50, p99)."""

    #: The metric's number in the table of docs/performance.md, 1 to 12.
    id: int
    name: str
    value: float
    unit: str
    #: What the bare model (or, where it says so, the bare mechanism) does in the same run; None where there is no such.
    reference: float | None = None
    goal: float | None = None
    #: ">=", "<=", "<", ">", or "report" where there is no goal.
    compare: str = REPORT

    def __post_init__(self) -> None:
        if (self.goal is None) != (self.compare == REPORT) or self.compare not in {*_COMPARISONS, REPORT}:
            raise ValueError(f"{self.name}: compare is {self.compare!r}, goal {self.goal}")

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None without one."""
        return None if self.goal is None else bool(_COMPARISONS[self.compare](self.value, self.goal))


def load(path: Path) -> list[Result]:
    """The rows of a file; none if there is no file.

    Raises:
        ValueError, TypeError: it holds something else.
    """
    if not path.exists():
        return []
    return [Result(**row) for row in json.loads(path.read_text(encoding="utf-8"))]


def merge(before: Iterable[Result], new: Sequence[Result]) -> list[Result]:
    """Both, by metric; a metric that was measured anew loses its old rows."""
    measured = {row.id for row in new}
    rows = [row for row in before if row.id not in measured] + list(new)
    return sorted(rows, key=lambda row: row.id)


def mean(turns: Sequence[Sequence[Result]]) -> list[Result]:
    """The same rows, measured several times, as one: a machine that is not alone changes its speed between turns."""
    rows = []
    for same in zip(*turns, strict=True):
        references = [row.reference for row in same if row.reference is not None]
        value, reference = statistics.fmean(row.value for row in same), statistics.fmean(references or [0.0])
        rows.append(replace(same[0], value=value, reference=reference if references else None))
    return rows


def save(path: Path, rows: Sequence[Result]) -> None:
    """Writes the file, one row a line."""
    lines = ",\n".join(json.dumps(asdict(row), ensure_ascii=False) for row in rows)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def markdown(rows: Iterable[Result]) -> str:
    """The rows as a table."""
    lines = ["| # | Metric | Value | Bare | Goal | |", "|---|---|---|---|---|---|"]
    for row in rows:
        bare = "" if row.reference is None else _figure(row.reference, row.unit)
        goal = "" if row.goal is None else f"{_SIGNS[row.compare]} {_figure(row.goal, row.unit)}"
        verdict = {None: "", True: "met", False: "missed"}[row.met]
        lines.append(f"| {row.id} | {row.name} | {_figure(row.value, row.unit)} | {bare} | {goal} | {verdict} |")
    return "\n".join(lines) + "\n"


_SIGNS = {">=": "≥", "<=": "≤", "<": "<", ">": ">"}


def _figure(value: float, unit: str) -> str:
    digits = 0 if abs(value) >= 100 or value == int(value) else 2 if abs(value) >= 1 else 3
    return f"{value:,.{digits}f} {unit}".rstrip()
