"""Settings of the gateway."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field, SecretStr

from sayit.chassis.settings import RELOADABLE, Limit, Secrets, ServiceSettings
from sayit.speech.api_keys import DEFAULT_SCOPES, SCOPES
from sayit.speech.chunk_queue import PREFIX, PREFIX_PATTERN

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks_of(text: str) -> tuple[Network, ...]:
    """The networks of a list that is separated by commas; an address alone is the network of this one.

    Raises:
        ValueError: it lists something else.
    """
    return tuple(map(ipaddress.ip_network, listed(text)))


def _checked_networks(text: str) -> str:
    networks_of(text)
    return text


#: Networks, separated by commas.
Networks = Annotated[str, AfterValidator(_checked_networks)]

#: How tokens can be signed: with pairs of keys only, of which the gateway has the public ones.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")


def _checked_algorithms(text: str) -> str:
    if not listed(text) or not set(listed(text)) <= set(ALGORITHMS):
        raise ValueError(f"write some of {', '.join(ALGORITHMS)}")
    return text


def scopes_of(text: str) -> dict[str, str]:
    """Our scopes by the issuer's.

    Raises:
        ValueError: it is no list of THEIRS=OURS.
    """
    pairs = [one.rpartition("=") for one in listed(text)]
    if not all(theirs and ours in SCOPES for theirs, _, ours in pairs):
        raise ValueError(f"write THEIRS=OURS, separated by commas, where OURS is one of {', '.join(SCOPES)}")
    return {theirs: ours for theirs, _, ours in pairs}


def _checked_scopes(text: str) -> str:
    scopes_of(text)
    return text


def clients_of(text: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Tenant and scopes by the name of a certificate.

    Raises:
        ValueError: it is no list of NAME=TENANT or NAME=TENANT:SCOPE+SCOPE.
    """
    clients: dict[str, tuple[str, tuple[str, ...]]] = {}
    for one in text.split():
        name, _, whose = one.rpartition("=")
        tenant, colon, scopes = whose.partition(":")
        if not name or not tenant or name in clients or (colon and not set(scopes.split("+")) <= set(SCOPES)):
            form = "write NAME=TENANT or NAME=TENANT:SCOPE+SCOPE with spaces between, each name once"
            raise ValueError(f"{form}; scopes are {', '.join(SCOPES)}")
        clients[name] = tenant, tuple(scopes.split("+")) if colon else DEFAULT_SCOPES
    return clients


def _checked_clients(text: str) -> str:
    clients_of(text)
    return text


def listed(text: str) -> tuple[str, ...]:
    """What a list that is separated by commas holds."""
    return tuple(one.strip() for one in text.split(",") if one.strip())


