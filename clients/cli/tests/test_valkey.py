"""Our own Valkey, for real."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from sayit.cli.local_suite import ports, valkey

from .helper import eventually

PASSWORD = "a b/c:d@e"


def _answers(port: int) -> bool:
    try:
        redis.Redis(port=port, password="abc").ping()
    except redis.exceptions.RedisError:
        return False
    return True


@pytest.fixture
def server(tmp_path: Path) -> Iterator[int]:
    """A running one, in a folder whose name has a space, and its port."""
    port = ports.free_ports(1)[0]
    configuration = valkey.write_configuration(tmp_path / "data folder", port=port, password="abc")
    program = valkey.binary()
    assert program is not None
    with subprocess.Popen([program, configuration], stdout=subprocess.DEVNULL) as process:
        try:
            eventually(lambda: _answers(port))
            yield port
        finally:
            process.terminate()


async def test_it_wants_the_password_and_answers_with_it(server: int) -> None:
    """Other users of the machine do not get in."""
    assert await valkey.answers(valkey.url(server, "abc"))
    assert not await valkey.answers(valkey.url(server, "abd"))
    assert not await valkey.answers(f"redis://127.0.0.1:{server}/0")
    assert not await valkey.answers("redis://127.0.0.1:1/0", 1.0)


def test_it_never_evicts_and_writes_a_file(server: int, tmp_path: Path) -> None:
    """What the scheduler insists on; and its configuration is its owner's alone."""
    with redis.Redis(port=server, password="abc", decode_responses=True) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        assert client.config_get("bind") == {"bind": "127.0.0.1"}
    assert (tmp_path / "data folder" / "valkey.conf").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "data folder" / "appendonlydir").is_dir()


def test_passwords_are_escaped_in_urls_and_never_shown() -> None:
    """The URL means the same password to redis-py; what is printed has none."""
    url = valkey.url(6379, PASSWORD)
    assert redis.connection.parse_url(url)["password"] == PASSWORD
    assert valkey.without_password(url) == "redis://127.0.0.1:6379/0"
    assert valkey.without_password("rediss://user:pw@queue.example:6380/1?x=y") == "rediss://queue.example:6380/1?x=y"


def test_a_damaged_file_is_put_aside_after_two_failures(tmp_path: Path) -> None:
    """The database can fill the queue again; a suite that cannot start helps nobody."""
    assert valkey.mend(tmp_path, 5) == ""
    for content in ("first", "second"):
        (tmp_path / "appendonlydir").mkdir()
        (tmp_path / "appendonlydir" / "x.aof").write_text(content)
        assert valkey.mend(tmp_path, 1) == ""
        assert "append-only file" in valkey.mend(tmp_path, 2)
        assert (tmp_path / "appendonlydir.damaged" / "x.aof").read_text() == content
        assert not (tmp_path / "appendonlydir").exists()
