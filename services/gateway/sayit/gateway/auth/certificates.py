"""Callers that are known by the certificates which they showed, by a setting that maps names to tenants and scopes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from sayit.chassis.principal import Principal
from sayit.gateway.auth.identity import Identity
from sayit.gateway.settings import GatewaySettings, clients_of

#: How the ids of callers with a certificate begin.
CERTIFICATE_ID = "cert:"
#: Longest name that is a part of an id as it is, in characters.
_NAME_CHARS = 59
#: Where gRPC has the alternative names of a certificate that was checked, and whether they are URIs.
_KINDS = {"peer_dns": False, "peer_uri": True}


class Certificates:
    """Who has which certificate."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._clients: dict[str, Identity] = {}
        self.adopt(settings)

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._clients)

    def adopt(self, now: GatewaySettings) -> None:
        """Takes the names that are mapped now."""
        self._clients = {
            name: Identity(principal=Principal(key_id=_id_of(name), tenant=tenant), scopes=scopes)
            for name, (tenant, scopes) in clients_of(now.tls_clients).items()
        }

    def identify(self, shown: Mapping[str, Iterable[bytes]]) -> Identity | None:
        """The caller with this certificate, as gRPC tells it; None for one without a name that is mapped.

        One with several such names is none, either: it would be a matter of their order who it is.
        """
        names = {
            (value.decode("utf-8", "replace"), is_uri)
            for kind, is_uri in _KINDS.items()
            for value in shown.get(kind, ())
        }
        found = [self._clients[name] for name, is_uri in names if name in self._clients and (":" in name) is is_uri]
        return found[0] if len(found) == 1 else None


def _id_of(name: str) -> str:
    """What names the caller in logs and on rows."""
    return CERTIFICATE_ID + (name if len(name) <= _NAME_CHARS else hashlib.sha256(name.encode()).hexdigest()[:32])
