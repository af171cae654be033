"""Administration: `/v1/admin`, for keys with the scope admin; without API keys, for this machine only."""

from __future__ import annotations

import time
from datetime import datetime
from ipaddress import IPv6Address, ip_address
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import ConfigDict, Field

from sayit.bridge.gateway_client import Gateway
from sayit.bridge.http.dependencies import Caller, Parts
from sayit.bridge.http.documents import Document, JobDocument, Seconds, job_document
from sayit.bridge.http.openapi import JobId, problems
from sayit.bridge.http.problems import language_of
from sayit.chassis.settings import held
from sayit.speech.administration import OwnedJob, UsageGroup
from sayit.speech.errors import ErrorKind, SayItError, Sentence
from sayit.speech.jobs import JobState

_FAR_AWAY = Sentence(
    en="Without API keys, administration is open in a browser on the server's own machine only.",
    ko="API 키가 설정되지 않은 서버의 관리 기능은 그 서버의 브라우저에서만 사용할 수 있습니다.",
)
#: Headers by which a proxy says that it speaks for a client elsewhere.
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


class _Plain(Document):
    model_config = ConfigDict(from_attributes=True, frozen=True, extra="ignore")


class UsageRowDocument(_Plain):
    """What ended jobs of a group used; what rows are not told apart by is empty."""

    day: str = Field(description="Such as 2026-01-31.")
    tenant: str
    key_id: str
    model: str
    jobs: int
    completed: int = Field(description="Those with a transcript that the model made.")
    cached: int = Field(description="Those that the cache answered.")
    failed: int
    cancelled: int
    audio_s: Seconds = Field(description="Length of their recordings.")
    mean_s: Seconds | None = Field(
        description="From acceptance to the transcript, of `completed` without live sessions; null without any."
    )
    median_s: Seconds | None
    p95_s: Seconds | None = Field(description="95 % of them took no longer.")


class AccessDocument(Document):
    """Whether a caller may administrate."""

    allowed: bool


class ErrorCountDocument(_Plain):
    """How often jobs failed for one reason."""

    code: str
    jobs: int


class UsageReportDocument(_Plain):
    """What was used in a time."""

    rows: list[UsageRowDocument] = Field(description="The newest day first, then the most audio.")
    errors: list[ErrorCountDocument] = Field(description="Of all rows together, the most frequent first.")
    kept_days: float = Field(description="Days that usage is kept (SAYIT_USAGE_DAYS); 0: it is not noted.")


class JobCountDocument(_Plain):
    """Jobs that have not ended."""

    model: str
    state: str
    jobs: int


class QueuedChunksDocument(_Plain):
    """Chunks without a text."""

    model: str
    lane: str = Field(description="interactive, bulk")
    state: str = Field(description="waiting (in the database), queued (in the queue), running")
    chunks: int
    audio_s: Seconds


class ModelQueueDocument(_Plain):
    """How a model's queue is."""

    model: str
    oldest_s: Seconds = Field(description="Since when the oldest chunk waits for a transcriber.")
    uncut_s: Seconds = Field(description="Audio that files declare and that is not cut into chunks yet.")


class QueueDocument(_Plain):
    """What there is to do."""

    jobs: list[JobCountDocument]
    chunks: list[QueuedChunksDocument]
    models: list[ModelQueueDocument]


class OwnedJobDocument(Document):
    """A job, and whose it is."""

    tenant: str
    key_id: str = Field(description="Id of the key that made it.")
    job: JobDocument


class OwnedJobListDocument(Document):
    """A page of jobs, newest first."""

    jobs: list[OwnedJobDocument]
    next_page_token: str = Field(description="Empty on the last page.")


class LimitUseDocument(_Plain):
    """A bound, and how much of it is used."""

    name: str = Field(description="The setting.")
    tenant: str = Field(description="Empty for one of the whole installation or of the gateway that answers.")
    used: float
    most: float = Field(description="0: no bound. SAYIT_MIN_FREE_MB is what must be left of what is `used`: free.")


class SettingDocument(_Plain):
    """A setting of a running process."""

    process: str
    name: str
    value: str = Field(description="`***` for a secret that is set.")
    source: str = Field(description="variable, default, or a file's path")
    reloadable: bool = Field(description="Whether a change takes effect while the process runs.")


