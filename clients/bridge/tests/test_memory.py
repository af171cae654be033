"""Large uploads do not gather in the bridge."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx
import psutil

from tests.scale import ALL

if TYPE_CHECKING:
    from tests.end_to_end.helper import RunningSuite

_MEGABYTE = 1_000_000
#: How much the bridge may grow while so much more passes through.
GROWTH_MB = 25.0


def test_a_hundred_megabytes_pass_through_with_memory_flat(mortal_suite: RunningSuite) -> None:
    """The resident memory is looked at all the while; 60 on a commit."""
    process = psutil.Process(mortal_suite.pid("bridge"))
    most, done = [0.0], threading.Event()

    def look() -> None:
        while not done.wait(0.02):
            most[0] = max(most[0], process.memory_info().rss / _MEGABYTE)

    def audio(megabytes: int) -> Iterator[bytes]:
        yield b"RIFF"
        for _ in range(megabytes):
            yield bytes(_MEGABYTE)

    with httpx.Client(base_url=mortal_suite.rest, timeout=120.0, trust_env=False) as client:
        client.delete(client.post("/v1/jobs", content=audio(2)).headers["Location"])
        before_mb = process.memory_info().rss / _MEGABYTE
        looking = threading.Thread(target=look)
        looking.start()
        try:
            sent = client.post("/v1/jobs", content=audio(99 if ALL else 60))
        finally:
            done.set()
            looking.join()
        assert sent.status_code == 202
        client.delete(sent.headers["Location"])
    assert most[0] - before_mb < GROWTH_MB
