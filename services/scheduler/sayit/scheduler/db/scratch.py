"""A folder for files that live no longer than their process."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

_LOCK = ".lock"


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """A new folder while the block runs; also removes those that dead processes left behind.

    Several schedulers may share the parent: each holds a lock beside its own folder, which ends with its process,
    however that ends, and a folder whose lock is held is not touched.
    """
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.glob(f"*{_LOCK}"):
        _remove_if_abandoned(left)
    lock = _new_lock(parent)
    folder = Path(lock.name).with_suffix("")
    try:
        folder.mkdir()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        Path(lock.name).unlink(missing_ok=True)
        lock.close()


def _new_lock(parent: Path) -> IO[bytes]:
    while True:
        lock = tempfile.NamedTemporaryFile(dir=parent, suffix=_LOCK, delete=False)  # noqa: SIM115 - the caller closes it
        fcntl.flock(lock, fcntl.LOCK_EX)
        if Path(lock.name).exists():
            return lock
        lock.close()  # another process removed it as abandoned before it was locked


def _remove_if_abandoned(path: Path) -> None:
    with suppress(OSError), path.open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path.with_suffix(""), ignore_errors=True)
        path.unlink()
