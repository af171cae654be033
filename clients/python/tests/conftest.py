"""A gateway and a client on it."""

from __future__ import annotations

import pytest

from sayit.client import AsyncClient

from .helper import Gateway, serving


@pytest.fixture
async def gateway():
    """A scripted gateway; `gateway.address` says where."""
    served = Gateway()
    async with serving(served) as address:
        served.address = address
        yield served


@pytest.fixture
async def client(gateway):
    """An asyncio client of the gateway."""
    async with AsyncClient(gateway.address) as connected:
        yield connected
