"""From where calls may come: the client's address, behind proxies that are trusted, and the networks that may call."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from urllib.parse import unquote

from sayit.gateway.settings import Address, GatewaySettings, Network, networks_of
from sayit.speech.errors import ErrorKind, SayItError, Sentence

#: What a proxy appends the address to from which it was called.
FORWARDED_FOR = "x-forwarded-for"
#: Most proxies in a row that are looked at.
_MOST_PROXIES = 20

_NOT_FROM_HERE = Sentence(
    en="Calls from this address are not allowed, or not with this key.",
    ko="이 주소에서의 호출은 허용되지 않거나, 이 키로는 허용되지 않습니다.",
)


class AddressRules:
    """Which addresses may call."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._allowed: tuple[Network, ...] = ()
        self._proxies: tuple[Network, ...] = ()
        self.adopt(settings)

    def adopt(self, now: GatewaySettings) -> None:
        """Takes the lists that hold now."""
        self._allowed = networks_of(now.allowed_addresses)
        self._proxies = networks_of(now.trusted_proxies)

    def concern(self, networks: Sequence[Network]) -> bool:
        """Whether a caller with these networks has to be checked."""
        return bool(self._allowed or networks)

    def check(self, peer: str, forwarded: Iterable[str], networks: Sequence[Network]) -> None:
        """Checks a call.

        Args:
            peer: the other end of the connection, as gRPC names it.
            forwarded: every `x-forwarded-for` of the call, in order.
            networks: those of the caller's key; none: any.

        Raises:
            SayItError: PERMISSION_DENIED for an address that may not call, or that is not known.
        """
        address = client_address(peer, forwarded, self._proxies)
        for allowed in (self._allowed, networks):
            if allowed and (address is None or not _is_in(address, allowed)):
                raise SayItError(
                    ErrorKind.PERMISSION_DENIED, sentences=_NOT_FROM_HERE, cause=f"called from {address or peer[:60]}"
                )


def client_address(peer: str, forwarded: Iterable[str], proxies: Sequence[Network]) -> Address | None:
    """The client's address: the last one, from the connection backwards, that is no trusted proxy's.

    Only what a trusted proxy has written is read, and what came before it a client may have written. A Unix socket
    counts as this machine. None where a proxy has written what is no address.
    """
    told = [one.strip() for text in forwarded for one in text.split(",")]
    address = _of_peer(peer)
    for _ in range(_MOST_PROXIES):
        if address is None or not told or not _is_in(address, proxies):
            return address
        address = _address(told.pop())
    return None


def is_near(peer: str, forwarded: Iterable[str]) -> bool:
    """Whether a call comes from this machine: its connection, and all that a proxy or a client says of where it began.

    No proxy has to be trusted for it: what is said can only take the trust in this machine away.
    """
    told = [one.strip() for text in forwarded for one in text.split(",")]
    addresses = [_of_peer(peer), *map(_address, told)]
    return all(address is not None and address.is_loopback for address in addresses)


def _is_in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)


def _of_peer(peer: str) -> Address | None:
    """The address of "ipv4:10.0.0.1:5", "ipv6:[::1]:5", "unix:…"."""
    kind, _, rest = unquote(peer).partition(":")
    return ipaddress.ip_address("127.0.0.1") if kind == "unix" else _address(rest)


def _address(text: str) -> Address | None:
    """An address, perhaps with a port; IPv4 inside of IPv6 is IPv4."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, ipaddress.IPv6Address) else found
