"""What an operator asks of an installation: all tenants' jobs, usage, the queue, limits, settings, webhooks, audit."""

from __future__ import annotations

from collections.abc import Iterable

from sayit.client.connection import GatewayConnection
from sayit.speech.administration import (
    AuditEntry,
    LegalHold,
    LimitUse,
    OwnedJob,
    Queue,
    SettingInForce,
    UsageGroup,
    UsageReport,
    WebhookMessage,
)
from sayit.speech.jobs import JobState
from sayit.speech.wire import administration as wire
from sayit.speech.wire import job_state_to_proto, timestamp_to_proto
from sayit.v1 import admin_service_pb2 as pb


class Administration:
    """`AsyncClient.admin`: for keys with the scope admin; each method is one call, tried again without harm.

    Where an installation has no keys, it answers on the gateway's own machine only.

    Args:
        connection: an open channel.
    """

    def __init__(self, connection: GatewayConnection) -> None:
        self._connection = connection

    async def usage(
        self,
        groups: Iterable[UsageGroup] = (),
        *,
        since_s: float | None = None,
        tenant: str = "",
        utc_offset_minutes: int = 0,
        limit: int = 0,
    ) -> UsageReport:
        """What ended jobs used.

        Args:
            groups: by what rows are told apart; one row of everything without any.
            since_s: only jobs that ended since then, in seconds since the epoch; the last 30 days by default.
            tenant: only this tenant's.
            utc_offset_minutes: days begin at midnight of a clock that is so far ahead of UTC.
            limit: rows at most; 1000 by default.
        """
        request = pb.GetUsageRequest(
            since=None if since_s is None else timestamp_to_proto(since_s),
            groups=map(wire.usage_group_to_proto, groups),
            tenant=tenant,
            utc_offset_minutes=utc_offset_minutes,
            limit=limit,
        )
        return wire.usage_from_proto(await self._connection.unary(self._connection.admin.GetUsage, request))

    async def queue(self) -> Queue:
        """What there is to do."""
        return wire.queue_from_proto(
            await self._connection.unary(self._connection.admin.GetQueue, pb.GetQueueRequest())
        )

    async def jobs(
        self, states: Iterable[JobState] = (), *, tenant: str = "", page_size: int = 0, page_token: str = ""
    ) -> tuple[list[OwnedJob], str]:
        """A page of all tenants' jobs, newest first, and the token of the next one ("" on the last page)."""
        request = pb.ListOwnedJobsRequest(
            states=map(job_state_to_proto, states), tenant=tenant, page_size=page_size, page_token=page_token
        )
        page = await self._connection.unary(self._connection.admin.ListOwnedJobs, request)
        return list(map(wire.owned_job_from_proto, page.jobs)), page.next_page_token

    async def cancel(self, job_id: str) -> OwnedJob:
        """Cancels a job of any tenant; an ended one stays as it is."""
        request = pb.CancelOwnedJobRequest(job_id=job_id)
        return wire.owned_job_from_proto(await self._connection.unary(self._connection.admin.CancelOwnedJob, request))

    async def retry(self, job_id: str) -> OwnedJob:
        """A new job on an ended one's audio, with its options, for its owner; JOB_NOT_FINISHED before its end.

        The same call again returns the job that the first one made.
        """
        request = pb.RetryOwnedJobRequest(job_id=job_id)
        return wire.owned_job_from_proto(await self._connection.unary(self._connection.admin.RetryOwnedJob, request))

    async def limits(self) -> list[LimitUse]:
        """Bounds, and how much of each is used now."""
        answer = await self._connection.unary(self._connection.admin.ListLimits, pb.ListLimitsRequest())
        return list(map(wire.limit_from_proto, answer.limits))

    async def settings(self) -> list[SettingInForce]:
        """Settings in force, without secrets, of the gateway and the scheduler that answer."""
        answer = await self._connection.unary(self._connection.admin.ListSettings, pb.ListSettingsRequest())
        return list(map(wire.setting_from_proto, answer.settings))

    async def webhooks(self, limit: int = 0) -> list[WebhookMessage]:
        """The newest webhook messages, newest first; 50 by default."""
        request = pb.ListWebhookMessagesRequest(limit=limit)
        answer = await self._connection.unary(self._connection.admin.ListWebhookMessages, request)
        return list(map(wire.webhook_from_proto, answer.messages))

    async def replay_webhook(self, message_id: str) -> bool:
        """Sends a message again, from now on and under its id; whether there is one."""
        request = pb.ReplayWebhookMessageRequest(message_id=message_id)
        return (await self._connection.unary(self._connection.admin.ReplayWebhookMessage, request)).found

    async def audit(self, *, tenant: str = "", limit: int = 0) -> list[AuditEntry]:
        """The newest rows of the audit log, newest first; 50 by default."""
        request = pb.ListAuditEntriesRequest(tenant=tenant, limit=limit)
        answer = await self._connection.unary(self._connection.admin.ListAuditEntries, request)
        return list(map(wire.audit_entry_from_proto, answer.entries))

    async def holds(self) -> list[LegalHold]:
        """Legal holds, the oldest first."""
        answer = await self._connection.unary(self._connection.admin.ListLegalHolds, pb.ListLegalHoldsRequest())
        return list(map(wire.hold_from_proto, answer.holds))

    async def hold(self, *, job_id: str = "", tenant: str = "", reason: str = "") -> LegalHold:
        """Keeps a job, or all jobs and uploads of a tenant, from being deleted by anyone; again, it changes the reason.

        Raises:
            SayItError: JOB_NOT_FOUND; INVALID_ARGUMENT unless a job or a tenant is named.
        """
        request = pb.PlaceLegalHoldRequest(**_subject(job_id, tenant), reason=reason)
        return wire.hold_from_proto(await self._connection.unary(self._connection.admin.PlaceLegalHold, request))

    async def release(self, *, job_id: str = "", tenant: str = "") -> bool:
        """Ends a hold; whether there was one. What is due to be deleted goes then. Errors as above."""
        request = pb.ReleaseLegalHoldRequest(**_subject(job_id, tenant))
        return (await self._connection.unary(self._connection.admin.ReleaseLegalHold, request)).found


def _subject(job_id: str, tenant: str) -> dict[str, str]:
    return {"held_job_id": job_id} if job_id else {"tenant": tenant}
