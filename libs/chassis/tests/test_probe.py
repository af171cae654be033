"""The health probe against a real server."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from sayit.chassis import probe


@asynccontextmanager
async def serving(pair: tuple[Path, Path] | None = None) -> AsyncIterator[tuple[health.aio.HealthServicer, str]]:
    """A running health server, with TLS if there is a certificate and its key, and its address."""
    server = grpc.aio.server()
    servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    if pair is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        certificate, key = (path.read_bytes() for path in pair)
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, certificate)]))
    await server.start()
    yield servicer, f"127.0.0.1:{port}"
    await server.stop(None)


@pytest.fixture
async def servicer_at() -> AsyncIterator[tuple[health.aio.HealthServicer, str]]:
    """A running health server and its address."""
    async with serving() as running:
        yield running


def self_signed(folder: Path, names: str = "DNS:stt.example", *more: str) -> tuple[Path, Path]:
    """A certificate for a host that nobody here asks for, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here to make a certificate with")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-subj", "/CN=common.example", *(["-addext", f"subjectAltName={names}"] if names else [])]
    command += ["-days", "2", *more]
    subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    return certificate, key


async def test_the_probe_follows_the_servers_word(servicer_at: tuple[health.aio.HealthServicer, str]) -> None:
    """Only SERVING counts as healthy."""
    servicer, address = servicer_at
    await servicer.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
    assert not await probe.is_serving(address)
    await servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    assert await probe.is_serving(address)
    assert not await probe.is_serving(address, service="unknown")


async def test_nobody_there_is_not_healthy() -> None:
    """A refused connection is an answer: not serving."""
    assert not await probe.is_serving("127.0.0.1:1", timeout_s=1.0)


async def test_the_command_says_it_by_exit_status(servicer_at: tuple[health.aio.HealthServicer, str]) -> None:
    """0 for serving, 1 for not, 2 for a wrong call: what a container's health check reads."""
    _, address = servicer_at

    assert await asyncio.gather(_status(address), _status("127.0.0.1:1"), _status()) == [0, 1, 2]


async def test_an_http_server_is_asked_with_a_get() -> None:
    """`HOST:PORT/PATH` is healthy where it answers with 200; the command asks without TLS where it finds none."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1]
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" if path == b"/readyz" else b"HTTP/1.1 503 No\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        assert await probe.gets(address, "/readyz")
        assert not await probe.gets(address, "/livez")
        assert not await probe.gets("127.0.0.1:1", "/readyz")
        assert await _status(f"{address}/readyz", SAYIT_TLS_CERT_FILE="cert.pem") == 0


@pytest.mark.parametrize("names", ["DNS:stt.example", "DNS:*.example,IP:10.0.0.1", "IP:::1,IP:10.0.0.1", ""])
async def test_a_server_with_tls_is_asked_over_tls(names: str, tmp_path: Path) -> None:
    """Whatever name its certificate has; the command knows from the server's own setting, and NOT_SERVING stays so."""
    pair = self_signed(tmp_path, names)
    async with serving(pair) as (servicer, address):
        await servicer.set("", health_pb2.HealthCheckResponse.SERVING)
        assert await probe.is_serving(address, tls=True)
        assert await _status(address, SAYIT_TLS_CERT_FILE=str(pair[0])) == 0
        (tmp_path / "settings").write_text(f"SAYIT_TLS_CERT_FILE={pair[0]}\n")
        assert await _status(address, SAYIT_SETTINGS_FILE=str(tmp_path / "settings")) == 0
        assert not await probe.is_serving(address, timeout_s=1.0)
        await servicer.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
        assert not await probe.is_serving(address, tls=True)
        assert await probe.answers(address, tls=True)


async def test_a_certificate_that_no_client_takes_makes_nobody_ill(tmp_path: Path) -> None:
    """One that is expired, or (which is easier to make) not meant for servers: a new process would have it as well."""
    pair = self_signed(tmp_path, "DNS:stt.example", "-addext", "extendedKeyUsage=clientAuth")
    async with serving(pair) as (_, address):
        assert await probe.is_serving(address, tls=True)
        assert await probe.answers(address, tls=True)


async def test_what_speaks_no_tls_or_stands_still_is_not_healthy(
    servicer_at: tuple[health.aio.HealthServicer, str],
) -> None:
    """A server without TLS, nobody, and a listener that never answers: not serving, in time.

    The command then asks without TLS: parts with and without it may share an environment.
    """
    assert not await probe.is_serving(servicer_at[1], tls=True)
    assert await _status(servicer_at[1], SAYIT_TLS_CERT_FILE="cert.pem") == 0
    assert not await probe.is_serving("127.0.0.1:1", tls=True)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        assert not await probe.is_serving(address, tls=True, timeout_s=0.3)


async def _status(*arguments: str, **environment: str) -> int:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sayit.chassis.probe",
        *arguments,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, **environment},
    )
    return await process.wait()