class WebhookMessageDocument(_Plain):
    """A message about a job's end, and what came of it."""

    id: str
    tenant: str
    job_id: str
    url: str
    state: str = Field(description="pending, delivered, failed, gone")
    attempts: int
    status: int = Field(description="HTTP status of the last answer; 0 for none.")
    detail: str
    created_at: datetime = Field(validation_alias="created_at_s")
    due_at: datetime = Field(validation_alias="due_at_s", description="When it is tried next, if it is pending.")


class ReplayedDocument(Document):
    """Whether a message is sent again."""

    found: bool


class AuditEntryDocument(_Plain):
    """Who did what."""

    at: datetime = Field(validation_alias="at_s")
    tenant: str
    key_id: str
    action: str
    subject: str
    detail: str


class LegalHoldDocument(_Plain):
    """What is kept from being deleted."""

    tenant: str
    job_id: str = Field(description="Empty for all jobs and uploads of the tenant.")
    reason: str
    key_id: str = Field(description="Who placed it.")
    created_at: datetime = Field(validation_alias="created_at_s")


class ReleasedDocument(Document):
    """Whether there was a hold."""

    found: bool


async def _operator(request: Request, deps: Parts, gateway: Caller) -> Gateway:
    """The gateway, for a caller who may administrate.

    The gateway knows scopes. Where it asks for no keys, all that counts is where the client is, which only the bridge
    sees: to the gateway every request comes from here.
    """
    if not _near(request):
        try:
            await deps.gateway.models()
        except SayItError as error:
            if error.kind is not ErrorKind.UNAUTHENTICATED:
                raise
        else:
            raise SayItError(ErrorKind.PERMISSION_DENIED, sentences=_FAR_AWAY, cause="administration without keys")
    return gateway


def _near(request: Request) -> bool:
    """Whether the client is on this machine, and no proxy that says to speak for another one."""
    if request.client is None or any(name in request.headers for name in _FORWARDED):
        return False
    try:
        host = ip_address(request.client.host)
    except ValueError:
        return False
    return ((host.ipv4_mapped if isinstance(host, IPv6Address) else None) or host).is_loopback


#: A parameter of a route: the gateway, for a caller who may administrate.
Operator = Annotated[Gateway, Depends(_operator)]
Tenant = Annotated[str, Query(max_length=64, description="Only this tenant's; empty for all.")]
HeldJob = Annotated[str, Query(max_length=64, description="The job, of any tenant; either it or a tenant.")]
HeldTenant = Annotated[str, Query(max_length=64, description="All jobs and uploads of this tenant.")]
Limit = Annotated[int, Query(ge=1, le=1000, description="At most so many.")]

routes = APIRouter(prefix="/v1/admin", tags=["administration"])


@routes.get("/usage", responses=problems())
async def get_usage(
    gateway: Operator,
    by: Annotated[list[UsageGroup] | None, Query(description="What rows are told apart by.")] = None,
    since: Annotated[datetime | None, Query(description="Only jobs that ended since then; 30 days.")] = None,
    tenant: Tenant = "",
    utc_offset_minutes: Annotated[
        int, Query(ge=-840, le=840, description="Days begin at midnight of a clock that is so far ahead of UTC.")
    ] = 0,
    limit: Annotated[int, Query(ge=1, le=10_000, description="Rows at most.")] = 1_000,
) -> UsageReportDocument:
    """What ended jobs used: audio, jobs, errors, time."""
    report = await gateway.admin.usage(
        by or (),
        since_s=None if since is None else since.timestamp(),
        tenant=tenant,
        utc_offset_minutes=utc_offset_minutes,
        limit=limit,
    )
    return UsageReportDocument.model_validate(report)


@routes.get("", responses=problems())
async def get_access(request: Request, deps: Parts, gateway: Caller) -> AccessDocument:
    """Whether you may administrate; for pages that lead there."""
    try:
        await (await _operator(request, deps, gateway)).admin.limits()
    except SayItError as error:
        if error.kind is not ErrorKind.PERMISSION_DENIED:
            raise
        return AccessDocument(allowed=False)
    return AccessDocument(allowed=True)


@routes.get("/queue", responses=problems())
async def get_queue(gateway: Operator) -> QueueDocument:
    """What there is to do: jobs, chunks, audio, and how long the oldest waits."""
    return QueueDocument.model_validate(await gateway.admin.queue())


