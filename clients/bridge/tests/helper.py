"""A bridge for tests: on a real suite, or on a gateway of a few lines."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx

from clients.python.tests.helper import Gateway, serving
from sayit.bridge.service import running
from sayit.bridge.settings import BridgeSettings
from tests.end_to_end.helper import running_suite

ROOT = Path(__file__).parents[3]
RECORDINGS = ROOT / "recordings"


def settings(**values: Any) -> BridgeSettings:
    """Settings for tests: any port, a short end."""
    return BridgeSettings(**{"bridge_listen": "127.0.0.1:0", "grace_s": 2.0, **values})


@asynccontextmanager
async def bridge_on(address: str, **values: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A bridge on the gateway at this address, and an HTTP client of it; `client.base_url` says where."""
    async with (
        running(settings(gateway_address=address, **values)) as bridge,
        httpx.AsyncClient(base_url=bridge.url, timeout=60.0, trust_env=False) as client,
    ):
        yield client


@asynccontextmanager
async def scripted(**values: Any) -> AsyncIterator[tuple[httpx.AsyncClient, Gateway]]:
    """A bridge on a scripted gateway."""
    gateway = Gateway()
    async with serving(gateway) as address, bridge_on(address, **values) as client:
        yield client, gateway


@contextmanager
def suite_with_bridge(folder: Path, **values: Any) -> Iterator[str]:
    """A real suite with the bundled model; yields its bridge's URL.

    Args:
        folder: an empty one.
        values: settings for a bridge of one's own, in a thread; without any it is the one of the suite.
    """
    with running_suite(folder) as suite:
        if not values:
            yield suite.rest
            return
        with bridge_thread(suite.address, **values) as url:
            yield url


@contextmanager
def bridge_thread(address: str, **values: Any) -> Iterator[str]:
    """A bridge in a thread of its own; yields its URL."""
    started: threading.Event = threading.Event()
    found: dict[str, Any] = {}

    async def serve() -> None:
        async with running(settings(gateway_address=address, **values)) as bridge:
            found.update(url=bridge.url, loop=asyncio.get_running_loop(), stop=asyncio.Event())
            started.set()
            await found["stop"].wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:  # noqa: BLE001  # raised where it is waited for
            found["error"] = error
        finally:
            started.set()

    thread = threading.Thread(target=run, name="bridge")
    thread.start()
    started.wait()
    try:
        if "error" in found:
            raise found["error"]
        yield found["url"]
    finally:
        with contextlib.suppress(KeyError, RuntimeError):
            found["loop"].call_soon_threadsafe(found["stop"].set)
        thread.join(30)
        assert not thread.is_alive(), "the bridge did not stop"
