"""Keeps the memory that the model's calls use in the process, so that they do not fetch it anew each time.

A call of the model takes and frees hundreds of megabytes, in blocks that glibc gets from the kernel and gives back one
by one: with Whisper Small 1.5 GB of fresh pages for each window encoded, and each page is a fault. On two virtual cores
page faults took a third of all CPU time. One arena, no separately mapped blocks, and no trimming end it; the price is
that the memory of the largest call stays allocated.
"""

from __future__ import annotations

import ctypes
import platform

#: Options of mallopt(3), from malloc.h.
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8
#: Never.
_OFF = -1


def keep_memory() -> bool:
    """Sets the allocator of this process; call it before anything is imported that may start a thread.

    The first thread beside the main one fixes the number of arenas, even if it has ended; OpenTelemetry and
    CTranslate2 start some while they are imported. A thread in an arena of its own maps every large block anew,
    whatever is set: such an arena ends at 64 MB, and larger blocks are mapped.

    Returns:
        Whether there was something to set: only glibc has these options.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    settings = ((_ARENA_MAX, 1), (_MMAP_MAX, 0), (_TRIM_THRESHOLD, _OFF))
    taken = [libc.mallopt(option, value) == 1 for option, value in settings]
    return all(taken)
