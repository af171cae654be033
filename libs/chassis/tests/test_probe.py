"""The health probe against a real server."""

from __future__ import annotations

import asyncio
import sys

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from sayit.chassis import probe


@pytest.fixture
async def servicer_at() -> object:
    """A running health server and its address."""
    server = grpc.aio.server()
    servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield servicer, f"127.0.0.1:{port}"
    await server.stop(None)


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

    async def status(*arguments: str) -> int:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "sayit.chassis.probe", *arguments, stderr=asyncio.subprocess.DEVNULL
        )
        return await process.wait()

    assert await asyncio.gather(status(address), status("127.0.0.1:1"), status()) == [0, 1, 2]
