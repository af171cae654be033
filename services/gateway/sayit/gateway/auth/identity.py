"""What credentials stand for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sayit.chassis.principal import Principal
from sayit.gateway.settings import Network

#: How the ids of callers with a token begin.
TOKEN_ID = "jwt:"  # noqa: S105 - no secret


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A caller, and what it may do."""

    principal: Principal
    #: Some of `api_keys.SCOPES`.
    scopes: Collection[str]
    #: How many requests it may send; empty: as the settings say.
    requests: str = ""
    #: From where it may call; empty: from anywhere.
    networks: tuple[Network, ...] = ()


def is_token(credential: str) -> bool:
    """Whether this may be a token: three parts between dots, which no key has."""
    return credential.count(".") == 2
