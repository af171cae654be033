"""How many cores this process may use, and how transcribers and threads are distributed over them.

Whisper's arithmetic fills a core's vector units, so hardware threads of one core add nothing and slow efficiency
cores delay the others: what counts is physical (on a Mac: performance) cores, within the affinity mask and the
container's CPU quota.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

#: Threads of one engine beyond which another transcriber gains more than another thread. (On two cores two transcribers
#: with one thread each decode a backlog a third faster than one with two; but a short file waits longer.)
MOST_USEFUL_THREADS = 2
#: What a transcriber with Whisper small and full batches takes at most, in bytes.
TRANSCRIBER_BYTES = 2_000_000_000
#: Size of Whisper small's weights on disk, in bytes.
_SMALL_BYTES = 483_500_000


@dataclass(frozen=True, kw_only=True)
class Workforce:
    """How many transcribers with how many threads each."""

    transcribers: int
    threads: int

    @property
    def cores(self) -> int:
        """Cores that are busy when all transcribers are."""
        return self.transcribers * self.threads


def workforce(
    cores: int,
    *,
    transcribers: int | None = None,
    threads: int | None = None,
    memory_bytes: int | None = None,
    each_bytes: int = TRANSCRIBER_BYTES,
    beside: int = 0,
) -> Workforce:
    """Transcribers and threads for this many cores: given values are kept, the others are chosen to fit.

    Where neither is given and memory is known, there are no more transcribers than fit into it.

    Args:
        cores: to be filled.
        transcribers: the user's number, if given.
        threads: the user's number, if given.
        memory_bytes: what the transcribers may take.
        each_bytes: what one of them takes.
        beside: transcribers of other models, with as many threads each.
    """
    if transcribers is None and threads is None:
        transcribers = min(cores, max(2, cores // MOST_USEFUL_THREADS)) - beside
        if memory_bytes is not None:
            transcribers = min(transcribers, memory_bytes // each_bytes)
        transcribers = max(1, transcribers)
    if transcribers is None:
        transcribers = max(1, cores // (threads or 1) - beside)
    if threads is None:
        threads = max(1, cores // (transcribers + beside))
    return Workforce(transcribers=transcribers, threads=threads)


def transcriber_bytes(model: Path) -> int:
    """What a transcriber with the model in this folder takes: Whisper small's need, more by as much as it is larger.

    An upper estimate: weights and caches grow alike, a process's fixed memory does not.
    """
    try:
        size = (model / "model.bin").stat().st_size
    except OSError:
        return TRANSCRIBER_BYTES
    return max(TRANSCRIBER_BYTES, TRANSCRIBER_BYTES * size // _SMALL_BYTES)


def usable_cores() -> int:
    """Cores that transcribers may fill, at least 1."""
    if sys.platform == "darwin":
        return _mac_cores()
    allowed = os.sched_getaffinity(0)
    cores = physical_cores(allowed)
    quota = cgroup_quota()
    return max(1, cores if quota is None else min(cores, int(quota)))


def physical_cores(allowed: set[int], root: Path = Path("/sys/devices/system/cpu")) -> int:
    """Physical cores behind the logical CPUs `allowed`, from Linux' sysfs; one per CPU where sysfs lacks them."""
    return len({_siblings(cpu, root) for cpu in allowed})


def _siblings(cpu: int, root: Path) -> str:
    try:
        return (root / f"cpu{cpu}" / "topology" / "thread_siblings_list").read_text(encoding="ascii").strip()
    except OSError:
        return f"alone {cpu}"


def cgroup_quota(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> float | None:
    """CPUs that the container may use in the mean (cgroup v2 or v1), None without a limit."""
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    paths = {controllers: path for _, controllers, path in (line.split(":", 2) for line in lines)}
    one = [_v1_quotas(root / mount, paths) for mount in ("cpu", "cpu,cpuacct")]
    quotas = [*_v2_quotas(root, paths.get("", "/")), *(quota for found in one for quota in found)]
    return min(quotas, default=None)


def _v2_quotas(root: Path, path: str) -> list[float]:
    """The limits of the group and of all groups around it: the tightest one counts."""
    group = root / path.lstrip("/")
    found = []
    for folder in (group, *group.parents):
        try:
            quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
            if quota != "max":
                found.append(int(quota) / int(period))
        except (OSError, ValueError):
            pass
        if folder == root:
            break
    return found


def _v1_quotas(root: Path, paths: Mapping[str, str]) -> list[float]:
    path = next((path for controllers, path in paths.items() if "cpu" in controllers.split(",")), "/")
    for folder in (root / path.lstrip("/"), root):
        try:
            quota = int((folder / "cpu.cfs_quota_us").read_text(encoding="ascii"))
            period = int((folder / "cpu.cfs_period_us").read_text(encoding="ascii"))
        except (OSError, ValueError):
            continue
        return [quota / period] if quota > 0 else []
    return []


def cpu_info(name: str) -> str:
    """The value of this name for the first CPU on Linux; empty where there is none, and on other systems."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


def sysctl(name: str) -> str:
    """The value of this name on macOS; empty where there is none."""
    answer = subprocess.run(["/usr/sbin/sysctl", "-n", name], capture_output=True, text=True, check=False)
    return answer.stdout.strip() if answer.returncode == 0 else ""


def _mac_cores() -> int:
    for name in ("hw.perflevel0.physicalcpu", "hw.physicalcpu"):
        if sysctl(name).isdigit():
            return max(1, int(sysctl(name)))
    return max(1, os.cpu_count() or 1)
