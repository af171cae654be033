"""The certificate that a server of ours presents: a health check over TLS needs one to trust.

Nothing secret is sent with a health check, so whatever is presented is trusted. The address asked is one of this
machine or of its network, which few certificates name.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sayit.chassis.start import split_address

#: What a client of HTTP/2 sends first, and an empty SETTINGS frame.
_HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))


@dataclass(frozen=True, kw_only=True)
class ServerCertificate:
    """What a TLS client needs to trust a server as it is."""

    #: The server's certificate, PEM.
    certificate: bytes
    #: A name that it is valid for; empty if it has none.
    name: str


class CertificateWantedError(ssl.SSLError):
    """A gRPC server hung up after the handshake, as it does where a client shows no certificate."""


async def server_certificate(address: str) -> ServerCertificate:
    """What the server at "host:port" presents.

    Raises:
        CertificateWantedError: it wants a certificate of its clients.
        ssl.SSLCertVerificationError: it presents a certificate that no client takes, such as an expired one.
        OSError: no TLS server answers there.
    """
    unverified = _context()
    unverified.verify_mode = ssl.CERT_NONE
    der = (await _shaken(address, unverified))[0]
    # Python reads names only out of a certificate that it has verified: it is its own authority now.
    verified = _context()
    verified.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    verified.load_verify_locations(cadata=der)
    _, certificate = await _shaken(address, verified)
    return ServerCertificate(certificate=ssl.DER_cert_to_PEM_cert(der).encode(), name=first_name(certificate))


def first_name(certificate: Mapping[str, Any]) -> str:
    """A name of a certificate as `SSLObject.getpeercert` tells it: a host's, an address, or its common name; or ""."""
    names = certificate.get("subjectAltName", ())
    hosts = [value.replace("*", "any", 1) for kind, value in names if kind == "DNS"]
    addresses = [ipaddress.ip_address(value).compressed for kind, value in names if kind == "IP Address"]
    subject = (entry for relative in certificate.get("subject", ()) for entry in relative)
    common = [value for kind, value in subject if kind == "commonName" and not names]
    return str(next(iter([*hosts, *addresses, *common]), ""))


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.set_alpn_protocols(["h2"])
    return context


async def _shaken(address: str, context: ssl.SSLContext) -> tuple[bytes, Mapping[str, Any]]:
    """Shakes hands; the certificate in DER and, where it was verified, what it says."""
    reader, writer = await asyncio.open_connection(*split_address(address), ssl=context)
    try:
        shaken: ssl.SSLObject = writer.get_extra_info("ssl_object")
        writer.write(_HTTP2)
        if not await reader.read(1):
            raise CertificateWantedError
        return shaken.getpeercert(binary_form=True) or b"", shaken.getpeercert() or {}
    finally:
        writer.transport.abort()
