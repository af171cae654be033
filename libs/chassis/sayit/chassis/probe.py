"""Asks a server for its health: over grpc.health.v1, or with a GET.

Supervisors call `is_serving` and `gets`; containers run `python -m sayit.chassis.probe HOST:PORT [SERVICE]`, or
`HOST:PORT/PATH` for HTTP, which asks over TLS first where the settings name a certificate. Where no client takes the
server's certificate (it has expired), or the server wants one of ours, that it shakes hands is enough: to start it
again would change nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import sys
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from sayit.chassis.start import split_address
from sayit.chassis.tls_probe import CertificateWantedError, server_certificate

#: Settings with which a process of ours serves over TLS.
_CERTIFICATES = ("SAYIT_TLS_CERT_FILE", "SAYIT_INTERNAL_CERTIFICATE")


async def is_serving(address: str, *, service: str = "", tls: bool = False, timeout_s: float = 2.0) -> bool:
    """Whether the server at `address` ("host:port") says SERVING for `service` ("": all of it) within `timeout_s`."""
    try:
        answer = await _answer(address, service, tls, timeout_s)
    except ssl.SSLError:
        return True
    return answer is not None and bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


async def answers(address: str, *, tls: bool = False, timeout_s: float = 2.0) -> bool:
    """Whether the server at `address` says how it is within `timeout_s`, be it well or not."""
    try:
        return await _answer(address, "", tls, timeout_s) is not None
    except ssl.SSLError:
        return True


async def gets(address: str, path: str, *, tls: bool = False, timeout_s: float = 2.0) -> bool:
    """Whether the HTTP server at `address` answers a GET of `path` with 200; its certificate is not verified."""
    request = f"GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode()
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(*split_address(address), ssl=_unverified() if tls else None)
            with contextlib.closing(writer):
                writer.write(request)
                answer = await reader.readline()
                # A server that wants a certificate of ours hangs up after the handshake.
                return b" 200 " in answer or (tls and not answer)
    except ssl.SSLError as error:
        return "CERTIFICATE_REQUIRED" in str(error.reason)
    except OSError:
        return False


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _answer(address: str, service: str, tls: bool, timeout_s: float) -> health_pb2.HealthCheckResponse | None:
    try:
        async with asyncio.timeout(timeout_s), await _channel(address, tls) as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)  # its type stubs know no asynchronous stub
            answer: health_pb2.HealthCheckResponse
            answer = await stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=timeout_s)
            return answer
    except (ssl.SSLCertVerificationError, CertificateWantedError):
        raise
    except (grpc.aio.AioRpcError, OSError):
        return None


async def _channel(address: str, tls: bool) -> grpc.aio.Channel:
    options = (("grpc.enable_http_proxy", 0),)
    if not tls:
        return grpc.aio.insecure_channel(address, options=options)
    found = await server_certificate(address)
    named = (("grpc.ssl_target_name_override", found.name),) if found.name else ()
    trust = grpc.ssl_channel_credentials(root_certificates=found.certificate)
    return grpc.aio.secure_channel(address, trust, options=(*options, *named))


def main(arguments: list[str]) -> int:
    """Exit status 0 if the server at the first argument is serving, 1 if not, 2 for a wrong call."""
    if len(arguments) not in {1, 2}:
        sys.stderr.write("usage: python -m sayit.chassis.probe HOST:PORT [SERVICE] | HOST:PORT/PATH\n")
        return 2
    address, slash, path = arguments[0].partition("/")
    service = arguments[1] if len(arguments) == 2 else ""
    # One environment may be shared by parts that speak TLS and parts that do not.
    ways = (True, False) if _with_certificate() else (False,)
    asked = (
        gets(address, slash + path, tls=tls) if slash else is_serving(address, service=service, tls=tls) for tls in ways
    )
    return 0 if any(asyncio.run(one) for one in asked) else 1


def _with_certificate() -> bool:
    """Whether the settings of this process name a certificate."""
    if any(map(os.environ.get, _CERTIFICATES)):
        return True
    if not os.environ.get("SAYIT_SETTINGS_FILE"):
        return False
    from sayit.chassis.settings import told  # noqa: PLC0415 - takes longer to import than a probe takes

    return any(map(told(os.environ).get, _CERTIFICATES))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
