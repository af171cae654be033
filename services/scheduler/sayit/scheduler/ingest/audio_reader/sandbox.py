"""Removes the rights that the decoding child does not need, and ends it when its parent no longer waits."""

from __future__ import annotations

import contextlib
import os
import resource
import select
import sys
import threading

from sayit.scheduler.ingest.audio_reader import syscall_filter

#: How often the child checks its own memory, in seconds; RLIMIT_AS acts at once where the system enforces it.
_MEMORY_CHECK_S = 0.2
#: Descriptors: control socket, output, error output, the file, the status, and a few that libraries open in passing.
_MAX_FILES = 8
_WATCHER_STACK_BYTES = 262_144
#: The exit status of a child that found itself too large.
EXIT_MEMORY = 86


def confine(*, memory_mb: int, cpu_s: int) -> None:
    """Lowers this process's limits for good: memory, processor time, files, no writing, no core dump."""
    memory_bytes = memory_mb * 1024 * 1024
    _lower(resource.RLIMIT_AS, memory_bytes, memory_bytes)
    _lower(resource.RLIMIT_CPU, cpu_s, cpu_s + 2)  # the first bound kills; the second is for a child that ignores it
    _lower(resource.RLIMIT_FSIZE, 0, 0)
    _lower(resource.RLIMIT_NOFILE, _MAX_FILES, _MAX_FILES)
    _lower(resource.RLIMIT_CORE, 0, 0)


def lock_down(control_fd: int, *, memory_mb: int) -> None:
    """Leaves this process what it has open, memory and time; nothing new, and no way back.

    From now on a thread ends the process once the control socket's other end is closed or its memory has outgrown the
    limit: a killed parent cannot tell its child, and a decoder that is busy with a file would go on.
    """
    status_fd = open_status()
    syscall_filter.forbid_everything_new()
    threading.stack_size(_WATCHER_STACK_BYTES)
    threading.Thread(target=_watch, args=(control_fd, status_fd, memory_mb), daemon=True, name="watch").start()
    _lower(resource.RLIMIT_NPROC, 0, 0)  # no further thread or process, where the filter is not; root is not bound
    syscall_filter.allow_only_decoding()


def open_status() -> int | None:
    """What `resident_mb` reads, open: later it cannot be opened any more. None where there is no such file."""
    with contextlib.suppress(OSError):
        return os.open("/proc/self/status", os.O_RDONLY | os.O_CLOEXEC)
    return None


def resident_mb(status_fd: int | None) -> float:
    """The most memory this process has held so far, itself: Linux's ru_maxrss starts with what its parent held."""
    if status_fd is not None:
        for line in os.pread(status_fd, 4_096, 0).splitlines():
            if line.startswith(b"VmHWM:"):
                return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def _watch(control_fd: int, status_fd: int | None, memory_mb: int) -> None:
    while True:
        readable, _, _ = select.select([control_fd], [], [], _MEMORY_CHECK_S)
        if readable:  # nothing more is ever sent: this is the end of the stream
            os._exit(0)
        if resident_mb(status_fd) > memory_mb:
            os._exit(EXIT_MEMORY)


def _lower(limit: int, soft: int, hard: int) -> None:
    """Sets a limit, or the nearest one below the present hard limit; systems that refuse one keep the others."""
    _, present = resource.getrlimit(limit)
    if present != resource.RLIM_INFINITY:
        soft, hard = min(soft, present), min(hard, present)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(limit, (soft, hard))
