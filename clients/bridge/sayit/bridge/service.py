"""The composition root: every real part of the bridge is made and wired here."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import uvicorn
from fastapi import FastAPI

from sayit.bridge.application import create_app
from sayit.bridge.gateway_client import Gateway
from sayit.bridge.http.protocol import protocol
from sayit.bridge.http.websocket_protocol import websocket_protocol
from sayit.bridge.settings import BridgeSettings
from sayit.chassis import telemetry
from sayit.chassis.start import StartError, check_free, is_loopback, split_address
from sayit.speech.errors import ErrorKind, SayItError

#: How long an idle connection is kept for a next request, in seconds; longer than the polling interval.
_KEEP_ALIVE_S = 15
#: How often an unreachable gateway is asked whether it requires keys, in seconds.
_ASK_AGAIN_S = 1.0
_BACKLOG = 1024
#: The largest message of a WebSocket: 1 MiB of audio in base64, and what is around it.
_MESSAGE_BYTES = 1536 * 1024
#: How often a WebSocket's client is pinged, and how long it may take to answer, in seconds.
_PING_S, _PONG_S = 20.0, 120.0


@dataclass(frozen=True, kw_only=True)
class RunningBridge:
    """A bridge that runs."""

    #: "host:port" with the real port.
    address: str
    #: Where a browser finds the page.
    url: str


@asynccontextmanager
async def running(settings: BridgeSettings) -> AsyncIterator[RunningBridge]:
    """Runs a bridge while the block runs.

    Raises:
        StartError: wrong settings, the address is taken, certificates cannot be read, or every client would be served
            although the settings do not ask for that.
    """
    check_free(settings.bridge_listen)
    gateway = Gateway.at(settings)
    app = create_app(gateway, settings)
    config = _config(settings, app)
    try:
        await _check_exposure(settings, gateway)
        with _bound(settings.bridge_listen) as listening:
            server = _Server(config)
            serving = asyncio.create_task(server.serve([listening]))
            try:
                await _started(server, serving)
                yield _describe(settings, listening)
            finally:
                # Streams end now, and their clients resume; requests under way get the grace time.
                app.state.deps.stopping.set()
                server.should_exit = True
                await serving
    finally:
        await gateway.close()


class _Server(uvicorn.Server):
    """uvicorn's server, which leaves signals to the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _config(settings: BridgeSettings, app: FastAPI) -> uvicorn.Config:
    if (settings.tls_cert_file is None) != (settings.tls_key_file is None):
        raise StartError("TLS needs both SAYIT_TLS_CERT_FILE and SAYIT_TLS_KEY_FILE")
    if settings.bridge_client_ca_file is not None and settings.tls_cert_file is None:
        raise StartError("SAYIT_BRIDGE_CLIENT_CA_FILE needs SAYIT_TLS_CERT_FILE: only TLS knows certificates")
    config = uvicorn.Config(
        app,
        http=protocol(settings),
        ws=websocket_protocol(settings),
        ws_max_size=_MESSAGE_BYTES,
        # Audio gets no smaller, and what has arrived could become a thousand times as much in memory.
        ws_per_message_deflate=False,
        # Answers wait behind the audio of a client that sends faster than it is taken.
        ws_ping_interval=_PING_S,
        ws_ping_timeout=_PONG_S,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        # Addresses of clients behind a proxy are not needed: nothing here depends on them.
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(1, round(settings.grace_s)),
        ssl_certfile=settings.tls_cert_file,
        ssl_keyfile=settings.tls_key_file,
        ssl_ca_certs=None if settings.bridge_client_ca_file is None else str(settings.bridge_client_ca_file),
        ssl_cert_reqs=ssl.CERT_NONE if settings.bridge_client_ca_file is None else ssl.CERT_REQUIRED,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise StartError(f"the certificate cannot be used: {error}") from None
    return config


@contextlib.contextmanager
def _bound(address: str) -> Iterator[socket.socket]:
    host, port = split_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        bound = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise StartError(f"cannot listen on {address}: {(error.strerror or str(error)).lower()}") from None
    with bound:
        yield bound


async def _started(server: uvicorn.Server, serving: asyncio.Task[None]) -> None:
    while not server.started:
        if serving.done():
            serving.result()
            raise StartError("the HTTP server does not start")
        await asyncio.sleep(0.01)


async def _check_exposure(settings: BridgeSettings, gateway: Gateway) -> None:
    """Refuses to serve other machines without keys, unless a setting allows it."""
    if settings.allow_unauthenticated or is_loopback(settings.bridge_listen):
        return
    while True:
        try:
            await gateway.status()
        except SayItError as error:
            if error.kind in {ErrorKind.UNAUTHENTICATED, ErrorKind.PERMISSION_DENIED}:
                return
            telemetry.logger().warning("gateway_unreachable", address=settings.gateway_address, cause=error.cause)
            await asyncio.sleep(_ASK_AGAIN_S)
            continue
        raise StartError(
            f"{settings.bridge_listen} can be reached from other machines, and the gateway asks for no API keys: set "
            "SAYIT_REQUIRE_KEYS=true for the gateway (`sayit keys create` makes one), or "
            "SAYIT_ALLOW_UNAUTHENTICATED=true to serve every client"
        )


def _describe(settings: BridgeSettings, listening: socket.socket) -> RunningBridge:
    host, _ = split_address(settings.bridge_listen)
    port = listening.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    reachable = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(shown, shown)  # noqa: S104 - compared with
    scheme = "https" if settings.tls_cert_file is not None else "http"
    return RunningBridge(address=f"{shown}:{port}", url=f"{scheme}://{reachable}:{port}")
