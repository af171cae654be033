"""How the supervisor looks at parts: over gRPC's health service, by a TLS handshake, over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from typing import TypedDict

from sayit.chassis.start import split_address

#: How long a part may take to answer, in seconds.
_LIMIT_S = 2.0


class Checks(TypedDict):
    """How a part is looked at; see `PartSpec`."""

    check: Callable[[], Awaitable[bool]]
    lives: Callable[[], Awaitable[bool]]


def serving(address: str) -> Callable[[], Awaitable[bool]]:
    """Whether a gRPC server says that it serves."""

    async def check() -> bool:
        from sayit.chassis import probe  # noqa: PLC0415 - gRPC takes a while to import, and plans are also made without

        return await probe.is_serving(address)

    return check


def _answering(address: str) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        from sayit.chassis import probe  # noqa: PLC0415 - as above

        return await probe.answers(address)

    return check


def of_gateway(address: str, *, tls: bool) -> Checks:
    """The gateway's."""
    if tls:
        check = _handshaking(address)
        return {"check": check, "lives": check}
    return {"check": serving(address), "lives": _answering(address)}


def _handshaking(address: str) -> Callable[[], Awaitable[bool]]:
    """With TLS the supervisor, who need not trust the certificate, looks whether the gateway shakes hands."""
    context = _trusting()
    context.set_alpn_protocols(["h2"])

    async def check() -> bool:
        try:
            async with asyncio.timeout(_LIMIT_S):
                _, writer = await asyncio.open_connection(*split_address(address), ssl=context)
        except (OSError, TimeoutError):
            return False
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        return True

    return check


def of_bridge(address: str, *, tls: bool) -> Checks:
    """The bridge's: it cannot work while the gateway is away, which is no reason to kill it."""
    return {"check": _gets(address, "/readyz", tls=tls), "lives": _gets(address, "/livez", tls=tls)}


def _gets(address: str, path: str, *, tls: bool) -> Callable[[], Awaitable[bool]]:
    """Whether a GET is answered with 200."""
    request = f"GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode()

    async def check() -> bool:
        try:
            async with asyncio.timeout(_LIMIT_S):
                reader, writer = await asyncio.open_connection(
                    *split_address(address), ssl=_trusting() if tls else None
                )
                with contextlib.closing(writer):
                    writer.write(request)
                    return b" 200 " in await reader.readline()
        except (OSError, TimeoutError):
            return False

    return check


def _trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
