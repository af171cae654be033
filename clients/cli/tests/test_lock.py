"""One suite per data folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sayit.cli.local_suite import lock

from .helper import eventually

ONE = lock.Holder(pid=41, gateway="127.0.0.1:1")
TWO = lock.Holder(pid=42, gateway="127.0.0.1:2")


def test_the_second_is_told_who_holds_it(tmp_path: Path) -> None:
    """One holder at a time; whoever asks learns which."""
    with lock.hold(tmp_path, ONE) as before:
        assert before is None
        assert lock.holder_of(tmp_path) == ONE
        with (
            pytest.raises(lock.DataInUseError, match=r"process 41, gateway at 127\.0\.0\.1:1"),
            lock.hold(tmp_path, TWO),
        ):
            pytest.fail("it is held")
    assert lock.holder_of(tmp_path) is None
    with lock.hold(tmp_path, TWO) as before:
        assert before is None, "the first has ended cleanly"


def test_nobody_holds_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """Asking makes nothing."""
    assert lock.holder_of(tmp_path / "none") is None
    assert list(tmp_path.iterdir()) == []


def test_a_holder_that_was_killed_holds_no_more_but_is_remembered(tmp_path: Path) -> None:
    """The kernel releases the lock; the next holder learns that somebody before it did not end cleanly."""
    script = f"""
import sys, time
from pathlib import Path
from sayit.cli.local_suite import lock
with lock.hold(Path({str(tmp_path)!r}), lock.Holder(pid=41, gateway="127.0.0.1:1")):
    print("held", flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert lock.holder_of(tmp_path) == ONE
        holder.kill()
    eventually(lambda: lock.holder_of(tmp_path) is None)
    with lock.hold(tmp_path, TWO) as before:
        assert before == ONE
