"""Channels between services: one peer or several."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

import pytest

from sayit.chassis import principal
from sayit.chassis.internal import internal_channel, target
from sayit.chassis.principal import Principal
from sayit.chassis.start import StartError
from sayit.v1.transcription_service_pb2 import GetJobRequest

from .helper import JOBS, Jobs, Stubs, service, settings


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


async def test_calls_go_to_all_peers_and_away_from_a_dead_one() -> None:
    """Peers take turns; when one stops, no call fails: the others get all of them, and it gets its share once back."""
    first, second = Counting(), Counting()
    async with AsyncExitStack() as stack:
        stack.enter_context(principal.use(Principal(key_id="a", tenant="a")))
        one = await stack.enter_async_context(service(first))
        stopped = service(second)
        two = await stopped.__aenter__()
        address = f"{one.address},{two.address}"
        channel = internal_channel(address, settings(), retried=[f"{JOBS}/GetJob"])
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
