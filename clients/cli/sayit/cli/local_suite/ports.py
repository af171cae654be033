"""Free loopback ports for the parts.

Ports come from below the range that the kernel gives to outgoing connections. Otherwise, while a part is being
restarted, another part that tries to reach it could get that port as the local port of its connection, and keep it.
"""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack
from pathlib import Path

_LOWEST = 20_000
#: Linux' and macOS' own defaults; read from the kernel where that is possible.
_FIRST_EPHEMERAL = 32_768


def free_ports(count: int) -> list[int]:
    """This many different TCP ports on 127.0.0.1 on which no program listens now.

    Raises:
        OSError: there are none.
    """
    candidates = list(range(_LOWEST, _first_ephemeral()))
    random.shuffle(candidates)
    found: list[int] = []
    with ExitStack() as held:
        for port in candidates:
            if len(found) == count:
                return found
            holder = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            try:
                holder.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
    raise OSError("no free port on 127.0.0.1")


def _first_ephemeral(path: Path = Path("/proc/sys/net/ipv4/ip_local_port_range")) -> int:
    try:
        first = int(path.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        first = _FIRST_EPHEMERAL
    return first if first > _LOWEST + 1_000 else _FIRST_EPHEMERAL
