"""Ends the parts if the supervisor is killed (SIGKILL).

SayIt's services watch the supervisor themselves (`sayit.chassis.parent_watch`); Valkey cannot, and a stopped or hanging
process does not. So a shell of about one megabyte reads process ids from a pipe; when the pipe closes without the end
mark it ends them all. A part writes its own id before it becomes its program, so that every running part is known to
the shell.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Sequence

_SCRIPT = r"""
trap '' INT HUP TERM
pids=
while read -r sign pid; do
  case $sign in
    +) pids="$pids $pid" ;;
    -) kept=; for p in $pids; do [ "$p" = "$pid" ] || kept="$kept $p"; done; pids=$kept ;;
    .) exit 0 ;;
  esac
done
[ -z "$pids" ] || kill -TERM $pids 2>/dev/null
turn=0
while [ $turn -lt 40 ]; do
  alive=; for p in $pids; do kill -0 "$p" 2>/dev/null && alive=1; done
  [ -n "$alive" ] || break
  sleep 0.1; turn=$((turn + 1))
done
[ -z "$pids" ] || kill -KILL $pids 2>/dev/null
[ -z "$1" ] || rm -rf -- "$1"
"""
#: Writes its own process id to standard input, which is the pipe, and becomes the program.
_TRAMPOLINE = """trap '' PIPE; echo "+ $$" >&0; exec "$@" </dev/null"""


class Reaper:
    """Knows the process ids of the parts; outlives the supervisor by seconds at most.

    Args:
        leftover: a folder that is deleted, too, if the supervisor is killed; empty for none.
    """

    def __init__(self, leftover: str = "") -> None:
        self._leftover = leftover
        self._pids: set[int] = set()
        self._shell: subprocess.Popen[bytes] | None = None

    @staticmethod
    def wrapped(arguments: Sequence[str]) -> list[str]:
        """The command line that writes its id to its standard input (`pipe()`) and then runs these arguments."""
        return ["/bin/sh", "-c", _TRAMPOLINE, "sayit", *arguments]

    def pipe(self) -> int:
        """The descriptor to write ids to; starts the shell, again if it was killed."""
        if self._shell is None or self._shell.poll() is not None:
            self._close_pipe()
            self._shell = subprocess.Popen(
                ["/bin/sh", "-c", _SCRIPT, "sayit-reaper", self._leftover],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            for pid in self._pids:
                self._write(f"+ {pid}")
        assert self._shell.stdin is not None
        return self._shell.stdin.fileno()

    def started(self, pid: int) -> None:
        """Keeps a part's id for a later shell; this one has it from the part."""
        self._pids.add(pid)

    def ended(self, pid: int) -> None:
        """Removes the id of a process that has ended: another process may soon have it."""
        self._pids.discard(pid)
        self._write(f"- {pid}")

    def close(self) -> None:
        """Writes the end mark: all parts have ended in good order."""
        self._write(".")
        self._close_pipe()
        if self._shell is not None:
            self._shell.wait()
            self._shell = None

    def _write(self, line: str) -> None:
        if self._shell is not None and self._shell.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # it was killed; `pipe` starts another
                os.write(self._shell.stdin.fileno(), f"{line}\n".encode())

    def _close_pipe(self) -> None:
        if self._shell is not None and self._shell.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._shell.stdin.close()
