"""Where requests may go that clients cause: to public addresses by https, and to hosts that the operator trusts.

A name is resolved once, its addresses are checked, and the connection goes to one of them: a name that means something
else a moment later changes nothing.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

#: Longest URL, in characters.
MAX_URL_CHARS = 2_000
#: Port by scheme.
_PORTS = {"https": 443, "http": 80}
_HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
_URL = re.compile(r"[\x21-\x7e]+")
#: Public by their number, and yet inside: addresses that carry an IPv4 address (NAT64, 6to4, Teredo), protocol
#: assignments with Oracle's metadata, Azure's.
_INSIDE = tuple(
    map(
        ip_network,
        ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/23", "192.0.0.0/24", "168.63.129.16/32"),
    )
)

#: Takes a host and a port, returns addresses.
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class RefusedError(Exception):
    """Nothing is sent there; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A URL, taken apart."""

    scheme: str
    host: str
    port: int
    #: Path and query.
    path: str

    @property
    def authority(self) -> str:
        """The host as a Host header names it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


async def resolved(host: str, port: int) -> Sequence[str]:
    """A host's addresses, by the system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


@dataclass(frozen=True, kw_only=True)
class Destinations:
    """What an operator allows."""

    #: Hosts, or patterns such as `*.example.com`; empty: every public one.
    allowed: Sequence[str] = ()
    #: `host` or `host:port` of the operator's own: over http, too, and at private addresses.
    trusted: Sequence[str] = ()
    resolve: Resolve = resolved

    def target(self, url: str) -> Target:
        """Takes a URL apart and checks what can be checked without asking a name server.

        Raises:
            RefusedError: it is no URL to which anything may be sent.
        """
        if len(url) > MAX_URL_CHARS or not _URL.fullmatch(url):
            raise RefusedError(f"it has more than {MAX_URL_CHARS} characters, or other than printable ASCII characters")
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").rstrip("."), parts.port or _PORTS.get(parts.scheme, 0)
        except ValueError:
            raise RefusedError("it is no URL") from None
        if parts.scheme not in _PORTS or not host or not port:
            raise RefusedError("it does not begin with https:// and a host")
        if "@" in parts.netloc:
            raise RefusedError("a name or password is in front of the host")
        target = Target(scheme=parts.scheme, host=host, port=port, path=_path(parts.path, parts.query))
        trusted = self._trusts(target)
        if target.scheme == "http" and not trusted:
            raise RefusedError("http is only for hosts that the operator trusts")
        if self.allowed and not trusted and not any(fnmatchcase(host, pattern) for pattern in self.allowed):
            raise RefusedError("the operator does not allow this host")
        if (address := _address(host)) is not None:
            self._check(target, address)
        elif not _HOST.fullmatch(host):
            raise RefusedError("the host's name is none")
        return target

    async def addresses(self, target: Target) -> Sequence[str]:
        """The addresses of a target, each of them one that may be called.

        Raises:
            RefusedError: one may not.
            OSError: the name is unknown.
        """
        found = await self.resolve(target.host, target.port)
        for text in found:
            address = _address(text)
            if address is None:
                raise RefusedError("a name server answered with no address")
            self._check(target, address)
        return found

    def _check(self, target: Target, address: IPv4Address | IPv6Address) -> None:
        if is_public(address):
            return
        plain = _unmapped(address)
        own = (plain.is_private or plain.is_loopback) and not (plain.is_link_local or plain.is_unspecified)
        if not (own and self._trusts(target)):
            raise RefusedError("its address is not public")

    def _trusts(self, target: Target) -> bool:
        return target.host in self.trusted or f"{target.host}:{target.port}" in self.trusted


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether it belongs to a host in the internet, and reaches nothing that is inside."""
    plain = _unmapped(address)
    inside = any(plain in network for network in _INSIDE if network.version == plain.version)
    return plain.is_global and not plain.is_multicast and not inside


def _unmapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    return getattr(address, "ipv4_mapped", None) or address


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _path(path: str, query: str) -> str:
    return (path or "/") + (f"?{query}" if query else "")
