"""Channels between services: one peer or several."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import pytest

from sayit.chassis import principal, probe
from sayit.chassis.background_tasks import end
from sayit.chassis.principal import Principal
from sayit.chassis.service_auth import _CHANNEL_OPTIONS, service_channel, service_credentials, target
from sayit.chassis.start import StartError
from sayit.v1.transcription_service_pb2 import GetJobRequest
from tests.receiver import certificate

from .helper import JOBS, Jobs, Stubs, failure, service, settings

#: When an unanswered ping ends a connection.
PINGING = {"grpc.keepalive_time_ms", "grpc.keepalive_timeout_ms", "grpc.http2.ping_timeout_ms"}


class Counting(Jobs):
    """Counts the calls it gets."""

    calls = 0

    async def GetJob(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        """Counts and answers."""
        self.calls += 1
        return await super().GetJob(request, context)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("scheduler:50052", "scheduler:50052"),
        ("unix:/run/s", "unix:/run/s"),
        ("10.0.0.1:1, 10.0.0.2:2", "ipv4:10.0.0.1:1,10.0.0.2:2"),
        ("localhost:1,localhost:2", "ipv4:127.0.0.1:1,127.0.0.1:2"),
        ("[::1]:1,[::1]:2", "ipv6:[::1]:1,[::1]:2"),
    ],
)
def test_addresses(address: str, name: str) -> None:
    """One address is gRPC's own; several become a list of IP addresses."""
    assert target(address) == name


@pytest.mark.parametrize("address", ["a:1,b:1", "10.0.0.1:1,[::1]:2"])
def test_addresses_that_cannot_be(address: str) -> None:
    """Several names, or two kinds of addresses, are refused with the remedy."""
    with pytest.raises(StartError, match="DNS name"):
        target(address)


async def test_services_may_know_each_other_by_certificates(tmp_path: Path) -> None:
    """Then nothing is in plain text, and the secret alone is not enough; a health check finds the service alive."""
    pem, key = certificate(tmp_path, "sayit-internal")
    both = tmp_path / "both.pem"
    both.write_bytes(pem.read_bytes() + key.read_bytes())
    ours = settings(internal_certificate=both, internal_ca_file=pem)
    async with service(Jobs(), credentials=service_credentials(ours)) as running:
        async with service_channel(f"{running.address},{running.address}", ours) as channel:
            with principal.use(principal.LOCAL):
                assert await Stubs(channel).jobs.GetJob(GetJobRequest(job_id="j"))
        async with service_channel(running.address, settings()) as channel:
            assert (await failure(Stubs(channel).jobs.GetJob(GetJobRequest()))).code() is grpc.StatusCode.UNAVAILABLE
        assert await probe.is_serving(running.address, tls=True)
    with pytest.raises(StartError, match="needs both"):
        service_credentials(settings(internal_ca_file=pem))


async def test_calls_go_to_all_peers_and_away_from_a_dead_one() -> None:
    """Peers take turns; when one stops, no call fails: the others get all of them, and it gets its share once back."""
    first, second = Counting(), Counting()
    async with AsyncExitStack() as stack:
        stack.enter_context(principal.use(Principal(key_id="a", tenant="a")))
        one = await stack.enter_async_context(service(first))
        stopped = service(second)
        two = await stopped.__aenter__()
        address = f"{one.address},{two.address}"
        channel = service_channel(address, settings(), retried=[f"{JOBS}/GetJob"])
        jobs = Stubs(await stack.enter_async_context(channel)).jobs
        while not second.calls or not first.calls:
            await jobs.GetJob(GetJobRequest(job_id="a"))
        await stopped.__aexit__(None, None, None)
        before = first.calls
        for _ in range(20):
            await jobs.GetJob(GetJobRequest(job_id="a"))
        assert first.calls == before + 20
        third = Counting()
        await stack.enter_async_context(service(third, address=two.address))
        while not third.calls:
            await jobs.GetJob(GetJobRequest(job_id="a"))


class Relay:
    """Stands between a caller and a server until it stands still: connections stay, and nothing moves."""

    def __init__(self, address: str) -> None:
        self._host, _, self._port = address.rpartition(":")
        self._moving = asyncio.Event()
        self._moving.set()

    def freeze(self) -> None:
        """Stands still from now on, as a process does after SIGSTOP."""
        self._moving.clear()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Its address."""
        tasks: set[asyncio.Task[None]] = set()
        writers: list[asyncio.StreamWriter] = []

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            answers, questions = await asyncio.open_connection(self._host, self._port)
            writers.extend((writer, questions))
            tasks.add(asyncio.create_task(self._pass_on(reader, questions)))
            tasks.add(asyncio.create_task(self._pass_on(answers, writer)))

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        try:
            yield f"{host}:{port}"
        finally:
            server.close()
            await end(*tasks)
            for writer in writers:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65_536):
                await self._moving.wait()
                sink.write(data)
                await sink.drain()
        sink.close()


async def test_a_peer_that_stands_still_gets_no_more_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its connection is given up once it leaves a ping unanswered; from then on all calls go to the others."""
    quick = [(name, 300 if name in PINGING else value) for name, value in _CHANNEL_OPTIONS]
    monkeypatch.setattr("sayit.chassis.service_auth._CHANNEL_OPTIONS", quick)
    monkeypatch.setattr("sayit.chassis.server.MIN_PING_INTERVAL_MS", 100)
    healthy, stuck = Counting(), Counting()
    async with AsyncExitStack() as stack:
        stack.enter_context(principal.use(Principal(key_id="a", tenant="a")))
        one = await stack.enter_async_context(service(healthy))
        relay = Relay((await stack.enter_async_context(service(stuck))).address)
        two = await stack.enter_async_context(relay.listening())
        channel = await stack.enter_async_context(service_channel(f"{one.address},{two}", settings()))
        jobs = Stubs(channel).jobs
        while not stuck.calls or not healthy.calls:
            await jobs.GetJob(GetJobRequest(job_id="a"))
        relay.freeze()
        in_a_row = 0
        while in_a_row < 20:
            try:
                await jobs.GetJob(GetJobRequest(job_id="a"))
                in_a_row += 1
            except grpc.aio.AioRpcError as error:
                assert error.code() is grpc.StatusCode.UNAVAILABLE  # noqa: PT017 - the connection was given up
                in_a_row = 0
