"""A gRPC server as every process runs one: health, reflection, errors, telemetry, keepalive, limits."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc
from grpc_reflection.v1alpha._async import ReflectionServicer

from sayit.chassis.interceptors import CallInterceptor
from sayit.chassis.start import StartError, check_free, is_unix
from sayit.speech.errors import ErrorKind, SayItError

#: Largest message between our services, in bytes.
SERVICE_MESSAGE_BYTES = 16 * 1024 * 1024

#: Largest message from outside, in bytes: twice what the largest one may hold (the audio of `Recognize`), because gRPC
#: answers a larger one itself, without our details.
PUBLIC_MESSAGE_BYTES = 8 * 1024 * 1024

#: How often a client may ping, in milliseconds; without this setting gRPC answers a second ping within 5 minutes by
#: closing the connection.
MIN_PING_INTERVAL_MS = 5_000


#: Watches of grpc.health.v1 at once; every other caller asks again and again.
MAX_HEALTH_WATCHES = 100
#: Streams of reflection at once; tools close theirs after a few questions.
MAX_REFLECTIONS = 20


class RunningServer:
    """A server that runs."""

    def __init__(
        self,
        address: str,
        service_names: Sequence[str],
        health_servicer: health.aio.HealthServicer,
        calls: CallInterceptor,
    ) -> None:
        #: "host:port" with the real port, or the Unix socket's address.
        self.address = address
        self._services = ("", *service_names)
        self._health = health_servicer
        #: Ends running calls of some callers with an error.
        self.cut_off_of = calls.cut_off_of
        #: Who has running calls.
        self.callers = calls.callers

    async def set_serving(self, serving: bool) -> None:
        """Sets grpc.health.v1 for the server as a whole and for every service of it."""
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in self._services:
            await self._health.set(name, status)


class _Health(health.aio.HealthServicer):
    """The health service with a bound on its open streams, which need no key."""

    def __init__(self) -> None:
        super().__init__()
        self._watches = 0

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: Any) -> None:  # noqa: N802 - as gRPC has it
        if self._watches >= MAX_HEALTH_WATCHES:
            raise SayItError(ErrorKind.OVERLOADED, retry_after_s=60.0, cause="full: watches of health")
        self._watches += 1
        try:
            await super().Watch(request, context)
        finally:
            self._watches -= 1


class _Reflection:
    """The reflection service with a bound on its open streams, which need no key."""

    def __init__(self, service_names: Sequence[str]) -> None:
        self._described: Any = ReflectionServicer(service_names)  # its type stubs know no asynchronous servicer
        self._streams = 0

    async def ServerReflectionInfo(self, request_iterator: Any, context: Any) -> AsyncGenerator[Any]:  # noqa: N802
        if self._streams >= MAX_REFLECTIONS:
            raise SayItError(ErrorKind.OVERLOADED, retry_after_s=60.0, cause="full: reflection")
        self._streams += 1
        try:
            async for answer in self._described.ServerReflectionInfo(request_iterator, context):
                yield answer
        finally:
            self._streams -= 1


@dataclass(frozen=True, kw_only=True)
class ConnectionLimits:
    """What a server allows its clients' connections; 0 is no limit."""

    #: Further connections are closed at once.
    connections: int = 0
    #: Calls of one connection at once; further ones wait at the client.
    streams: int = 0
    #: Connections without calls are closed then; clients open another one.
    idle_s: float = 0.0
    #: Connections are asked to reconnect after about this time, so that new replicas get their share.
    age_s: float = 0.0
    #: How long calls may go on then; longer than the longest chunk or upload takes.
    age_grace_s: float = 3600.0
    #: Calls end whose caller leaves a message unread for so long.
    slow_reader_s: float = 0.0

    def options(self) -> list[tuple[str, int]]:
        """Channel arguments of gRPC."""
        options = []
        if self.connections:
            options.append(("grpc.max_allowed_incoming_connections", self.connections))
        if self.streams:
            options.append(("grpc.max_concurrent_streams", self.streams))
        if self.idle_s:
            options.append(("grpc.max_connection_idle_ms", int(self.idle_s * 1000)))
        if self.age_s:
            options.append(("grpc.max_connection_age_ms", int(self.age_s * 1000)))
            options.append(("grpc.max_connection_age_grace_ms", int(self.age_grace_s * 1000)))
        return options


