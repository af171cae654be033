"""The scheduler's settings."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator

from sayit.chassis.settings import FORMERLY, RELOADABLE, Limit, Secrets, ServiceSettings, secrets_of
from sayit.scheduler.outbound.destinations import Destinations
from sayit.speech.chunk_queue import PREFIX, PREFIX_PATTERN

#: A field that may change while the process runs.
_live = partial(Field, json_schema_extra=RELOADABLE)
#: What the URLs must look like, and how they are written.
_URLS = {
    "database_url": (r"sqlite(\+\w+)?:///.|postgresql\+asyncpg://.", "postgresql+asyncpg://user:password@host/name"),
    "redis_url": (r"(rediss?|unix)://.", "redis://:password@host:6379/0"),
    "storage_url": (r"(file|s3|gs)://[^/]|file:///.", "file:///folder, s3://bucket/prefix or gs://bucket/prefix"),
}


def receivers_of(text: str) -> dict[str, str]:
    """URLs of webhooks by tenant.

    Raises:
        ValueError: it is not tenant=URL.
    """
    pairs = [one.partition("=") for one in text.split()]
    if any(not (tenant and "://" in url) for tenant, _, url in pairs):
        raise ValueError("write tenant=https://..., with spaces between")
    return {tenant: url for tenant, _, url in pairs}


def hours_of(text: str) -> dict[str, float | None]:
    """How long a tenant's ended jobs are kept, in hours; None: until they are deleted.

    Raises:
        ValueError: it is not tenant=hours or tenant=keep.
    """
    hours = {
        tenant: None if told == "keep" else told for tenant, _, told in (one.rpartition("=") for one in text.split())
    }
    if not all(tenant and (told is None or re.fullmatch(r"\d+(\.\d+)?", told)) for tenant, told in hours.items()):
        raise ValueError("write tenant=hours or tenant=keep, with spaces between")
    return {tenant: None if told is None else float(told) for tenant, told in hours.items()}


class SchedulerSettings(ServiceSettings):
    """What the scheduler can be told."""

    scheduler_listen: str = Field("127.0.0.1:50052", description="host:port of the scheduler's internal gRPC API.")
    data_dir: Path = Field(Path(".sayit"), description="Folder for the database, objects and scratch files by default.")
    database_url: SecretStr = Field(
        SecretStr(""), description="SQLAlchemy URL with an asynchronous driver; empty: SQLite in the data folder."
    )
    storage_url: str = Field(
        "",
        description="Where audio and transcripts lie: file:///folder, s3://bucket/prefix; empty: in the data folder.",
    )
    audio_address_s: float = Field(
        0.0,
        ge=0,
        le=604_800,
        description="Seconds for which an address of the bucket is valid from which a client fetches a recording; "
        "0: none is given out.",
    )
    redis_url: SecretStr = Field(
        SecretStr("redis://127.0.0.1:6379/0"), description="Redis or Valkey: queue, wake-ups, events."
    )
    redis_prefix: str = Field(
        PREFIX,
        pattern=PREFIX_PATTERN,
        description="What the names of keys and channels in Redis begin with: installations that share one need "
        "different ones, all services of one the same.",
    )
    allow_evicting_redis: bool = Field(
        False, description="Start although Redis may evict keys, or does not say whether it does."
    )
    default_model: str = Field("", description="Model that an empty model option means; empty: what transcribers hold.")
    models_expected: str = Field(
        "",
        description="Models that can be asked for however long their transcribers are away, separated by commas; any "
        "other for ten minutes. What was asked for waits for them.",
    )
    transcribers_expected: int = Field(0, ge=0, description="Transcribers that should be online; 0: any number.")
    max_upload_mb: int = _live(100, ge=1, description="Largest upload in megabytes (10^6 bytes).")
    max_audio_s: float = Field(14_400.0, gt=0, description="Longest recording in seconds.")
    max_active_jobs: int = _live(10_000, ge=1, description="Jobs accepted and not ended; beyond, new ones are refused.")
    max_active_jobs_per_tenant: int = _live(
        5_000, ge=1, description="Jobs of one tenant accepted and not ended; beyond, its new ones are refused."
    )
    max_uploads_per_tenant: int = _live(
        1_000, ge=1, description="Uploads of one tenant that no job uses; beyond, its new ones are refused."
    )
    tenant_audio_minutes: Limit = _live(
        "", description="Minutes of audio that one tenant may send, such as 600/hour; 5000/day. Empty: any number."
    )
    min_free_mb: int = _live(
        200,
        ge=0,
        description="Megabytes that must be free where audio lies, if that is a local folder; with less, new audio is "
        "refused. With less than twice as much, it is refused to tenants that hold more than an equal part, "
        "and uploads without a job go after an hour. 0: not checked.",
    )
    result_ttl_h: float = _live(
        24.0,
        gt=0,
        description="Hours that an ended job, its audio and its text are kept, unless it is corrected; for jobs "
        "that end from now on.",
    )
    tenant_result_ttl_h: str = _live(
        "",
        description="The same for tenants that have their own: tenant=hours, or tenant=keep until a client deletes "
        "them, with spaces between.",
    )
    delete_after_read: str = _live(
        "",
        description="Tenants whose audio and text are deleted after the transcript was read, with spaces between, or * "
        "for all; a request may say otherwise (`delete_after_read`).",
    )
    read_again_s: float = _live(
        60.0,
        ge=0,
        description="Seconds for which such a transcript can be read again: its first answer may have broken.",
    )
    job_ttl_h: float = _live(
        48.0, gt=0, description="Hours after which a job that has not ended fails (its model may never be back)."
    )
    cache_ttl_h: float = _live(
        2.0,
        ge=0,
        description="Hours in which the same question is answered from the cache: the same file, and the same chunk of "
        "another file. 0: never.",
    )
    chunk_cache_mb: int = _live(
        64,
        ge=0,
        description="Megabytes of chunks' texts that are kept for that, for each tenant; the oldest go first. 0: only "
        "whole files are answered from the cache.",
    )
    redecode: bool = Field(
        True,
        description="Whether speech without text, disagreeing cuts and doubtful languages are decoded once more before "
        "a job ends.",
        json_schema_extra={**RELOADABLE, FORMERLY: "SAYIT_SECOND_LOOKS"},
    )
    upload_ttl_h: float = _live(24.0, gt=0, description="Hours that an upload without a job is kept.")
    audit_days: float = _live(
        30.0, ge=0, description="Days that the audit log is kept (`sayit audit`): who did what to which job. 0: none."
    )
    usage_days: float = _live(
        90.0,
        ge=0,
        description="Days that the usage of ended jobs is kept (`sayit admin usage`): whose they were, how long, how "
        "they ended; nothing that was said. 0: none.",
    )
    voice_threshold: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Probability of a voice from which on audio is transcribed: less finds quieter speech, more that "
        "is none. 0: all audio is transcribed. A request may name another (`voice_threshold`).",
    )
    prepare_concurrency: int = Field(2, ge=1, le=32, description="Recordings that are decoded and split at once.")
    lease_s: float = Field(
        5.0, gt=0, description="Seconds without a heartbeat after which a chunk is given to another."
    )
    heartbeat_s: float = Field(1.0, gt=0, description="Seconds between heartbeats of a transcriber at work.")
    redispatch_s: float = Field(
        10.0, gt=0, description="Seconds after which an unclaimed dispatch that the queue has lost is repeated."
    )
    dispatch_ahead: int = Field(2, ge=0, description="Chunks in the queue beyond what free transcribers take at once.")
    hallucination_phrases: Path | None = Field(
        None,
        description="File of more phrases that Whisper invents, one a line; docs/quality.md explains the form.",
        json_schema_extra={**RELOADABLE, FORMERLY: "SAYIT_GUARD_PHRASES"},
    )
    presets: Path | None = Field(
        None,
        description="File of decode options by language (TOML), laid over SayIt's own; read at the start. "
        "docs/quality.md explains the form.",
    )
    webhook_secrets: Secrets = Field(
        SecretStr(""),
        description="Secret of at least 32 characters that webhooks are signed with; empty: none are sent. To change "
        "it, put the new one in front of the old one, with a space between, until all receivers have theirs.",
    )
    signing_secrets: Secrets = Field(
        SecretStr(""),
        description="Secret of at least 32 characters of which the keys are made that sign requests, the same for "
        "scheduler, gateway and bridge; empty: there are none. To change it, put the new one in front of the old one, "
        "with a space between, until all such keys are rotated.",
    )
    webhook_urls: str = _live(
        "",
        description="Where the ends of jobs are told, beside where a job says: tenant=https://... for each, with "
        "spaces between; *=https://... for tenants without their own.",
    )
    redaction_secret: SecretStr = Field(
        SecretStr(""),
        description="Secret of at least 32 characters that hashes in redacted text are made with; empty: redaction "
        "writes tokens only. Another secret gives the same numbers other hashes.",
    )
    fetch_audio: bool = Field(
        False, description="Whether clients may name an address whose audio the scheduler fetches."
    )
    fetch_s: float = Field(600.0, gt=0, description="Seconds in which such a file must have arrived.")
    outbound_hosts: str = Field(
        "",
        description="Hosts that clients may have requests sent to, such as example.com *.example.org, with spaces "
        "between; empty: every public one.",
    )
    outbound_trusted: str = Field(
        "",
        description="Hosts of your own (host or host:port, with spaces between) that every client may have requests "
        "sent to, also over http and at private addresses.",
    )
    live_resume_s: float = _live(
        60.0,
        ge=0,
        description="Seconds in which the client of a live session whose call broke may come back; then the session is "
        "finished with what it has.",
    )
    report_s: float = Field(2.0, gt=0, description="Seconds between reports of a transcriber.")

    @field_validator("database_url", "redis_url", "storage_url")
    @classmethod
    def _is_a_url(cls, value: SecretStr | str, info: ValidationInfo) -> SecretStr | str:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        form, example = _URLS[info.field_name or ""]
        if text and not re.match(form, text):
            raise ValueError(f"it is no URL of a kind that works here: write {example}")
        return value

    @field_validator("redaction_secret")
    @classmethod
    def _is_long(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and len(value.get_secret_value()) < 32:
            raise ValueError("write at least 32 characters")
        return value

    @field_validator("tenant_result_ttl_h")
    @classmethod
    def _are_hours(cls, value: str) -> str:
        hours_of(value)
        return value

    @field_validator("webhook_urls")
    @classmethod
    def _are_receivers(cls, value: str) -> str:
        receivers_of(value)
        return value

    @model_validator(mode="after")
    def _heartbeats_fit_the_lease(self) -> Self:
        if self.heartbeat_s * 2 > self.lease_s:
            raise ValueError("SAYIT_HEARTBEAT_S must be at most half of SAYIT_LEASE_S, or healthy work is taken away")
        return self

    def secrets(self) -> tuple[str, ...]:
        """What webhooks are signed with, the newest first."""
        return secrets_of(self.webhook_secrets)

    def destinations(self) -> Destinations:
        """Where requests may go that clients cause."""
        allowed, trusted = self.outbound_hosts.lower().split(), self.outbound_trusted.lower().split()
        return Destinations(allowed=allowed, trusted=trusted)

    def database(self) -> str:
        """The database's URL."""
        given = self.database_url.get_secret_value()
        return given or f"sqlite:///{self.data_dir.resolve() / 'sayit.db'}"

    def storage(self) -> str:
        """The object store's URL."""
        return self.storage_url or f"file://{self.data_dir.resolve() / 'objects'}"
