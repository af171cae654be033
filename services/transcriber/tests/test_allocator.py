"""What the allocator's settings are for."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

#: Takes and frees as the model does, in a thread; prints the pages that were fetched for it after the first time.
PROGRAM = """
import resource, sys, threading
from sayit.transcriber.allocator import keep_memory
import numpy as np
if sys.argv[1] == "keep":
    assert keep_memory()

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


def _faults(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True, timeout=60)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's allocator has these settings")
def test_memory_is_kept() -> None:
    """Blocks of the sizes that a model takes are fetched from the kernel once, not each time."""
    assert _faults("keep") * 20 < _faults("leave")
