"""What a confined process can no longer do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

PREFIX = "from sayit.scheduler.ingest.audio_reader.sandbox import confine\n"


def run(code: str, *, memory_mb: int = 256, cpu_s: int = 30) -> subprocess.CompletedProcess[str]:
    """Runs `code` in a fresh interpreter after it has confined itself."""
    script = f"{PREFIX}confine(memory_mb={memory_mb}, cpu_s={cpu_s})\n{code}"
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.skipif(sys.platform != "linux", reason="macOS does not enforce RLIMIT_AS; the parent watch stands in")
def test_memory_is_bounded() -> None:
    """More than the limit cannot be allocated."""
    assert run("bytearray(100 * 2**20); print('fits')").stdout == "fits\n"
    assert "MemoryError" in run("bytearray(300 * 2**20)").stderr


def test_processor_time_is_bounded() -> None:
    """A loop without end is ended by the system."""
    assert run("while True: pass", cpu_s=1).returncode == -signal.SIGXCPU


def test_nothing_can_be_written(tmp_path: os.PathLike[str]) -> None:
    """Files cannot grow."""
    code = f"open({os.fspath(tmp_path) + '/x'!r}, 'wb', 0).write(b'x')"
    assert "OSError" in run(code).stderr


def test_few_files_can_be_open() -> None:
    """Descriptors run out at once."""
    assert "Too many open files" in run("import os\nfor _ in range(20): os.open('/dev/null', 0)").stderr
