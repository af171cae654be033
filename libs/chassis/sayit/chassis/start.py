"""Why a process cannot start, and whether it may listen where it is told to."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket


class StartError(Exception):
    """The process cannot start as it is set; the text is one line for the operator."""


def split_address(address: str) -> tuple[str, int]:
    """Splits "host:port"; the host of "[::1]:50051" is "::1".

    Raises:
        StartError: not of that form.
    """
    host, colon, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise StartError(f"{address!r} is no address to listen on: write host:port, such as 127.0.0.1:50051")
    return host, int(port)


def is_unix(address: str) -> bool:
    """Whether the address is a Unix socket's: only processes of this machine reach it."""
    return address.startswith(("unix:", "unix-abstract:"))


def is_loopback(address: str) -> bool:
    """Whether only processes of this machine can reach the address: a loopback host or a Unix socket.

    A name counts as loopback only if everything it resolves to does. Wildcards (0.0.0.0, ::) do not.

    Raises:
        StartError: the host does not resolve.
    """
    if is_unix(address):
        return True
    return all(ipaddress.ip_address(ip.partition("%")[0]).is_loopback for _, ip in _resolved(address))


def check_free(address: str) -> None:
    """Tries to bind a TCP address, so that a taken one is told in one line and not by gRPC's own log.

    Raises:
        StartError: something else listens there, or this machine does not have the address.
    """
    if is_unix(address):
        return
    _, port = split_address(address)
    failures: list[OSError] = []
    resolved = _resolved(address)
    for family, ip in resolved:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                probe.bind((ip, port))
            except OSError as error:
                failures.append(error)
    taken = [error for error in failures if error.errno == errno.EADDRINUSE]
    if taken or len(failures) == len(resolved):
        first = (taken or failures)[0]
        raise StartError(f"cannot listen on {address}: {os.strerror(first.errno or 0).lower()}")


def _resolved(address: str) -> list[tuple[socket.AddressFamily, str]]:
    host, port = split_address(address)
    try:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise StartError(f"cannot listen on {address}: the host {host!r} does not resolve ({error.strerror})") from None
    return sorted({(family, str(sockaddr[0])) for family, _, _, _, sockaddr in infos})
