"""Where things are on this machine: the data folder, and a suite that runs already."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from sayit.chassis.start import split_address
from sayit.cli.local_suite import lock, suite_file

#: Where a suite listens by default.
DEFAULT_ADDRESS = "127.0.0.1:50051"
#: Where its page and REST API are by default.
DEFAULT_REST = "127.0.0.1:3000"
#: Given in place of that address: no bridge is started.
NO_BRIDGE = "none"
#: In the data folder: the running suite's description.
READY_FILE = "ready.json"


def default_data(environment: Mapping[str, str] = os.environ) -> Path:
    """The user's data folder: SAYIT_DATA_DIR, else where the platform keeps such things."""
    named = environment.get("SAYIT_DATA_DIR")
    if named:
        return Path(named).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "sayit"
    shared = environment.get("XDG_DATA_HOME", "")
    base = Path(shared) if Path(shared).is_absolute() else Path.home() / ".local" / "share"
    return base / "sayit"


def running_on(data: Path) -> suite_file.Ready | None:
    """The complete suite that runs on this data folder; None if there is none, or it is still starting."""
    return suite_file.read(data / READY_FILE) if lock.holder_of(data) else None


def is_listening(address: str, timeout_s: float = 2.0) -> bool:
    """Whether a TCP connection to "host:port" succeeds."""
    try:
        with socket.create_connection(split_address(address), timeout_s):
            return True
    except OSError:
        return False


def running_suite(data: Path) -> str | None:
    """Address of a suite that runs here: on the data folder, else at the default address; None without one."""
    described = running_on(data)
    if described is not None and is_listening(described.gateway):
        return described.gateway
    return DEFAULT_ADDRESS if _serves(DEFAULT_ADDRESS) else None


def _serves(address: str) -> bool:
    """Whether it is a healthy gRPC server: another program may listen there."""
    if not is_listening(address, 0.5):
        return False
    try:
        from sayit.chassis import probe  # noqa: PLC0415 - not part of a client's installation
    except ImportError:
        return True
    import asyncio  # noqa: PLC0415 - as above, and `sayit --help` needs none

    return asyncio.run(probe.is_serving(address))
