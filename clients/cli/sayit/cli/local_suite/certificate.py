"""The name in the gateway's certificate, for the bridge to check it against."""

from __future__ import annotations

import ssl

from sayit.chassis.tls_probe import first_name


def name_in(certificate: str, key: str) -> str:
    """A name that this server certificate is valid for; empty where it cannot be read.

    Python reads names only out of a certificate that a handshake has verified, so one is made, in memory: the
    certificate is its own authority there.
    """
    try:
        server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server_side.load_cert_chain(certificate, key)
        client_side = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client_side.check_hostname = False
        client_side.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        client_side.load_verify_locations(certificate)
        return first_name(_shaken(server_side, client_side).getpeercert() or {})
    except (OSError, ssl.SSLError):
        return ""


def _shaken(server_side: ssl.SSLContext, client_side: ssl.SSLContext) -> ssl.SSLObject:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_side.wrap_bio(to_server, to_client, server_side=True)
    client = client_side.wrap_bio(to_client, to_server)
    for side in (client, server, client, server):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return client
