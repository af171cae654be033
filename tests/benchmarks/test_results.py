"""The results' file, table and page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import documentation, results
from benchmarks.results import Result

ROWS = [
    Result(id=2, name="efficiency", value=0.9, unit="", reference=1.0, goal=0.95, compare=">="),
    Result(id=9, name="bytes", value=70_123.0, unit="B", reference=32_000.0),
]


def test_the_file_is_a_list_of_rows_with_seven_fields(tmp_path: Path) -> None:
    """What was written is read again; a missing file holds none."""
    path = tmp_path / "results.json"
    assert results.load(path) == []
    results.save(path, ROWS)
    assert results.load(path) == ROWS
    rows = json.loads(path.read_text())
    assert [set(row) for row in rows] == [{"id", "name", "value", "unit", "reference", "goal", "compare"}] * 2


def test_a_metric_measured_anew_loses_its_old_rows() -> None:
    """All of them, as names may have changed; others stay, in order."""
    new = [Result(id=9, name="octets", value=1.0, unit="B"), Result(id=1, name="speed", value=7.0, unit="s/s")]
    assert [(row.id, row.name) for row in results.merge(ROWS, new)] == [(1, "speed"), (2, "efficiency"), (9, "octets")]


def test_turns_are_averaged() -> None:
    """Value and reference each; a row without a reference keeps none."""
    turns = [
        [
            Result(id=1, name="speed", value=one, unit="s/s", reference=one + 1),
            Result(id=6, name="gap", value=one, unit=""),
        ]
        for one in (7.0, 9.0)
    ]
    speed, gap = results.mean(turns)
    assert (speed.name, speed.value, speed.reference) == ("speed", 8.0, 9.0)
    assert (gap.value, gap.reference) == (8.0, None)


@pytest.mark.parametrize(
    ("value", "compare", "goal", "met"),
    [(0.95, ">=", 0.95, True), (0.9, ">=", 0.95, False), (5.0, "<", 5.0, False), (0.0, "<=", 0.0, True)],
)
def test_goals_are_met_or_missed(value: float, compare: str, goal: float, met: bool) -> None:
    """As the comparison says."""
    assert Result(id=1, name="x", value=value, unit="", goal=goal, compare=compare).met is met


def test_a_goal_needs_a_comparison_and_the_other_way_round() -> None:
    """What is only reported says so."""
    assert ROWS[1].met is None
    with pytest.raises(ValueError, match="compare"):
        Result(id=1, name="x", value=1.0, unit="", goal=1.0)
    with pytest.raises(ValueError, match="compare"):
        Result(id=1, name="x", value=1.0, unit="", compare=">=")


def test_the_page_takes_its_figures_from_the_results(tmp_path: Path) -> None:
    """Only what stands between the marks changes, and filling twice changes nothing."""
    empty = f"# Performance\n{documentation.BEGIN}\nold\n{documentation.END}\nafter\n"
    assert "Nothing was measured" in documentation.section(tmp_path)
    results.save(tmp_path / "results.json", ROWS)
    figures = documentation.section(tmp_path)
    assert "| 2 | efficiency | 0.900 | 1 | ≥ 0.950 | missed |" in figures
    once = documentation.filled(empty, figures)
    assert "old" not in once
    assert once.startswith("# Performance\n")
    assert once.endswith("\nafter\n")
    assert documentation.filled(once, figures) == once
    with pytest.raises(ValueError, match="marks"):
        documentation.filled("nothing", figures)
