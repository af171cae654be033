"""API keys as callers see them: whose they are, what they may do, and until when; never what they read."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sayit.speech.errors import ErrorKind, SayItError

#: What a key may be for: to send audio and change what one has; to read it; all, and to manage the tenant's keys.
SCOPES = TRANSCRIBE, READ, ADMIN = "transcribe", "read", "admin"
#: Those of a key that was made without any.
DEFAULT_SCOPES = (TRANSCRIBE, READ)
#: Most keys of one tenant that have not ended.
MAX_KEYS = 1_000
#: Most characters of a name and of a tenant, and most networks of one key.
MAX_NAME_CHARS, MAX_TENANT_CHARS, MAX_ADDRESSES = 100, 64, 50
#: How long a key that is rotated is valid beside the new one, in seconds, where nothing else is said.
OVERLAP_S = 86_400.0
#: The longest time for which a key can be made, in seconds: a hundred years.
MAX_VALID_S = 100 * 365 * 86_400.0


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """A key, without what it reads."""

    #: The public part of what it reads, `sayit_ID_SECRET` or `sayitsig_ID_SECRET`; names it in logs and on rows.
    id: str
    #: Whose data it may see.
    tenant: str
    #: For people.
    name: str = ""
    #: What it may do, some of `SCOPES`.
    scopes: tuple[str, ...] = DEFAULT_SCOPES
    #: Seconds since the epoch.
    created_at_s: float = 0.0
    #: When it ends, seconds since the epoch; None for one that has no end.
    expires_at_s: float | None = None
    #: When it was revoked, seconds since the epoch; None while it is not.
    revoked_at_s: float | None = None
    #: When it was used last, to about a minute, seconds since the epoch; None for one that never was.
    last_used_at_s: float | None = None
    #: How many requests it may send, such as "600/minute"; empty: as the installation's keys do.
    requests: str = ""
    #: Networks from which it may be used, such as "203.0.113.0/24"; none: from anywhere.
    addresses: tuple[str, ...] = ()
    #: Whether its holder signs requests with it, see `request_signatures`, and it is never sent itself.
    signed: bool = False

    @property
    def valid(self) -> bool:
        """Whether it is neither revoked nor over."""
        return self.revoked_at_s is None and (self.expires_at_s is None or self.expires_at_s > time.time())


@dataclass(frozen=True, kw_only=True)
class NewApiKey:
    """A key that was just made."""

    #: What is stored of it.
    key: ApiKey
    #: What it reads; it cannot be asked for again.
    secret: str


def checked_scopes(scopes: Sequence[str]) -> tuple[str, ...]:
    """Scopes of a key, each once, in the order of `SCOPES`; without any, `DEFAULT_SCOPES`.

    Raises:
        SayItError: INVALID_ARGUMENT for what is no scope.
    """
    if not set(scopes) <= set(SCOPES):
        raise _invalid("scopes", f"a key's scopes are some of {', '.join(SCOPES)}")
    return tuple(scope for scope in SCOPES if scope in scopes) or DEFAULT_SCOPES


def checked_addresses(addresses: Iterable[str]) -> tuple[str, ...]:
    """Networks in their usual form; an address alone is the network of this one.

    Raises:
        SayItError: INVALID_ARGUMENT for what is no network, and for too many.
    """
    given = list(addresses)
    if len(given) > MAX_ADDRESSES:
        raise _invalid("addresses", f"more than {MAX_ADDRESSES} networks")
    return tuple(dict.fromkeys(map(_network, given)))


def checked_name(name: str) -> str:
    """A key's name, without white space around it.

    Raises:
        SayItError: INVALID_ARGUMENT for one that is too long or has control characters.
    """
    if len(name) > MAX_NAME_CHARS or not name.isprintable():
        raise _invalid("name", f"a name has at most {MAX_NAME_CHARS} characters, and no control characters")
    return name.strip()


def checked_tenant(tenant: str) -> str:
    """A tenant's name.

    Raises:
        SayItError: INVALID_ARGUMENT for one that is empty, too long, or has control characters or spaces around it.
    """
    if not tenant or len(tenant) > MAX_TENANT_CHARS or not tenant.isprintable() or tenant != tenant.strip():
        raise _invalid("tenant", f"a tenant has 1 to {MAX_TENANT_CHARS} characters, and no control characters")
    return tenant


def checked_time(seconds: float, field: str) -> float:
    """A length of time that a key is valid.

    Raises:
        SayItError: INVALID_ARGUMENT for one below zero, or that no calendar reaches.
    """
    if not 0 <= seconds <= MAX_VALID_S:
        raise _invalid(field, "a time from zero to a hundred years")
    return seconds


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text.strip()))
    except ValueError:
        raise _invalid("addresses", f"'{text[:50]}' is no network: write such as 203.0.113.0/24") from None


def _invalid(field: str, reason: str) -> SayItError:
    return SayItError(ErrorKind.INVALID_ARGUMENT, field=field, reason=reason)
