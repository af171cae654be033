"""The pictures: drawn from what was measured, small enough to commit."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.load.report import Outcome, report


@pytest.fixture
def plots() -> Any:
    """The module, imported where it is used: every worker would wait for its matplotlib."""
    return importlib.import_module("benchmarks.plots")


def test_pictures_are_drawn_from_the_measurements(plots: Any, tmp_path: Path) -> None:
    """One for scaling, two for load; a load in which nothing completed has no latency and spoils nothing."""
    scaling = [{"transcribers": count, "speed": 7.0 * count, "rss_mb": 900.0} for count in (1, 2)]
    (tmp_path / "scaling.json").write_text(json.dumps({"about": "made up", "points": scaling}))
    done = Outcome(audio_s=60, late_s=0.0, first_text_s=2.0, done_s=10.0)
    failed = Outcome(audio_s=60, late_s=0.0, error="TIMEOUT")
    loads = [report(outcomes, wall_s=60.0, duration_s=30.0).as_dict() for outcomes in ([done], [done, done], [failed])]
    (tmp_path / "load.json").write_text(json.dumps({"about": "made up", "points": loads}))
    pictures = plots.draw_all(tmp_path)
    assert [path.name for path in pictures] == ["scaling.png", "throughput.png", "latency.png"]
    for path in pictures:
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size < 100_000


def test_axes_say_what_they_show_and_in_which_unit(plots: Any) -> None:
    """Of every picture."""
    loads = [
        report([Outcome(audio_s=60, late_s=0.0, first_text_s=2.0, done_s=9.0)], wall_s=60, duration_s=30).as_dict()
    ]
    scaling = [{"transcribers": 1.0, "speed": 7.0}]
    for draw, found in ((plots.draw_scaling, scaling), (plots.draw_throughput, loads), (plots.draw_latency, loads)):
        figure, axes = plots.plt.subplots()
        draw(axes, found)
        assert "second" in axes.get_ylabel() or "(s)" in axes.get_ylabel()
        assert axes.get_xlabel()
        plots.plt.close(figure)
