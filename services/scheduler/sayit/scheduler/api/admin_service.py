"""`AdminService`: what gateways call for operators; they have checked the scope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import grpc

from sayit.chassis import telemetry
from sayit.scheduler.api.admin_control import AdminControl
from sayit.speech import wire
from sayit.speech.wire import administration as admin_wire
from sayit.v1 import admin_service_pb2 as pb
from sayit.v1 import admin_service_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(kw_only=True, eq=False)
class InternalAdminServicer(admin_service_pb2_grpc.AdminServiceServicer):
    """Translates between messages and use cases."""

    control: AdminControl

    async def GetUsage(self, request: pb.GetUsageRequest, context: Context) -> pb.UsageReport:
        """What jobs used."""
        report = await self.control.usage(
            since_s=wire.epoch_s(request.since) if request.HasField("since") else None,
            groups=[admin_wire.usage_group_from_proto(group) for group in request.groups],
            tenant=request.tenant,
            utc_offset_minutes=request.utc_offset_minutes,
            limit=request.limit,
        )
        return admin_wire.usage_to_proto(report)

    async def GetQueue(self, request: pb.GetQueueRequest, context: Context) -> pb.Queue:
        """What there is to do."""
        return admin_wire.queue_to_proto(await self.control.queue())

    async def ListOwnedJobs(self, request: pb.ListOwnedJobsRequest, context: Context) -> pb.ListOwnedJobsResponse:
        """All tenants' jobs."""
        jobs, token = await self.control.list_jobs(
            states=[wire.job_state_from_proto(state) for state in request.states],
            tenant=request.tenant,
            page_size=request.page_size,
            token=request.page_token,
        )
        return pb.ListOwnedJobsResponse(jobs=map(admin_wire.owned_job_to_proto, jobs), next_page_token=token)

    async def CancelOwnedJob(self, request: pb.CancelOwnedJobRequest, context: Context) -> pb.OwnedJob:
        """Cancels a job."""
        telemetry.bind(job_id=request.job_id[:64])
        return admin_wire.owned_job_to_proto(await self.control.cancel(request.job_id))

    async def RetryOwnedJob(self, request: pb.RetryOwnedJobRequest, context: Context) -> pb.OwnedJob:
        """Does a job again."""
        telemetry.bind(job_id=request.job_id[:64])
        return admin_wire.owned_job_to_proto(await self.control.retry(request.job_id))

    async def ListLimits(self, request: pb.ListLimitsRequest, context: Context) -> pb.ListLimitsResponse:
        """Bounds and their use."""
        return pb.ListLimitsResponse(limits=map(admin_wire.limit_to_proto, await self.control.limits_in_use()))

    async def ListSettings(self, request: pb.ListSettingsRequest, context: Context) -> pb.ListSettingsResponse:
        """The scheduler's settings."""
        return pb.ListSettingsResponse(settings=map(admin_wire.setting_to_proto, self.control.settings_in_force()))

    async def ListWebhookMessages(
        self, request: pb.ListWebhookMessagesRequest, context: Context
    ) -> pb.ListWebhookMessagesResponse:
        """Webhook messages."""
        messages = await self.control.webhook_messages(request.limit)
        return pb.ListWebhookMessagesResponse(messages=map(admin_wire.webhook_to_proto, messages))

    async def ReplayWebhookMessage(
        self, request: pb.ReplayWebhookMessageRequest, context: Context
    ) -> pb.ReplayWebhookMessageResponse:
        """Sends a webhook again."""
        return pb.ReplayWebhookMessageResponse(found=await self.control.replay_webhook(request.message_id))

    async def ListAuditEntries(
        self, request: pb.ListAuditEntriesRequest, context: Context
    ) -> pb.ListAuditEntriesResponse:
        """The audit log."""
        entries = await self.control.audit_entries(tenant=request.tenant, limit=request.limit)
        return pb.ListAuditEntriesResponse(entries=map(admin_wire.audit_entry_to_proto, entries))

    async def ListLegalHolds(self, request: pb.ListLegalHoldsRequest, context: Context) -> pb.ListLegalHoldsResponse:
        """Legal holds."""
        return pb.ListLegalHoldsResponse(holds=map(admin_wire.hold_to_proto, await self.control.stores.holds.holds()))

    async def PlaceLegalHold(self, request: pb.PlaceLegalHoldRequest, context: Context) -> pb.LegalHold:
        """Holds a job or a tenant."""
        hold = await self.control.hold(job_id=request.held_job_id, tenant=request.tenant, reason=request.reason)
        return admin_wire.hold_to_proto(hold)

    async def ReleaseLegalHold(
        self, request: pb.ReleaseLegalHoldRequest, context: Context
    ) -> pb.ReleaseLegalHoldResponse:
        """Ends a hold."""
        found = await self.control.release(job_id=request.held_job_id, tenant=request.tenant)
        return pb.ReleaseLegalHoldResponse(found=found)
