"""`sayit tune`: what is tried, what is best, what `sayit up` makes of it; and once with the real micro model."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from clients.cli.tests.helper import eventually
from sayit.cli.local_suite import tuned
from sayit.cli.local_suite.plan import SuiteOptions, plan
from sayit.cli.local_suite.resources import Workforce
from sayit.cli.local_suite.tuned import Figures, Goal, Setting, chosen
from sayit.tune.grid import MeasuredSetting, best, compute_candidates, memory_mb, shape_candidates
from sayit.tune.measurement import NotMeasuredError
from sayit.tune.search import Search

SETTING = Setting(transcribers=2, threads=1, batch=8, compute_type="int8")


def trial(
    latency_s: float, speed: float, rss_mb: float = 500, transcribers: int = 2, batch: int = 8
) -> MeasuredSetting:
    """A measured setting."""
    return MeasuredSetting(
        setting=replace(SETTING, transcribers=transcribers, batch=batch),
        figures=Figures(latency_s=latency_s, speed=speed, rss_mb=rss_mb),
    )


def search(folder: Path, *, budget_s: float = 100.0, free_mb: float | None = None, **speeds: float) -> Search:
    """A search on a model of 100 MB whose compute types have these speeds; the others cannot be loaded."""
    (folder / "model.bin").write_bytes(b"")
    os.truncate(folder / "model.bin", 100_000_000)

    async def measure(setting: Setting, _: Path) -> Figures:
        if setting.compute_type not in speeds:
            raise NotMeasuredError("unknown")
        speed = speeds[setting.compute_type] * setting.transcribers * (1 + 0.1 * setting.batch)
        return Figures(latency_s=1 / setting.threads, speed=speed, rss_mb=400)

    return Search(
        folder=folder,
        goal=Goal.THROUGHPUT,
        budget_s=budget_s,
        free_mb=free_mb,
        measure=measure,
        show=lambda trials, now: None,
    )


def test_every_division_of_the_cores_is_tried_with_every_batch() -> None:
    """Transcribers × threads never exceed the cores; compute types are compared alike in everything else."""
    shapes = {(each.transcribers, each.threads) for each in shape_candidates(8, "int8")}
    assert shapes == {(8, 1), (4, 2), (2, 4), (1, 8)}
    assert {each.batch for each in shape_candidates(8, "int8")} == {1, 4, 8}
    assert {(each.transcribers, each.threads) for each in shape_candidates(3, "int8")} == {(3, 1), (1, 2)}
    assert [each.compute_type for each in compute_candidates(2, {"float32", "int8", "int16"})] == ["int8", "float32"]
    assert [each.compute_type for each in compute_candidates(2, ())] == ["default"]


def test_the_goal_decides_which_is_best() -> None:
    """Latency and speed each find their own; among equals the other figure decides, then memory."""
    quick, fast = trial(1.0, 10.0), trial(2.0, 16.0)
    assert best([quick, fast], Goal.LATENCY) is quick
    assert best([quick, fast], Goal.THROUGHPUT) is fast
    quick_and_faster = trial(1.01, 12.0)
    assert best([quick, quick_and_faster, fast], Goal.LATENCY) is quick_and_faster
    small = trial(2.0, 16.0, rss_mb=300)
    assert best([fast, small], Goal.THROUGHPUT) is small
    assert best([MeasuredSetting(setting=SETTING, reason="no time")], Goal.LATENCY) is None


def test_memory_is_guessed_from_the_likest_measured_setting() -> None:
    """Before anything is measured from the size of the weights, then from what was seen."""
    assert memory_mb(SETTING, 250_000_000, []) > 2 * 500
    seen = [trial(1, 1, rss_mb=600, batch=8), trial(1, 1, rss_mb=400, batch=1)]
    assert memory_mb(SETTING, 250_000_000, seen) == 1200
    assert memory_mb(replace(SETTING, batch=1), 250_000_000, seen) == 800


async def test_the_best_compute_type_is_tried_in_every_shape(tmp_path: Path) -> None:
    """A type that cannot be loaded is named with its reason and does not stop the others."""
    finding = search(tmp_path, int8=10.0, float32=4.0)
    found = await finding.run(2, ("bfloat16", "float32", "int8"))
    assert found is not None
    assert found.setting == SETTING
    assert [each.reason for each in finding.trials if each.setting.compute_type == "bfloat16"] == ["unknown"]
    assert len([each for each in finding.trials if each.figures and each.setting.compute_type == "int8"]) == 6
    assert len({each.setting for each in finding.trials}) == len(finding.trials)


async def test_what_does_not_fit_in_memory_or_time_is_skipped_with_a_reason(tmp_path: Path) -> None:
    """Two transcribers are too much for 500 MB, one is not; without time only the first setting is measured."""
    tight = search(tmp_path, free_mb=750, int8=10.0)
    found = await tight.run(2, ("int8",))
    assert found is not None
    assert found.setting.transcribers == 1
    assert "would take" in tight.trials[0].reason
    late = search(tmp_path, budget_s=-1, int8=10.0)
    assert await late.run(2, ("int8",)) is late.trials[0]
    assert {each.reason for each in late.trials[1:]} == {"no time left"}


def write_tuned(data: Path, folder: Path, model: str = "mine") -> tuned.Tuned:
    """A tuned setting for this machine, with a model of three bytes."""
    (folder / "model.bin").write_bytes(b"abc")
    value = tuned.Tuned(
        goal=Goal.LATENCY,
        setting=replace(SETTING, transcribers=3, compute_type="float32"),
        figures=Figures(latency_s=1.0, speed=10.0, rss_mb=500.0, short_windows=False),
        fingerprint=tuned.fingerprint(model, folder),
        measured_s=1.7e9,
    )
    tuned.write(data, value)
    return value


def test_a_suite_takes_the_tuned_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers, threads, batch, compute type and windows; what the user says wins: in a flag, a variable, a file."""
    for name in ("SAYIT_BATCH", "SAYIT_COMPUTE_TYPE", "SAYIT_SHORT_WINDOWS", "SAYIT_SETTINGS_FILE"):
        monkeypatch.delenv(name, raising=False)
    value = write_tuned(tmp_path, tmp_path)
    assert tuned.read(tmp_path) == value
    said: list[str] = []
    workers, variables = chosen(tmp_path, "mine", tmp_path, transcribers=None, threads=None, say=said.append)
    assert workers == Workforce(transcribers=3, threads=1)
    assert variables == {"SAYIT_BATCH": "8", "SAYIT_COMPUTE_TYPE": "float32", "SAYIT_SHORT_WINDOWS": "0"}
    assert "Tuned for latency" in said[0]
    workers, variables = chosen(tmp_path, "mine", tmp_path, transcribers=1, threads=1, say=said.append)
    assert (workers.transcribers, workers.threads) == (1, 1)
    assert variables["SAYIT_COMPUTE_TYPE"] == "float32"
    parts = plan(
        SuiteOptions(
            data=tmp_path,
            listen="127.0.0.1:0",
            workforce=workers,
            model="mine",
            model_folder=tmp_path,
            grace_s=1.0,
            tuned=variables,
        )
    ).parts
    told = {part.name: part.environment.get("SAYIT_COMPUTE_TYPE") for part in parts}
    assert told["transcriber-1"] == "float32"
    (tmp_path / "settings").write_text("SAYIT_BATCH=2\n")
    monkeypatch.setenv("SAYIT_SETTINGS_FILE", str(tmp_path / "settings"))
    monkeypatch.setenv("SAYIT_COMPUTE_TYPE", "int8")
    left = chosen(tmp_path, "mine", tmp_path, transcribers=None, threads=None, say=said.append)[1]
    assert left == {"SAYIT_SHORT_WINDOWS": "0"}


