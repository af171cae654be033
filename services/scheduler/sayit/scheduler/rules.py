"""What settings mean for the use cases and the transactions: their numbers, in the units that they work with."""

from __future__ import annotations

from sayit.scheduler.db.transactions import Rules
from sayit.scheduler.dispatch.order import choose
from sayit.scheduler.jobs.limits import Limits
from sayit.scheduler.settings import SchedulerSettings, hours_of, receivers_of
from sayit.speech.presets import Presets

_HOUR_S, _DAY_S = 3600.0, 86_400.0
_MEGABYTE = 1_000_000


def limits_of(settings: SchedulerSettings, presets: Presets, sweep_s: float) -> Limits:
    """The use cases' numbers."""
    return Limits(
        max_upload_bytes=settings.max_upload_mb * _MEGABYTE,
        max_active_jobs=settings.max_active_jobs,
        max_active_jobs_per_tenant=settings.max_active_jobs_per_tenant,
        tenant_audio=settings.tenant_audio_minutes,
        min_free_bytes=settings.min_free_mb * _MEGABYTE,
        max_uploads_per_tenant=settings.max_uploads_per_tenant,
        upload_ttl_s=settings.upload_ttl_h * _HOUR_S,
        cache_ttl_s=settings.cache_ttl_h * _HOUR_S,
        chunk_cache_bytes=settings.chunk_cache_mb * _MEGABYTE,
        redecode=settings.redecode,
        lease_s=settings.lease_s,
        heartbeat_s=settings.heartbeat_s,
        redispatch_s=settings.redispatch_s,
        dispatch_ahead=settings.dispatch_ahead,
        # Preparing and merging renew it every second; a scheduler's other duties may hold that up for a while.
        work_lease_s=3 * settings.lease_s,
        max_prepare_attempts=10,
        live_resume_s=settings.live_resume_s,
        job_ttl_s=settings.job_ttl_h * _HOUR_S,
        report_s=settings.report_s,
        presets=presets,
        sweep_s=sweep_s,
    )


def rules_of(settings: SchedulerSettings, *, webhooks: bool) -> Rules:
    """What transactions go by; `webhooks`: whether any are sent, which a restart decides."""
    return Rules(
        result_ttl_s=settings.result_ttl_h * _HOUR_S,
        choose=choose,
        tenant_ttl_s=_tenant_ttl_s(settings),
        delete_after_read=settings.delete_after_read.split(),
        read_again_s=settings.read_again_s,
        receivers=receivers_of(settings.webhook_urls) if webhooks else {},
        audit_s=settings.audit_days * _DAY_S,
        usage_s=settings.usage_days * _DAY_S,
    )


def _tenant_ttl_s(settings: SchedulerSettings) -> dict[str, float | None]:
    """How long ended jobs are kept of tenants that have a time of their own."""
    hours = hours_of(settings.tenant_result_ttl_h).items()
    return {tenant: None if ttl_h is None else ttl_h * _HOUR_S for tenant, ttl_h in hours}
