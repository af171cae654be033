"""What an operator sees and does, over all tenants."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sayit.chassis.principal import Principal
from sayit.chassis.settings import ServiceSettings, held
from sayit.scheduler.api.job_control import Control, page_position, token_of, view
from sayit.scheduler.db.objects import Objects
from sayit.scheduler.db.stores import Stores
from sayit.scheduler.ingest.uploads import Intake, JobRequest
from sayit.scheduler.jobs.limits import Limits
from sayit.scheduler.jobs.records import JobRecord
from sayit.speech.administration import (
    AuditEntry,
    JobCount,
    LegalHold,
    LimitUse,
    ModelQueue,
    OwnedJob,
    Queue,
    QueuedChunks,
    SettingInForce,
    UsageGroup,
    UsageReport,
    WebhookMessage,
)
from sayit.speech.audio import seconds_of
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import JobState

_DAY_S = 86_400.0
_MEGABYTE = 1_000_000
#: Days of usage without a time that it begins.
_USUAL_DAYS = 30
#: Tenants whose jobs are told one by one, those with the most.
_TENANTS = 20
#: Characters of a hold's reason, and of a tenant's name.
_MAX_REASON, _MAX_TENANT = 200, 64
#: The furthest clocks from UTC, in minutes.
_FURTHEST_CLOCK = 14 * 60


@dataclass(kw_only=True, eq=False)
class AdminControl:
    """All tenants' jobs, usage, limits, settings, webhooks and the audit log."""

    stores: Stores
    control: Control
    intake: Intake
    limits: Limits
    objects: Objects
    #: The settings that hold now.
    settings: Callable[[], ServiceSettings]

    async def usage(
        self, *, since_s: float | None, groups: Sequence[UsageGroup], tenant: str, utc_offset_minutes: int, limit: int
    ) -> UsageReport:
        """What ended jobs used; by default in the last 30 days.

        Raises:
            SayItError: INVALID_ARGUMENT for an offset that no clock has, or a limit below 0.
        """
        if abs(utc_offset_minutes) > _FURTHEST_CLOCK:
            raise _invalid("utc_offset_minutes", "no clock is so far from UTC")
        begin_s = time.time() - _USUAL_DAYS * _DAY_S if since_s is None else since_s
        rows = await self.stores.usage.usage(
            since_s=begin_s,
            groups=groups,
            tenant=tenant,
            utc_offset_s=utc_offset_minutes * 60,
            limit=_bounded("limit", limit, usual=1_000, most=10_000),
        )
        errors = await self.stores.usage.errors(since_s=begin_s, tenant=tenant)
        kept_days = self.stores.rules.usage_s / _DAY_S
        return UsageReport(rows=tuple(rows), errors=tuple(errors), kept_days=kept_days)

    async def queue(self) -> Queue:
        """What there is to do."""
        load = await self.stores.transcribers.load()
        online = {each.model for each in await self.control.registry.online()}
        models = sorted(online | load.oldest_s.keys() | load.uncut_samples.keys())
        return Queue(
            jobs=tuple(JobCount(model=model, state=state, jobs=n) for (model, state), n in sorted(load.jobs.items())),
            chunks=tuple(
                QueuedChunks(model=model, lane=lane, state=state, chunks=n, audio_s=seconds_of(samples))
                for (model, lane, state), (n, samples) in sorted(load.chunks.items())
            ),
            models=tuple(
                ModelQueue(
                    model=model,
                    oldest_s=load.oldest_s.get(model, 0.0),
                    uncut_s=seconds_of(load.uncut_samples.get(model, 0)),
                )
                for model in models
            ),
        )

    async def list_jobs(
        self, *, states: Sequence[JobState], tenant: str, page_size: int, token: str
    ) -> tuple[list[OwnedJob], str]:
        """A page of jobs, newest first, and the next page's token (empty on the last page)."""
        size = _bounded("page_size", page_size, usual=50, most=1_000)
        found = await self.stores.jobs.list_jobs(
            tenant or None,
            states=states,
            labels={},
            created_after_s=0.0,
            before=page_position(token) if token else None,
            limit=size + 1,
        )
        page = found[:size]
        return [_owned(job) for job in page], token_of(page[-1]) if len(found) > size else ""

    async def cancel(self, job_id: str) -> OwnedJob:
        """Cancels a job; an ended one stays as it is."""
        job = await self.stores.jobs.get_job(None, job_id)
        await self.control.cancel(_owner(job), job_id)
        return _owned(await self.stores.jobs.get_job(None, job_id))

    async def retry(self, job_id: str) -> OwnedJob:
        """A new job on an ended one's audio, with its options and for its owner; the same one if it was made before.

        Raises:
            SayItError: JOB_NOT_FOUND, JOB_NOT_FINISHED; what accepting a job may raise.
        """
        job = await self.stores.jobs.get_job(None, job_id)
        if not job.state.terminal:
            raise SayItError(ErrorKind.JOB_NOT_FINISHED, job_id=job_id, retry_after_s=1.0)
        wanted = JobRequest(
            options=job.requested,
            filename=job.filename,
            key=f"retry-of-{job.id}",
            labels=job.labels,
            traceparent=job.traceparent,
            callback_url=job.callback_url,
        )
        made = await self.intake.create_job_on(_owner(job), wanted, job.upload_id)
        await self.stores.audit.note("job.retry", tenant=job.tenant, subject=job.id, detail=f"job={made.id}")
        return _owned(made)

    async def limits_in_use(self) -> list[LimitUse]:
        """Bounds, and how much of each is used: of the installation, then of the tenants with the most jobs."""
        tenants = await self.stores.jobs.active_by_tenant(limit=_TENANTS)
        load = await self.stores.transcribers.load()
        free = await self.objects.free_bytes()
        found = [
            LimitUse(name="SAYIT_MAX_ACTIVE_JOBS", used=sum(load.jobs.values()), most=self.limits.max_active_jobs),
        ]
        if free is not None:
            least = self.limits.min_free_bytes / _MEGABYTE
            found.append(LimitUse(name="SAYIT_MIN_FREE_MB", used=free // _MEGABYTE, most=least))
        name, most = "SAYIT_MAX_ACTIVE_JOBS_PER_TENANT", self.limits.max_active_jobs_per_tenant
        return found + [LimitUse(name=name, tenant=tenant, used=number, most=most) for tenant, number in tenants]

    def settings_in_force(self) -> list[SettingInForce]:
        """The scheduler's settings, without secrets."""
        return [
            SettingInForce(process="scheduler", name=one.name, value=value, source=source, reloadable=one.reloadable)
            for one, value, source in held(self.settings())
        ]

    async def webhook_messages(self, limit: int) -> list[WebhookMessage]:
        """The newest messages, newest first."""
        rows = await self.stores.webhooks.newest(limit=_bounded("limit", limit, usual=50, most=1_000))
        same = ("id", "tenant", "job_id", "url", "state", "attempts", "status", "detail")
        return [
            WebhookMessage(**{name: row[name] for name in same}, created_at_s=row["created_s"], due_at_s=row["due_s"])
            for row in rows
        ]

    async def replay_webhook(self, message_id: str) -> bool:
        """Sends a message again; whether there is one."""
        return await self.stores.webhooks.replay(message_id)

    async def audit_entries(self, *, tenant: str, limit: int) -> list[AuditEntry]:
        """The newest rows of the audit log, newest first."""
        size = _bounded("limit", limit, usual=50, most=1_000)
        rows = await self.stores.audit.newest(tenant=tenant, limit=size)
        return [AuditEntry(**{name: value for name, value in row.items() if name != "id"}) for row in rows]

    async def hold(self, *, job_id: str, tenant: str, reason: str) -> LegalHold:
        """Keeps a job, or all of a tenant's, from being deleted.

        Raises:
            SayItError: JOB_NOT_FOUND; INVALID_ARGUMENT for neither of them, or a reason that is too long.
        """
        if len(reason) > _MAX_REASON or not reason.isprintable():
            raise _invalid("reason", f"it has more than {_MAX_REASON} characters, or some that are not printable")
        return await self.stores.holds.place(*await self._held(job_id, tenant), reason)

    async def release(self, *, job_id: str, tenant: str) -> bool:
        """Ends a hold; whether there was one. Errors as above."""
        return await self.stores.holds.release(*await self._held(job_id, tenant))

    async def _held(self, job_id: str, tenant: str) -> tuple[str, str]:
        """Tenant and job of a hold."""
        if job_id:
            return (await self.stores.jobs.get_job(None, job_id)).tenant, job_id
        if not 0 < len(tenant) <= _MAX_TENANT:
            raise _invalid("tenant", f"name a job, or a tenant of at most {_MAX_TENANT} characters")
        return tenant, ""


def _owner(job: JobRecord) -> Principal:
    return Principal(key_id=job.key_id, tenant=job.tenant)


def _owned(job: JobRecord) -> OwnedJob:
    return OwnedJob(job=view(job, job.progress()), tenant=job.tenant, key_id=job.key_id)


def _bounded(field: str, asked: int, *, usual: int, most: int) -> int:
    if asked < 0:
        raise _invalid(field, "it is negative")
    return min(asked or usual, most)


def _invalid(field: str, reason: str) -> SayItError:
    return SayItError(ErrorKind.INVALID_ARGUMENT, field=field, reason=reason)
