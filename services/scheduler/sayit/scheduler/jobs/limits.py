"""The numbers that the use cases obey; `settings.py` and the file of presets fill them in."""

from __future__ import annotations

from dataclasses import dataclass, fields

from sayit.speech.presets import Presets


@dataclass(kw_only=True)
class Limits:
    """Limits and lifetimes. Seconds and bytes. All use cases share one object, so that `adopt` changes it for all."""

    max_upload_bytes: int
    max_active_jobs: int
    max_active_jobs_per_tenant: int
    #: Minutes of audio of a tenant, such as "600/hour; 5000/day"; empty: any.
    tenant_audio: str
    #: New audio is refused while less is free; 0 for no such limit.
    min_free_bytes: int
    #: Uploads of a tenant that no job uses.
    max_uploads_per_tenant: int
    upload_ttl_s: float
    #: How long a text is cached for the same request; 0: never.
    cache_ttl_s: float
    #: Most that the chunks' texts kept for that may take, for each tenant; 0: chunks are not kept.
    chunk_cache_bytes: int
    #: Whether what is in doubt is decoded once more.
    redecode: bool
    #: Without a heartbeat for this long, a claim is over.
    lease_s: float
    #: How often transcribers send heartbeats.
    heartbeat_s: float
    #: A dispatch that is unclaimed for this long is repeated.
    redispatch_s: float
    #: Chunks in the queue beyond what free slots would take at once, per model.
    dispatch_ahead: int
    #: How long preparing or merging may go on without renewing its lease.
    work_lease_s: float
    #: How often preparing a job is tried before it fails.
    max_prepare_attempts: int
    #: A job that has not ended by then fails.
    job_ttl_s: float
    #: How long a live session waits for its client to come back.
    live_resume_s: float
    #: How often transcribers report.
    report_s: float
    #: How each language is decoded.
    presets: Presets
    #: How often loops check for work without a wake-up, and how long a loop rests after an error.
    sweep_s: float = 1.0

    @property
    def scarce_bytes(self) -> int:
        """With less free, tenants that hold more than others get no more, and uploads without a job go early."""
        return 2 * self.min_free_bytes

    def adopt(self, other: Limits) -> None:
        """Takes over all numbers of another."""
        for field in fields(self):
            setattr(self, field.name, getattr(other, field.name))
