"""One suite per data folder: a lock that the kernel releases however its holder ends."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sayit.chassis.start import StartError

_FILE = "lock"


@dataclass(frozen=True, kw_only=True)
class Holder:
    """The supervisor that holds, or held, a data folder."""

    #: Process id of the supervisor.
    pid: int
    #: Where its gateway listens.
    gateway: str


class DataInUseError(StartError):
    """Another suite holds this data folder."""

    def __init__(self, data: Path, holder: Holder | None) -> None:
        self.holder = holder
        who = f" (process {holder.pid}, gateway at {holder.gateway})" if holder else ""
        super().__init__(f"A suite is already running on {data}{who}.")


@contextmanager
def hold(data: Path, holder: Holder) -> Iterator[Holder | None]:
    """Holds the folder, and yields its last holder if that one did not end cleanly.

    Raises:
        DataInUseError: another suite holds it.
    """
    descriptor = os.open(data / _FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not _locked(descriptor):
            raise DataInUseError(data, _read(descriptor))
        before = _read(descriptor)
        _write(descriptor, json.dumps({"pid": holder.pid, "gateway": holder.gateway}))
        yield before
        _write(descriptor, "")
    finally:
        os.close(descriptor)


def holder_of(data: Path) -> Holder | None:
    """The folder's holder now; None if there is none."""
    try:
        descriptor = os.open(data / _FILE, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(descriptor)
    else:
        return None
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    """Takes the lock; tries for a moment, because `holder_of` takes it too, for an instant."""
    for _ in range(10):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.02)
        else:
            return True
    return False


def _read(descriptor: int) -> Holder | None:
    try:
        value = json.loads(os.pread(descriptor, 4096, 0))
        return Holder(pid=int(value["pid"]), gateway=str(value["gateway"]))
    except (ValueError, KeyError, TypeError):
        return None


def _write(descriptor: int, text: str) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text.encode(), 0)
