"""Settings of the gateway."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from sayit.chassis.settings import RELOADABLE, Limit, ServiceSettings
from sayit.speech.chunk_queue import PREFIX, PREFIX_PATTERN


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
    api_keys_file: Path | None = Field(
        default=None,
        description="File of hashed API keys, made by `sayit keys create`; without it all are one local principal.",
    )
    allow_unauthenticated: bool = Field(
        default=False,
        description="Listen beyond loopback although there are no API keys: every client that connects is served.",
    )
    tls_cert_file: Path | None = Field(
        default=None,
        description="PEM certificate chain of the gateway; TLS is on when it and SAYIT_TLS_KEY_FILE are set.",
    )
    tls_key_file: Path | None = Field(default=None, description="PEM private key of the gateway's certificate.")
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
