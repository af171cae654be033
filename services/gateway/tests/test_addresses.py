"""From where calls may come."""

from __future__ import annotations

from typing import Any

import pytest

from sayit.gateway.auth.addresses import client_address
from sayit.gateway.settings import networks_of
from sayit.speech.errors import ErrorKind
from sayit.v1.transcription_service_pb2 import GetJobRequest, WatchJobRequest

from .fake_keys import FakeKeys
from .helper import create_requests, failure, settings, suite

PROXIES = networks_of("10.0.0.0/8,fd00::/8")
REQUEST = GetJobRequest(job_id="job-1")


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("ipv4:203.0.113.7:5000", [], "203.0.113.7"),
        ("ipv4:203.0.113.7:5000", ["198.51.100.1"], "203.0.113.7"),
        ("ipv4:10.0.0.1:5000", [], "10.0.0.1"),
        ("ipv4:10.0.0.1:5000", ["198.51.100.1"], "198.51.100.1"),
        ("ipv4:10.0.0.1:5000", ["192.0.2.66, 198.51.100.1"], "198.51.100.1"),
        ("ipv4:10.0.0.1:5000", ["192.0.2.66", "198.51.100.1, 10.9.9.9"], "198.51.100.1"),
        ("ipv4:10.0.0.1:5000", ["10.0.0.2,10.0.0.3"], "10.0.0.2"),
        ("ipv4:10.0.0.1:5000", ["198.51.100.1:4711"], "198.51.100.1"),
        ("ipv4:10.0.0.1:5000", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("ipv6:%5Bfd00::1%5D:5000", ["2001:db8::1"], "2001:db8::1"),
        ("ipv6:%5B::ffff:10.0.0.1%5D:5000", ["198.51.100.1"], "198.51.100.1"),
        ("ipv6:[fe80::1%25eth0]:5000", [], "fe80::1"),
        ("unix:", [], "127.0.0.1"),
        ("ipv4:10.0.0.1:5000", ["192.0.2.1, unknown"], "None"),
        ("ipv4:10.0.0.1:5000", [",".join(["10.0.0.2"] * 50)], "None"),
        ("what", [], "None"),
    ],
)
def test_only_what_a_trusted_proxy_says_is_believed(peer: str, forwarded: list[str], address: str) -> None:
    """The last address that is no proxy's; what stands before it a client may have written."""
    assert str(client_address(peer, forwarded, PROXIES)) == address


def test_no_proxy_is_trusted_by_default() -> None:
    """Without a setting the client is who has the connection."""
    assert str(client_address("ipv4:10.0.0.1:5000", ["198.51.100.1"], ())) == "10.0.0.1"


@pytest.mark.parametrize("name", ["allowed_addresses", "trusted_proxies"])
def test_what_is_no_network_does_not_start(name: str) -> None:
    """A mistake opens nothing."""
    with pytest.raises(ValueError, match="network"):
        settings(**{name: "10.0.0.0/8,home"})


def calls(s: Any, metadata: list[tuple[str, str]]) -> list[Any]:
    """A call of every shape."""
    return [
        s.jobs.GetJob(REQUEST, metadata=metadata),
        s.jobs.WatchJob(WatchJobRequest(job_id="job-1"), metadata=metadata),
        s.jobs.CreateJob(create_requests([10]), metadata=metadata),
        s.live.StreamingRecognize(create_requests([]), metadata=metadata),
    ]


async def test_a_key_works_from_its_networks_only() -> None:
    """In calls of every shape; elsewhere it is refused, uses up no limit, and reaches no scheduler."""
    stored = FakeKeys()
    _, here = stored.create(addresses=("127.0.0.0/8", "::1/128"), requests="5/hour")
    _, elsewhere = stored.create(addresses=("203.0.113.0/24",), requests="1/hour")
    async with suite(require_keys=True, stored=stored) as s:
        for forged in ([], [("x-forwarded-for", "203.0.113.7")]):
            for call in calls(s, [("x-api-key", elsewhere), *forged]):
                assert (await failure(call)).kind is ErrorKind.PERMISSION_DENIED
        assert s.fake.principals == {}
        metadata = [("x-api-key", here)]
        await s.jobs.GetJob(REQUEST, metadata=metadata)
        assert [event async for event in s.jobs.WatchJob(WatchJobRequest(job_id="job-1"), metadata=metadata)]
        assert (await s.jobs.CreateJob(create_requests([10]), metadata=metadata)).id == "job-1"
        assert set(s.fake.principals) == {"GetJob", "WatchJob", "CreateJob"}


async def test_a_trusted_proxy_says_where_calls_come_from() -> None:
    """Then the key works for the client behind it, and not for another one that names itself that."""
    stored = FakeKeys()
    _, key = stored.create(addresses=("203.0.113.0/24",))
    async with suite(require_keys=True, stored=stored, trusted_proxies="127.0.0.0/8") as s:
        await s.jobs.GetJob(REQUEST, metadata=[("x-api-key", key), ("x-forwarded-for", "203.0.113.7")])
        forged = [("x-api-key", key), ("x-forwarded-for", "203.0.113.7"), ("x-forwarded-for", "198.51.100.1")]
        assert (await failure(s.jobs.GetJob(REQUEST, metadata=forged))).kind is ErrorKind.PERMISSION_DENIED


async def test_an_installation_is_open_to_its_networks_only() -> None:
    """With keys or without, beside the keys' own lists; health stays open."""
    async with suite(allowed_addresses="203.0.113.0/24") as s:
        assert (await failure(s.jobs.GetJob(REQUEST))).kind is ErrorKind.PERMISSION_DENIED
    async with suite(allowed_addresses="127.0.0.1") as s:
        await s.jobs.GetJob(REQUEST)
    stored = FakeKeys()
    _, key = stored.create(addresses=("127.0.0.0/8",))
    async with suite(require_keys=True, stored=stored, allowed_addresses="203.0.113.0/24") as s:
        denied = await failure(s.jobs.GetJob(REQUEST, metadata=[("x-api-key", key)]))
        assert denied.kind is ErrorKind.PERMISSION_DENIED
        assert "주소" in denied.message("ko")
