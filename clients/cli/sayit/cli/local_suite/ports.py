"""Free loopback ports for the parts.

Ports come from below the range that the kernel gives to outgoing connections. Otherwise, while a part is being
restarted, another part that tries to reach it could get that port as the local port of its connection, and keep it.
A part binds its port seconds after it was chosen, so this process holds the UDP port of the same number as long as it
lives: another suite that starts meanwhile, or while a part restarts, passes over it.
"""

from __future__ import annotations

import itertools
import random
import socket
from contextlib import ExitStack
from pathlib import Path

_LOWEST = 20_000
#: Linux' and macOS' own defaults; read from the kernel where that is possible.
_FIRST_EPHEMERAL = 32_768


def free_ports(count: int) -> list[int]:
    """This many different TCP ports on 127.0.0.1 on which no program listens and that no other caller was given.

    Raises:
        OSError: there are none.
    """
    ports = range(_LOWEST, _first_ephemeral())
    # Beginning anywhere keeps suites apart as well as any order, which would take a fifth of a second to shuffle.
    start = random.randrange(len(ports))  # noqa: S311 - not a secret
    found: list[int] = []
    for port in itertools.chain(ports[start:], ports[:start]):
        if len(found) == count:
            return found
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tried, ExitStack() as unless_found:
            held = unless_found.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            try:
                tried.bind(("127.0.0.1", port))
                held.bind(("127.0.0.1", port))
            except OSError:
                continue
            unless_found.pop_all()
        held.detach()  # open until this process ends
        found.append(port)
    raise OSError("no free port on 127.0.0.1")


def _first_ephemeral(path: Path = Path("/proc/sys/net/ipv4/ip_local_port_range")) -> int:
    try:
        first = int(path.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        first = _FIRST_EPHEMERAL
    return first if first > _LOWEST + 1_000 else _FIRST_EPHEMERAL
