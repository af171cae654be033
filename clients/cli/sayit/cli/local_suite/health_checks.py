"""How the supervisor checks parts: over gRPC's health service, over HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypedDict


class Checks(TypedDict):
    """A check of a part; see `PartSpec`."""

    check: Callable[[], Awaitable[bool]]
    lives: Callable[[], Awaitable[bool]]


def serving(address: str, *, tls: bool = False) -> Callable[[], Awaitable[bool]]:
    """Whether a gRPC server reports SERVING."""
    return _probed("is_serving", address, tls=tls)


def _probed(function: str, address: str, *, tls: bool) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        from sayit.chassis import probe  # noqa: PLC0415 - gRPC takes a while to import, and plans are also made without

        healthy: bool = await getattr(probe, function)(address, tls=tls)
        return healthy

    return check


def of_gateway(address: str, *, tls: bool) -> Checks:
    """The gateway's: it serves nothing while the scheduler is down, which is no reason to kill it."""
    return {"check": serving(address, tls=tls), "lives": _probed("answers", address, tls=tls)}


def of_bridge(address: str, *, tls: bool) -> Checks:
    """The bridge's: it cannot work while the gateway is down, which is no reason to kill it."""
    return {"check": _gets(address, "/readyz", tls=tls), "lives": _gets(address, "/livez", tls=tls)}


def _gets(address: str, path: str, *, tls: bool) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        from sayit.chassis import probe  # noqa: PLC0415 - as above

        return await probe.gets(address, path, tls=tls)

    return check
