"""What a confined process can no longer do."""

from __future__ import annotations

import errno
import json
import os
import platform
import signal
import socket
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from sayit.scheduler.ingest.audio_reader import frames
from sayit.scheduler.ingest.audio_reader.limits import MediaLimits

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


#: What hostile code would try once a file has taken the decoder over; each as an expression.
ATTEMPTS = {
    "read a file": "os.open('/etc/hostname', os.O_RDONLY)",
    "read the parent's environment": "os.open(f'/proc/{PARENT}/environ', os.O_RDONLY)",
    "read the parent's memory": "os.open(f'/proc/{PARENT}/mem', os.O_RDONLY)",
    "write a file": "os.open('/nowhere/stolen', os.O_WRONLY | os.O_CREAT)",
    "list a folder": "os.listdir('/')",
    "look at a file": "os.stat('/etc/hostname')",
    "follow a link": "os.readlink('/proc/self/exe')",
    "remove a file": "os.unlink('/nowhere/nothing')",
    "make a socket": "socket.socket()",
    "make a pair of sockets": "socket.socketpair()",
    "duplicate a descriptor": "os.dup(1)",
    "start a process": "os.fork()",
    "run a program": "os.execv('/bin/sh', ['sh'])",
    "start a thread": "_thread.start_new_thread(print, ())",
    "signal the parent": "os.kill(PARENT, 0)",
    "signal a group": "os.killpg(os.getpid(), 0)",
    "raise a limit": "resource.prlimit(0, resource.RLIMIT_NOFILE, (8, 8))",
    "trace the parent": "call(101, 16, PARENT, 0, 0)",
    "read the parent's memory directly": "call(310, PARENT, 0, 0, 0, 0, 0)",
    "use io_uring": "call(425, 1, 0)",
    "open by another call": "call(437, -100, 0, 0, 0)",
    "make memory executable": "call(9, 0, 4096, 7, 0x22, -1, 0)",
    "own signals of a descriptor": "call(72, 1, 8, PARENT)",
}

HOSTILE = """
import _thread, ctypes, io, json, os, resource, socket, sys
from sayit.scheduler.ingest.audio_reader import child
from sayit.speech.errors import ErrorKind, SayItError
PARENT = os.getppid()
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def call(*arguments):
    if libc.syscall(*(ctypes.c_long(each) for each in arguments)) < 0:
        raise OSError(ctypes.get_errno(), "")
load = child.read_audio
def taken_over(file, *arguments, **options):
    if isinstance(file, io.BytesIO):
        return load(file, *arguments, **options)  # what it decodes before it takes a file
    outcomes = {"its environment": sorted(os.environ), "its file": len(file.read())}
    for name, attempt in ATTEMPTS.items():
        try:
            outcomes[name] = repr(eval(attempt))
        except OSError as error:
            outcomes[name] = error.errno
        except RuntimeError:
            outcomes[name] = 1  # a thread that could not be started
    os.write(1, json.dumps(outcomes).encode())
    raise SayItError(ErrorKind.DAMAGED_FILE)
child.read_audio = taken_over
ATTEMPTS = json.loads(sys.argv.pop())
sys.exit(child.main())
"""


@pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="its attempts are numbers of Linux on x86-64"
)
def test_code_that_a_file_smuggles_in_gets_nothing(tmp_path: Path) -> None:
    """In the child, from the first byte of its file on: no file, socket, process, signal, nor another's environment."""
    path = tmp_path / "file"
    path.write_bytes(b"hostile")
    ours, theirs = socket.socketpair()
    environment = {"LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "1"}
    limits = json.dumps(asdict(MediaLimits()))
    # Python 3.12 warns of a fork beside threads; files cannot grow, so a warning that is written into one fails.
    command = [sys.executable, "-I", "-W", "ignore", "-c", HOSTILE, limits, json.dumps(ATTEMPTS)]
    with ours, subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, env=environment, cwd="/") as process:
        theirs.close()
        assert process.stdout is not None
        assert process.stdout.read(frames.HEADER_BYTES) == frames.pack(frames.READY)
        with path.open("rb") as file:
            socket.send_fds(ours, [frames.MIX], [file.fileno()])
        output = process.stdout.read()
        assert process.wait(30) == 0
    outcomes = json.loads(output[: output.index(b"}") + 1])
    assert outcomes.pop("its environment") == sorted(environment)
    assert outcomes.pop("its file") == len(b"hostile")
    assert outcomes == dict.fromkeys(ATTEMPTS, errno.EPERM)
