"""Large uploads do not gather in the bridge."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import httpx
import psutil
import pytest

pytestmark = pytest.mark.xdist_group("bridge")
_MEGABYTE = 1_000_000
#: How much the bridge may grow while so much more passes through.
GROWTH_MB = 25.0


def bridge_process(url: str) -> psutil.Process:
    """The process that listens at the URL."""
    port = httpx.URL(url).port
    for process in psutil.Process().children(recursive=True):
        listening = [one for one in process.net_connections("tcp") if one.status == psutil.CONN_LISTEN]
        if any(one.laddr.port == port for one in listening):
            return process
    raise AssertionError("nobody listens")


def test_a_hundred_megabytes_pass_through_with_memory_flat(bridge_url: str) -> None:
    """The resident memory is looked at all the while."""
    process = bridge_process(bridge_url)
    most, done = [0.0], threading.Event()

    def look() -> None:
        while not done.wait(0.02):
            most[0] = max(most[0], process.memory_info().rss / _MEGABYTE)

    def audio(megabytes: int) -> Iterator[bytes]:
        yield b"RIFF"
        for _ in range(megabytes):
            yield bytes(_MEGABYTE)

    with httpx.Client(base_url=bridge_url, timeout=120.0, trust_env=False) as client:
        client.delete(client.post("/v1/jobs", content=audio(2)).headers["Location"])
        before_mb = process.memory_info().rss / _MEGABYTE
        looking = threading.Thread(target=look)
        looking.start()
        try:
            sent = client.post("/v1/jobs", content=audio(99))
        finally:
            done.set()
            looking.join()
        assert sent.status_code == 202
        client.delete(sent.headers["Location"])
    assert most[0] - before_mb < GROWTH_MB
