"""Cores, and what is made of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sayit.cli.local_suite.resources import Workforce, cgroup_quota, free_bytes, physical_cores, usable_cores, workforce


@pytest.mark.parametrize(
    ("cores", "transcribers", "threads", "expected"),
    [
        (1, None, None, (1, 1)),
        (2, None, None, (2, 1)),
        (4, None, None, (2, 2)),
        (8, None, None, (4, 2)),
        (9, None, None, (4, 2)),
        (16, None, None, (8, 2)),
        (64, None, None, (32, 2)),
        (8, 4, None, (4, 2)),
        (8, 3, None, (3, 2)),
        (2, 4, None, (4, 1)),
        (8, None, 1, (8, 1)),
        (8, None, 16, (1, 16)),
        (2, 3, 4, (3, 4)),
    ],
)
def test_the_workforce_fits_the_cores(
    cores: int, transcribers: int | None, threads: int | None, expected: tuple[int, int]
) -> None:
    """What is given is kept; what is not is chosen so that transcribers × threads ≤ cores."""
    assert workforce(cores, transcribers=transcribers, threads=threads) == Workforce(
        transcribers=expected[0], threads=expected[1]
    )


@pytest.mark.parametrize("cores", range(2, 130))
def test_the_default_never_exceeds_the_cores(cores: int) -> None:
    """At least two transcribers, never more threads than cores."""
    chosen = workforce(cores)
    assert chosen.transcribers >= 2
    assert chosen.cores <= cores


@pytest.mark.parametrize(
    ("cores", "gigabytes", "expected"), [(8, 100.0, (4, 2)), (8, 4.5, (2, 4)), (8, 0.3, (1, 8)), (2, 3.5, (1, 2))]
)
def test_the_default_fits_the_memory(cores: int, gigabytes: float, expected: tuple[int, int]) -> None:
    """No more transcribers than fit, but one; what they leave of the cores becomes threads. Given numbers stay."""
    chosen = workforce(cores, memory_bytes=int(gigabytes * 1e9))
    assert (chosen.transcribers, chosen.threads) == expected
    assert workforce(cores, transcribers=3, memory_bytes=1).transcribers == 3


def test_hardware_threads_of_one_core_count_once(tmp_path: Path) -> None:
    """Eight logical CPUs on four cores are four; two of one core are one; unknown ones count for themselves."""
    for cpu in range(8):
        folder = tmp_path / f"cpu{cpu}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{cpu % 4},{cpu % 4 + 4}\n")
    assert physical_cores(set(range(8)), tmp_path) == 4
    assert physical_cores({1, 5}, tmp_path) == 1
    assert physical_cores({0, 1, 20, 21}, tmp_path) == 4


def test_a_containers_quota_is_found_in_cgroup_v2(tmp_path: Path) -> None:
    """The tightest limit of the group and the groups around it counts; "max" is none."""
    own = tmp_path / "own"
    own.write_text("0::/a/b\n")
    inner = tmp_path / "fs" / "a" / "b"
    inner.mkdir(parents=True)
    assert cgroup_quota(tmp_path / "fs", own) is None
    (inner / "cpu.max").write_text("max 100000\n")
    assert cgroup_quota(tmp_path / "fs", own) is None
    (inner.parent / "cpu.max").write_text("150000 100000\n")
    assert cgroup_quota(tmp_path / "fs", own) == 1.5
    (tmp_path / "fs" / "cpu.max").write_text("400000 100000\n")
    assert cgroup_quota(tmp_path / "fs", own) == 1.5


@pytest.mark.parametrize("mount", ["cpu", "cpu,cpuacct"])
def test_a_containers_quota_is_found_in_cgroup_v1(tmp_path: Path, mount: str) -> None:
    """Quota over period, whichever name the controller's folder has; -1 is none."""
    own = tmp_path / "own"
    own.write_text("4:cpu,cpuacct:/box\n")
    box = tmp_path / "fs" / mount / "box"
    box.mkdir(parents=True)
    (box / "cpu.cfs_quota_us").write_text("-1\n")
    (box / "cpu.cfs_period_us").write_text("100000\n")
    assert cgroup_quota(tmp_path / "fs", own) is None
    (box / "cpu.cfs_quota_us").write_text("200000\n")
    assert cgroup_quota(tmp_path / "fs", own) == 2.0


def test_a_mac_fills_its_performance_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Apple Silicon says how many it has; an Intel Mac knows only physical cores."""
    answers = {"hw.perflevel0.physicalcpu": "4\n", "hw.physicalcpu": "8\n"}

    def sysctl(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        answer = answers.get(command[-1], "")
        return subprocess.CompletedProcess(command, 0 if answer else 1, stdout=answer)

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(subprocess, "run", sysctl)
    assert usable_cores() == 4
    del answers["hw.perflevel0.physicalcpu"]
    assert usable_cores() == 8


def test_free_memory_is_the_tightest_of_machine_and_container(tmp_path: Path) -> None:
    """What the container has left counts if that is less than what the machine has; "max" is no limit."""
    meminfo = tmp_path / "meminfo"
    own = tmp_path / "none"
    meminfo.write_text("MemTotal: 9000 kB\nMemAvailable: 2000 kB\n")
    assert free_bytes(tmp_path, meminfo, own) == 2000 * 1024
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("5\n")
    assert free_bytes(tmp_path, meminfo, own) == 2000 * 1024
    (tmp_path / "memory.max").write_text("1000005\n")
    assert free_bytes(tmp_path, meminfo, own) == 1_000_000


def test_this_machine_has_cores() -> None:
    """Whatever it is."""
    assert usable_cores() >= 1
