"""Settings of the bridge."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from sayit.chassis.settings import Secrets, ServiceSettings


class BridgeSettings(ServiceSettings):
    """All settings of the bridge."""

    bridge_listen: str = Field(
        default="127.0.0.1:3000",
        description="Where the REST bridge and its web page listen: host:port (port 0: any free one).",
    )
    gateway_address: str = Field(
        default="127.0.0.1:50051",
        description="Where the bridge reaches the gateway: host:port, or any gRPC target.",
    )
    gateway_tls: bool = Field(default=False, description="Whether the bridge connects to the gateway with TLS.")
    gateway_root_certificates: Path | None = Field(
        default=None, description="PEM certificates that the bridge trusts instead of the system's; implies TLS."
    )
    gateway_name: str = Field(
        default="", description="Name that the gateway's certificate has to be valid for; empty: the address's host."
    )
    gateway_client_certificate: Path | None = Field(
        default=None,
        description="PEM file of the certificate chain and private key that the bridge shows to a gateway that asks "
        "for one (SAYIT_TLS_CLIENT_CA_FILE); implies TLS.",
    )
    signing_secrets: Secrets = Field(
        default=SecretStr(""),
        description="Secret of which the keys are made that sign requests, as the scheduler has it; empty: signed "
        "requests are refused.",
    )
    tls_cert_file: Path | None = Field(
        default=None, description="PEM certificate chain; HTTPS is on when it and SAYIT_TLS_KEY_FILE are set."
    )
    tls_key_file: Path | None = Field(default=None, description="PEM private key of the certificate.")
    bridge_client_ca_file: Path | None = Field(
        default=None,
        description="PEM certificates of authorities: the bridge's clients must then show a certificate that one of "
        "these signed, beside their key.",
    )
    allow_unauthenticated: bool = Field(
        default=False,
        description="Listen beyond loopback although the gateway asks for no API keys: every client that connects is "
        "served.",
    )
    cors_origins: str = Field(
        default="",
        description="Origins of web pages that may use the API, separated by commas, such as https://app.example.com; "
        "* allows all. The bridge's own page needs none.",
    )
    allowed_hosts: str = Field(
        default="",
        description="Host names under which the bridge is addressed, separated by commas; * allows all. Empty: this "
        "machine's own while it listens on loopback (which stops DNS rebinding), else all.",
    )
    max_upload_mb: int = Field(default=100, ge=1, description="Largest upload in megabytes (10^6 bytes).")
    bridge_max_uploads: int = Field(
        default=250, ge=1, description="Uploads that a bridge receives at once; beyond, new ones are refused."
    )
    bridge_max_connections: int = Field(
        default=2_000, ge=1, description="Connections that a bridge has open at once; further ones get 503."
    )
    upload_idle_s: float = Field(
        default=20.0, gt=0, description="Seconds without a byte after which an upload's sender is cut off."
    )
    upload_min_bytes_per_s: int = Field(
        default=2_000, ge=0, description="Slowest mean speed of an upload's sender, from its 20th second on."
    )
    header_timeout_s: float = Field(
        default=10.0, gt=0, description="Seconds that a client may take to send a request's head."
    )
    slow_reader_s: float = Field(
        default=60.0,
        gt=0,
        description="Seconds after which a client that does not read its answer or events is cut off.",
    )
    heartbeat_interval_s: float = Field(
        default=15.0, gt=0, description="Seconds of silence on a stream of events after which a comment is sent."
    )
    bridge_live_idle_s: float = Field(
        default=300.0, gt=0, description="Seconds without a message after which a client of live speech is cut off."
    )
    max_wait_s: float = Field(default=60.0, ge=0, description="Longest `wait` of a request, in seconds.")
    sync_wait: float = Field(
        default=20.0, ge=0, description="Seconds that POST /api/transcribe waits for a short file's text."
    )
    openai_models: str = Field(
        default="",
        description="Further names that OpenAI's clients may ask for: NAME=MODEL,...; an empty MODEL stands for the "
        "default one, as whisper-1, gpt-4o-transcribe and OpenAI's other names do.",
    )

    @property
    def max_upload_bytes(self) -> int:
        """The largest upload in bytes."""
        return self.max_upload_mb * 1_000_000

    @property
    def origins(self) -> tuple[str, ...]:
        """The allowed origins."""
        return _listed(self.cors_origins)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names that were given as allowed hosts."""
        return _listed(self.allowed_hosts)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
