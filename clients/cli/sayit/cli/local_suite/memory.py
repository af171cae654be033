"""How much memory this machine, or this container, has, and how much of it is free."""

from __future__ import annotations

import os
from pathlib import Path

#: Of a control group: limit and use, version 2 and version 1.
_CGROUP = (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"))


def total_bytes(root: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Of the machine, or of the container if that is less; None where it is unknown."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None
    return min([total, *(limit for limit, _ in _limits(root))])


def free_bytes(root: Path = Path("/sys/fs/cgroup"), meminfo: Path = Path("/proc/meminfo")) -> int | None:
    """What new processes may take without others being swapped out; None where it is unknown.

    Where the system has no such figure (macOS), half of the memory.
    """
    total = total_bytes(root)
    if total is None:
        return None
    left = [limit - used for limit, used in _limits(root)]
    try:
        lines = meminfo.read_text(encoding="ascii").splitlines()
        [available] = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    except (OSError, ValueError):
        available = total // 2
    return max(0, min([available, *left]))


def _limits(root: Path) -> list[tuple[int, int]]:
    """Limits in bytes and what is used of them."""
    found = []
    for limit, used in _CGROUP:
        try:
            found.append((int((root / limit).read_text()), int((root / used).read_text())))
        except (OSError, ValueError):  # "max" is no limit
            continue
    return found