@asynccontextmanager
async def serving(
    *,
    address: str,
    register: Callable[[grpc.aio.Server], None],
    service_names: Sequence[str],
    interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
    credentials: grpc.ServerCredentials | None = None,
    receive_bytes: int = SERVICE_MESSAGE_BYTES,
    grace_s: float = 30.0,
    resumable: Sequence[str] = (),
    limits: ConnectionLimits = ConnectionLimits(),
) -> AsyncIterator[RunningServer]:
    """Runs a server while the block runs; it starts NOT_SERVING, and the block says when it serves.

    Args:
        address: "host:port" (port 0: any) or "unix:path".
        register: adds the servicers.
        service_names: full names, such as "sayit.v1.SystemService", for health and reflection.
        interceptors: run inside the chassis's own; they may refuse by raising SayItError.
        credentials: TLS; None for plain text.
        receive_bytes: largest message that is accepted.
        grace_s: how long running calls may take to end once the block is left; then they are cancelled.
        resumable: methods, "package.Service/Method", whose calls end with UNAVAILABLE once the block is left, because
            their clients can go on elsewhere: watchers would use up the grace time.
        limits: of its connections.

    Raises:
        StartError: the address is taken or cannot be bound.
    """
    _load_descriptors(service_names)
    calls = CallInterceptor(resumable=[f"/{method}" for method in resumable], slow_reader_s=limits.slow_reader_s)
    options = _options(receive_bytes) + limits.options()
    server = grpc.aio.server(interceptors=[calls, *interceptors], options=options)
    register(server)
    health_servicer = _Health()
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    add_reflection: Any = reflection_pb2_grpc.add_ServerReflectionServicer_to_server
    add_reflection(_Reflection([*service_names, health.SERVICE_NAME, reflection.SERVICE_NAME]), server)
    running = RunningServer(_bound(server, address, credentials), service_names, health_servicer, calls)
    await running.set_serving(False)
    await server.start()
    try:
        yield running
    finally:
        await health_servicer.enter_graceful_shutdown()
        calls.cut_off_resumable()
        await server.stop(grace_s)


def _options(receive_bytes: int) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", receive_bytes),
        ("grpc.max_send_message_length", SERVICE_MESSAGE_BYTES),
        # Without it a second server on the same port starts without an error and takes half of the calls.
        ("grpc.so_reuseport", 0),
        ("grpc.http2.min_ping_interval_without_data_ms", MIN_PING_INTERVAL_MS),
        ("grpc.keepalive_permit_without_calls", 1),
        # Finds peers that vanished without closing the connection, such as a machine that lost power.
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.ping_timeout_ms", 10_000),
        # For TLS and HTTP/2's first bytes: a connection that sends none would be kept for two minutes.
        ("grpc.server_handshake_timeout_ms", 10_000),
    ]


def _load_descriptors(service_names: Sequence[str]) -> None:
    """Imports the messages beside each service: reflection finds only what was imported.

    A service whose messages all come from other packages, as the scheduler's JobService, works without its own module.
    """
    for package in {name.rpartition(".")[0] for name in service_names}:
        for module in pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}."):
            if module.name.endswith("_pb2"):
                importlib.import_module(module.name)


def _bound(server: grpc.aio.Server, address: str, credentials: grpc.ServerCredentials | None) -> str:
    """Binds the server and says the address with its real port."""
    check_free(address)
    try:
        port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    except RuntimeError:
        raise StartError(f"cannot listen on {address}") from None
    return address if is_unix(address) else f"{address.rpartition(':')[0]}:{port}"