def test_a_setting_for_another_model_or_machine_is_ignored_with_a_notice(tmp_path: Path) -> None:
    """Another model, another size of it, other cores, a broken file: the defaults, and a word about the first three."""
    value = write_tuned(tmp_path, tmp_path)
    said: list[str] = []
    _, variables = chosen(tmp_path, "another", tmp_path, transcribers=2, threads=1, say=said.append)
    assert variables == {}
    assert "measured with the model mine" in said[0]
    tuned.write(tmp_path, replace(value, fingerprint=replace(value.fingerprint, cores=999)))
    chosen(tmp_path, "mine", tmp_path, transcribers=2, threads=1, say=said.append)
    assert "another machine" in said[1]
    for broken in ("", "[]", '{"version": 1}', '{"version": 99}'):
        (tmp_path / tuned.FILE).write_text(broken)
        assert tuned.read(tmp_path) is None


def start(data: Path, *arguments: str) -> subprocess.Popen[str]:
    """`sayit tune` with the bundled model on one core."""
    command = [sys.executable, "-m", "sayit.cli", "tune", "--model", "micro", "--cores", "1", "--data", str(data)]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SAYIT_")}
    return subprocess.Popen(
        [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean
    )


def test_tuning_measures_real_processes_and_writes_the_best(tmp_path: Path) -> None:
    """One setting within a second's budget: a table on standard output, the setting in the data folder."""
    process = start(tmp_path, "--budget", "1", "--json")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    first = json.loads(out)["trials"][0]["figures"]
    assert first["latency_s"] > 0
    assert first["speed"] > 1
    assert first["rss_mb"] > 50
    written = tuned.read(tmp_path)
    assert written is not None
    assert written.fingerprint.model == "micro"
    assert "Best for throughput: 1 × 1 thread(s)" in err


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    """Neither a process nor a setting."""
    process = start(tmp_path)
    children: list[psutil.Process] = []

    def has_children() -> bool:
        children.extend(psutil.Process(process.pid).children(recursive=True))
        return bool(children)

    eventually(has_children, 60)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert psutil.wait_procs(children, timeout=10)[1] == []
    assert not (tmp_path / tuned.FILE).exists()
