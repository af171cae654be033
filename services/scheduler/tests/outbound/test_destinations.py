"""Where requests may go that clients cause."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from sayit.scheduler.outbound.destinations import Destinations, RefusedError, Resolve

INSIDE = (
    *("127.0.0.1", "127.1.2.3", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254"),
    *("168.63.129.16", "192.0.0.192", "224.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fc00::1", "ff02::1"),
    *("fd00:ec2::254", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:1::"),
)


def answering(*addresses: str) -> Resolve:
    """A name server with one answer."""

    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return addresses

    return resolve


@pytest.mark.parametrize("address", INSIDE)
async def test_inner_addresses_are_refused(address: str) -> None:
    """As an address in the URL, and as what a name means, even beside a public address."""
    literal = f"[{address}]" if ":" in address else address
    with pytest.raises(RefusedError, match="not public"):
        Destinations().target(f"https://{literal}/hook")
    destinations = Destinations(resolve=answering("93.184.215.14", address))
    with pytest.raises(RefusedError, match="not public"):
        await destinations.addresses(destinations.target("https://example.com/hook"))


async def test_public_addresses_are_allowed() -> None:
    """Of both kinds, and with a port, a path and a query, which arrive as they are."""
    destinations = Destinations(resolve=answering("93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"))
    target = destinations.target("https://Example.com:8443/a/b?c=%20d#e")
    assert (target.authority, target.path) == ("example.com:8443", "/a/b?c=%20d")
    assert len(await destinations.addresses(target)) == 2
    assert destinations.target("https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]").authority.startswith("[2606:")


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.com/", "ftp://example.com/", "file:///etc/passwd", "https://", "https:///x", "example.com"),
        *("https://user:secret@example.com/", "https://example.com@127.0.0.1/", "https://exa mple.com/", ""),
        *("https://example.com/\r\nX: y", "https://example.com:99999/", "https://[::1/", "https://-a.com/"),
        *("https://é.com", "https://a..b/"),
        "https://example.com/" + "a" * 2_000,
    ],
)
def test_urls_that_are_none_are_refused(url: str) -> None:
    """Whatever would be read in two ways is not read at all."""
    with pytest.raises(RefusedError):
        Destinations().target(url)


async def test_trusted_hosts_may_be_inside() -> None:
    """Over http, too, and at one port if one is named; never at an address of the link, where metadata are."""
    destinations = Destinations(trusted=["hooks.internal", "other.internal:8080"], resolve=answering("10.0.0.7"))
    for url in ("http://hooks.internal:9000/x", "https://hooks.internal/x", "http://other.internal:8080/"):
        assert await destinations.addresses(destinations.target(url)) == ("10.0.0.7",)
    with pytest.raises(RefusedError):
        destinations.target("http://other.internal/")
    rebound = Destinations(trusted=["hooks.internal"], resolve=answering("169.254.169.254"))
    with pytest.raises(RefusedError, match="not public"):
        await rebound.addresses(rebound.target("https://hooks.internal/"))


def test_an_operator_can_name_all_hosts() -> None:
    """Exactly, or with everything below a domain; trusted hosts need not be named twice."""
    destinations = Destinations(allowed=["example.com", "*.example.org"], trusted=["hooks.internal"])
    for host in ("example.com", "EXAMPLE.com.", "a.b.example.org", "hooks.internal"):
        assert destinations.target(f"https://{host}/")
    for host in ("www.example.com", "example.org", "example.com.evil.net"):
        with pytest.raises(RefusedError, match="does not allow"):
            destinations.target(f"https://{host}/")
