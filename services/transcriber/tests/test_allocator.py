"""What the allocator's settings are for."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

#: Takes and frees as the model does, in a thread; prints the pages that were fetched for it after the first time.
PROGRAM = """
import resource, sys, threading
if sys.argv[1] == "keep":
    # What the process does: nothing that starts a thread may be imported before.
    from sayit.transcriber.__main__ import keep_memory
    assert keep_memory()
import sayit.transcriber.program, sayit.transcriber.service
import numpy as np

def take():
    for size in (5, 40, 130, 70):
        np.ones(size << 18, np.float32)

def work():
    take()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(3):
        take()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

thread = threading.Thread(target=work)
thread.start()
thread.join()
"""

#: As `sayit up` sets it for all its parts.
ENVIRONMENT = {**os.environ, "MALLOC_ARENA_MAX": "2"}


def _faults(how: str) -> int:
    command = [sys.executable, "-c", PROGRAM, how]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env=ENVIRONMENT)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's allocator has these settings")
def test_memory_is_kept() -> None:
    """Blocks of the sizes that a model takes are fetched from the kernel once, not each time, by any thread.

    Libraries that start threads while they are imported must not come before the setting.
    """
    assert _faults("keep") * 20 < _faults("leave")
