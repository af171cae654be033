"""Calls of `sayit`, each a process of its own, forked from one that has loaded it, which is most of their work."""

from __future__ import annotations

import atexit
import functools
import json
import subprocess
import sys
import tempfile
from pathlib import Path

#: Reads a call a line; runs each in a child of its own, as `python -m sayit.cli` would, and prints its exit status.
_LOADED = """
import json, os, sys
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"  # as the command has it: no channel is open when a call begins
import pydantic.dataclasses
import sayit.cli.interrupt, sayit.cli.transcription.work
from sayit.cli import application
from sayit.cli.__main__ import main

for line in sys.stdin:
    call = json.loads(line)
    child = os.fork()
    if not child:
        os.environ.clear()
        os.environ.update(call["environment"])
        os.chdir(call["folder"])
        for number, path in enumerate((os.devnull, call["out"], call["err"])):
            os.dup2(os.open(path, os.O_RDWR), number)
        sys.stdin, sys.argv = open(0), ["sayit", *call["arguments"]]
        main()
        sys.exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@functools.cache
def _loaded() -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _LOADED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    atexit.register(process.communicate)  # it ends with its input
    return process


def run_sayit(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """What a call of the command with this whole environment prints, and its exit status."""
    loaded = _loaded()
    assert loaded.stdin is not None
    assert loaded.stdout is not None
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        out.touch()
        err.touch()
        call = {
            "arguments": arguments,
            "environment": environment,
            "folder": str(Path.cwd()),
            "out": str(out),
            "err": str(err),
        }
        print(json.dumps(call), file=loaded.stdin, flush=True)
        status = int(loaded.stdout.readline())
        return subprocess.CompletedProcess(arguments, status, out.read_text("utf-8"), err.read_text("utf-8"))
