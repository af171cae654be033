"""A bridge for tests, on a gateway of a few lines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from clients.python.tests.helper import Gateway, serving
from sayit.bridge.service import running
from sayit.bridge.settings import BridgeSettings

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
