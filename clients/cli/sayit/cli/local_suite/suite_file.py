"""The file that describes a running suite: addresses, folders and process ids."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class RunningPart:
    """One part."""

    name: str
    #: None while it is being started again.
    pid: int | None
    #: host:port
    address: str
    #: host:port of its metrics; empty if it has none.
    metrics: str
    healthy: bool
    #: Times it was started again.
    restarts: int


@dataclass(frozen=True, kw_only=True)
class Ready:
    """A running suite."""

    #: Process id of the supervisor.
    pid: int
    #: host:port for clients.
    gateway: str
    #: Base URL of the REST bridge and its page; empty if there is none.
    rest: str
    #: host:port
    scheduler: str
    #: With its password: only the owner can read the file.
    redis: str
    data: str
    logs: str
    model: str
    #: Metrics' host:port by part.
    metrics: dict[str, str]
    parts: tuple[RunningPart, ...]
    #: Whether the gateway speaks TLS.
    tls: bool = False

    def to_json(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self), indent=2) + "\n"


def write(path: Path, content: str | bytes, *, mode: int = 0o600) -> None:
    """Replaces the file atomically, by default readable by its owner only; devices, pipes and links stay."""
    data = content.encode() if isinstance(content, str) else content
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), mode)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read(path: Path) -> Ready | None:
    """The suite that the file describes; None without a file, or with one of another kind."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        return Ready(**{**value, "parts": tuple(RunningPart(**part) for part in value["parts"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None
