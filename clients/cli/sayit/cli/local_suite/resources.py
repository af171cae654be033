"""Which cores and how much memory this process may use, and how transcribers and threads are distributed over them.

Whisper's arithmetic fills a core's vector units, so hardware threads of one core add nothing and slow efficiency
cores delay the others: what counts is physical (on a Mac: performance) cores, within the affinity mask and the
container's CPU quota.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

#: Threads of one engine beyond which another transcriber gains more than another thread. (On two cores two transcribers
#: with one thread each decode a backlog a third faster than one with two; but a short file waits longer.)
MOST_USEFUL_THREADS = 2
#: What a transcriber with Whisper small and full batches takes at most, in bytes.
TRANSCRIBER_BYTES = 2_000_000_000
#: Size of Whisper small's weights on disk, in bytes.
_SMALL_BYTES = 483_500_000
#: Where Linux mounts control groups, and where it says which ones a process is in.
_CGROUPS, _OWN_GROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


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
    return len({_text(root / f"cpu{cpu}" / "topology" / "thread_siblings_list") or f"alone {cpu}" for cpu in allowed})


def cgroup_quota(root: Path = _CGROUPS, own: Path = _OWN_GROUPS) -> float | None:
    """CPUs that the container may use in the mean (cgroup v2 or v1), None without a limit; the tightest one counts."""
    quotas = []
    for group in _groups(root, own, "cpu"):
        words = _text(group / "cpu.max") or f"{_text(group / 'cpu.cfs_quota_us')} {_text(group / 'cpu.cfs_period_us')}"
        quota, _, period = words.partition(" ")
        if quota.isdigit() and period.isdigit():  # "max" and -1 are no limits
            quotas.append(int(quota) / int(period))
    return min(quotas, default=None)


def total_bytes(root: Path = _CGROUPS, own: Path = _OWN_GROUPS) -> int | None:
    """Memory of the machine, or of the container if that is less; None where it is unknown."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None
    return min([total, *(limit for limit, _ in _memory_limits(root, own))])


def free_bytes(root: Path = _CGROUPS, meminfo: Path = Path("/proc/meminfo"), own: Path = _OWN_GROUPS) -> int | None:
    """What new processes may take without others being swapped out; None where it is unknown.

    Where the system has no such figure (macOS), half of the memory.
    """
    total = total_bytes(root, own)
    if total is None:
        return None
    available = [line.split()[1] for line in _text(meminfo).splitlines() if line.startswith("MemAvailable:")]
    free = int(available[0]) * 1024 if available else total // 2
    return max(0, min([free, *(limit - used for limit, used in _memory_limits(root, own))]))


def _memory_limits(root: Path, own: Path) -> list[tuple[int, int]]:
    """Limits in bytes and what is used of them."""
    found = []
    for group in _groups(root, own, "memory"):
        limit = _text(group / "memory.max") or _text(group / "memory.limit_in_bytes")
        used = _text(group / "memory.current") or _text(group / "memory.usage_in_bytes")
        if limit.isdigit() and used.isdigit():  # "max" is no limit
            found.append((int(limit), int(used)))
    return found


def _groups(root: Path, own: Path, controller: str) -> set[Path]:
    """The folders of the control groups around this process that may limit a resource, of both versions.

    Inside a container the mount's own root is the container's group, whatever path the kernel names.
    """
    lines = (line.split(":", 2) for line in _text(own).splitlines())
    paths = {name: path for _, names, path in lines for name in names.split(",")}
    mounts = {root: paths.get("", "/")}
    mounts |= {root / name: paths.get(controller, "/") for name in (controller, f"{controller},cpuacct")}
    found = set(mounts)
    for mount, path in mounts.items():
        group = mount / path.lstrip("/")
        found |= {one for one in (group, *group.parents) if mount in one.parents}
    return found


def _text(path: Path) -> str:
    """What a file of the kernel says; empty where it is not there."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def cpu_info(name: str) -> str:
    """The value of this name for the first CPU on Linux; empty where there is none, and on other systems."""
    lines = _text(Path("/proc/cpuinfo")).splitlines()
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