@routes.get("/jobs", responses=problems())
async def list_all_jobs(
    request: Request,
    gateway: Operator,
    state: Annotated[list[JobState] | None, Query(description="Only jobs in one of these states.")] = None,
    tenant: Tenant = "",
    page_size: Annotated[int, Query(ge=1, le=1000)] = 50,
    page_token: Annotated[str, Query(max_length=512, description="`next_page_token` of the page before.")] = "",
) -> OwnedJobListDocument:
    """List the jobs of all tenants, newest first."""
    jobs, token = await gateway.admin.jobs(state or (), tenant=tenant, page_size=page_size, page_token=page_token)
    return OwnedJobListDocument(jobs=[_document(job, request) for job in jobs], next_page_token=token)


@routes.post("/jobs/{job_id}:cancel", responses=problems(ErrorKind.JOB_NOT_FOUND))
async def cancel_any_job(request: Request, gateway: Operator, job_id: JobId) -> OwnedJobDocument:
    """Cancel a job of any tenant; one that has ended stays as it is."""
    return _document(await gateway.admin.cancel(job_id), request)


@routes.post(
    "/jobs/{job_id}:retry",
    responses=problems(ErrorKind.JOB_NOT_FOUND, ErrorKind.JOB_NOT_FINISHED, ErrorKind.UPLOAD_NOT_FOUND),
)
async def retry_any_job(request: Request, gateway: Operator, job_id: JobId) -> OwnedJobDocument:
    """Make a new job of an ended one: the same audio and options, for its owner; again, it is the one made before."""
    return _document(await gateway.admin.retry(job_id), request)


@routes.get("/limits", responses=problems())
async def list_limits(gateway: Operator) -> list[LimitUseDocument]:
    """Bounds, and how much of each is used."""
    return list(map(LimitUseDocument.model_validate, await gateway.admin.limits()))


@routes.get("/settings", responses=problems())
async def list_settings(deps: Parts, gateway: Operator) -> list[SettingDocument]:
    """Settings in force, without secrets, of the scheduler and the gateway that answer, and of this bridge."""
    found = list(map(SettingDocument.model_validate, await gateway.admin.settings()))
    own = (
        SettingDocument(process="bridge", name=one.name, value=value, source=source, reloadable=one.reloadable)
        for one, value, source in held(deps.settings)
    )
    return [*found, *own]


@routes.get("/webhooks", responses=problems())
async def list_webhook_messages(gateway: Operator, limit: Limit = 50) -> list[WebhookMessageDocument]:
    """The newest webhook messages, newest first."""
    return list(map(WebhookMessageDocument.model_validate, await gateway.admin.webhooks(limit)))


@routes.post("/webhooks/{message_id}:replay", responses=problems())
async def replay_webhook_message(
    gateway: Operator,
    message_id: Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z_-]+$")],
) -> ReplayedDocument:
    """Send a webhook message again, from now on and under its id."""
    return ReplayedDocument(found=await gateway.admin.replay_webhook(message_id))


@routes.get("/audit", responses=problems())
async def list_audit_entries(gateway: Operator, tenant: Tenant = "", limit: Limit = 50) -> list[AuditEntryDocument]:
    """The newest rows of the audit log, newest first."""
    entries = await gateway.admin.audit(tenant=tenant, limit=limit)
    return list(map(AuditEntryDocument.model_validate, entries))


@routes.get("/holds", responses=problems())
async def list_legal_holds(gateway: Operator) -> list[LegalHoldDocument]:
    """Legal holds, the oldest first."""
    return list(map(LegalHoldDocument.model_validate, await gateway.admin.holds()))


@routes.put("/holds", responses=problems(ErrorKind.JOB_NOT_FOUND))
async def place_legal_hold(
    gateway: Operator,
    job_id: HeldJob = "",
    tenant: HeldTenant = "",
    reason: Annotated[str, Query(max_length=200, description="Why, for the list and the audit log.")] = "",
) -> LegalHoldDocument:
    """Keep a job, or all of a tenant, from being deleted by anyone, until it is released."""
    return LegalHoldDocument.model_validate(await gateway.admin.hold(job_id=job_id, tenant=tenant, reason=reason))


@routes.delete("/holds", responses=problems(ErrorKind.JOB_NOT_FOUND))
async def release_legal_hold(gateway: Operator, job_id: HeldJob = "", tenant: HeldTenant = "") -> ReleasedDocument:
    """End a hold; what is due to be deleted goes then."""
    return ReleasedDocument(found=await gateway.admin.release(job_id=job_id, tenant=tenant))


def _document(owned: OwnedJob, request: Request) -> OwnedJobDocument:
    job = job_document(owned.job, language_of(request), now_s=time.time())
    return OwnedJobDocument(tenant=owned.tenant, key_id=owned.key_id, job=job)
