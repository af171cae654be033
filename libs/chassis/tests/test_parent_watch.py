"""A child notices that its parent is gone."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time

import pytest

from sayit.chassis.parent_watch import watch_parent

_CHILD = """
import asyncio, sys, time
from sayit.chassis.parent_watch import watch_parent

async def main():
    stop = asyncio.Event()
    assert watch_parent(stop, grace_s=0.5)
    print("watching", flush=True)
    if sys.argv[1] == "wedged":
        time.sleep(60)
    await asyncio.wait_for(stop.wait(), 60)

asyncio.run(main())
"""


@pytest.mark.parametrize(("how", "status"), [("clean", 0), ("wedged", 1)])
def test_a_child_ends_when_the_parents_end_of_the_pipe_closes(how: str, status: int) -> None:
    """A child stops cleanly once its parent is gone; one whose event loop is blocked is ended after the grace time."""
    reading, writing = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-c", _CHILD, how],
        env=os.environ | {"SAYIT_PARENT_FD": str(reading)},
        pass_fds=[reading],
        stdout=subprocess.PIPE,
    ) as child:
        os.close(reading)
        assert child.stdout is not None
        assert child.stdout.readline() == b"watching\n"
        time.sleep(0.1)
        assert child.poll() is None
        os.close(writing)
        assert child.wait(timeout=20) == status


async def test_a_process_without_the_variable_watches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was started by hand has no parent to watch."""
    monkeypatch.delenv("SAYIT_PARENT_FD", raising=False)
    assert watch_parent(asyncio.Event()) is False