class GatewaySettings(ServiceSettings):
    """All settings of the gateway."""

    listen: str = Field(
        default="127.0.0.1:50051",
        description="Where the gateway listens: host:port (port 0: any free one) or unix:/path.",
    )
    scheduler_address: str = Field(
        default="127.0.0.1:50052",
        description="Where the others reach the scheduler: host:port. Several schedulers: a DNS name that stands for "
        "all of them, or ip:port,ip:port.",
    )
    require_keys: bool = Field(
        default=False,
        description="Whether callers need an API key, of the scheduler's database (`sayit keys create`). Without this, "
        "a file of keys or tokens, all are one local principal.",
    )
    api_keys_file: Path | None = Field(
        default=None,
        description="File of hashed API keys, beside those of the database; callers need a key where it is set.",
    )
    allowed_addresses: Networks = Field(
        default="",
        description="Networks from which clients may call, separated by commas, such as 10.0.0.0/8,203.0.113.7; empty: "
        "any. Keys may have lists of their own beside it.",
        json_schema_extra=RELOADABLE,
    )
    trusted_proxies: Networks = Field(
        default="",
        description="Networks of proxies, bridges among them, whose x-forwarded-for is believed, separated by commas; "
        "empty: no proxy's, and the client is the other end of the connection.",
        json_schema_extra=RELOADABLE,
    )
    allow_unauthenticated: bool = Field(
        default=False,
        description="Listen beyond loopback although there are no API keys: every client that connects is served.",
    )
    signing_secrets: Secrets = Field(
        default=SecretStr(""),
        description="Secret of which the keys are made that sign requests, as the scheduler has it; empty: signed "
        "requests are refused.",
    )
    jwt_issuer: str = Field(
        default="",
        description="Issuer (`iss`) of the tokens (JWT) that are taken beside keys; empty: none are.",
    )
    jwt_audience: str = Field(
        default="", description="Audience (`aud`) that tokens must be made for; needed where an issuer is set."
    )
    jwt_jwks: str = Field(
        default="",
        description="Keys of the issuer (JWKS), as a file or an https:// address; needed where an issuer is set.",
    )
    jwt_algorithms: Annotated[str, AfterValidator(_checked_algorithms)] = Field(
        default="RS256,ES256",
        description=f"How tokens may be signed, separated by commas, out of {', '.join(ALGORITHMS)}.",
    )
    jwt_tenant: str = Field(
        default="", description="Tenant of everyone with a token; empty: the token says it, see SAYIT_JWT_TENANT_CLAIM."
    )
    jwt_tenant_claim: str = Field(
        default="tenant", description="Claim that has the tenant; a path with dots where no claim has this name."
    )
    jwt_scopes_claim: str = Field(
        default="scope",
        description="Claim that has the scopes, as a text with spaces or a list; a path with dots where no claim has "
        "this name, such as realm_access.roles.",
    )
    jwt_scopes: Annotated[str, AfterValidator(_checked_scopes)] = Field(
        default="transcribe=transcribe,read=read",
        description="What the issuer's scopes stand for, as THEIRS=OURS separated by commas; others stand for nothing.",
    )
    tls_cert_file: Path | None = Field(
        default=None,
        description="PEM certificate chain of the gateway; TLS is on when it and SAYIT_TLS_KEY_FILE are set.",
    )
    tls_key_file: Path | None = Field(default=None, description="PEM private key of the gateway's certificate.")
    tls_client_ca_file: Path | None = Field(
        default=None,
        description="PEM certificates of authorities: clients, bridges among them, must then show a certificate that "
        "one of these signed (mutual TLS), beside their key.",
    )
    tls_clients: Annotated[str, AfterValidator(_checked_clients)] = Field(
        default="",
        description="Whose calls those are that come with a certificate and without a key: NAME=TENANT or "
        "NAME=TENANT:SCOPE+SCOPE, with spaces between, by its DNS name or URI (subject alternative names). Needs "
        "SAYIT_TLS_CLIENT_CA_FILE; other callers need a key then.",
        json_schema_extra=RELOADABLE,
    )
    max_uploads: int = Field(
        default=256,
        ge=1,
        description="Uploads that a gateway receives at once; beyond, new ones are refused.",
        json_schema_extra=RELOADABLE,
    )
    max_watchers: int = Field(
        default=2000,
        ge=1,
        description="Streams of events that a gateway serves at once; beyond, new ones are refused.",
        json_schema_extra=RELOADABLE,
    )
    max_live_sessions: int = Field(
        default=64,
        ge=1,
        description="Live sessions that a gateway serves at once; beyond, new ones are refused.",
        json_schema_extra=RELOADABLE,
    )
    max_connections: int = Field(
        default=4000, ge=1, description="Connections that a gateway has open at once; further ones are closed at once."
    )
    live_idle_s: float = Field(
        default=60.0,
        ge=0,
        description="Seconds after which the call of a live session ends whose client sends neither audio nor "
        "KEEP_ALIVE; it may come back. 0: never.",
    )
    upload_message_s: float = Field(
        default=150.0,
        ge=0,
        description="Seconds that an upload's sender may take for one message, after which it is cut off: one of 256 "
        "KiB takes 130 at 2 kB/s. 0: any time.",
    )
    upload_min_bytes_per_s: int = Field(
        default=2_000, ge=0, description="Slowest mean speed of an upload's sender, a first MiB apart. 0: any."
    )
    key_requests: Limit = Field(
        default="",
        description="Requests that one key may send, such as 600/minute, or 20/second; 10000/hour. Empty: any number.",
        json_schema_extra=RELOADABLE,
    )
    tenant_requests: Limit = Field(
        default="",
        description="Requests that all keys of a tenant may send together, in the same form.",
        json_schema_extra=RELOADABLE,
    )
    redis_url: SecretStr = Field(
        default=SecretStr(""),
        description="Redis or Valkey in which all gateways count requests together; empty: each counts its own.",
    )
    redis_prefix: str = Field(
        default=PREFIX,
        pattern=PREFIX_PATTERN,
        description="What the names of keys and channels in Redis begin with: installations that share one need "
        "different ones, all services of one the same.",
    )
    slow_reader_s: float = Field(
        default=60.0,
        ge=0,
        description="Seconds after which a call ends whose caller does not read what it is sent; a watcher resumes. "
        "0: never.",
    )
    resume_s: float = Field(
        default=60.0, ge=0, description="Seconds that a watcher's stream survives while the scheduler does not answer."
    )
    max_connection_age_s: float = Field(
        default=0.0,
        ge=0,
        description="Age in seconds at which connections are asked to reconnect, so that new gateways get their share; "
        "running calls go on. 0: never.",
    )

    @property
    def asks_for_keys(self) -> bool:
        """Whether callers need credentials."""
        return self.require_keys or self.api_keys_file is not None or bool(self.jwt_issuer or self.tls_clients)
