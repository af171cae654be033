"""sayit.v1.AdminService: passed to the scheduler, with what only this gateway knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sayit.chassis.settings import held
from sayit.gateway.api import check_ids
from sayit.gateway.auth.access import check_near
from sayit.gateway.limits.slots import Slots
from sayit.gateway.settings import GatewaySettings
from sayit.speech.administration import LimitUse, SettingInForce
from sayit.speech.wire.administration import limit_to_proto, setting_to_proto
from sayit.v1 import admin_service_pb2 as pb
from sayit.v1 import admin_service_pb2_grpc

if TYPE_CHECKING:
    from sayit.v1.admin_service_pb2_grpc import AdminServiceAsyncStub


def _passed(method: str) -> Any:
    async def forward(self: AdminServicer, request: Any, context: Any) -> Any:
        return await self.forwarded(method, request, context)

    return forward


class AdminServicer(admin_service_pb2_grpc.AdminServiceServicer):
    """Administration.

    Args:
        scheduler: the scheduler's service.
        open: whether there are no keys; then callers must be on this machine. Scopes are checked before.
        slots: what this gateway counts, by the setting of its bound.
        settings: those that hold now.
    """

    def __init__(
        self,
        scheduler: AdminServiceAsyncStub,
        *,
        open: bool,  # noqa: A002 - nothing is opened here
        slots: Mapping[str, Slots],
        settings: Callable[[], GatewaySettings],
    ) -> None:
        self._scheduler = scheduler
        self._open = open
        self._slots = slots
        self._settings = settings

    GetUsage = _passed("GetUsage")
    GetQueue = _passed("GetQueue")
    ListOwnedJobs = _passed("ListOwnedJobs")
    CancelOwnedJob = _passed("CancelOwnedJob")
    RetryOwnedJob = _passed("RetryOwnedJob")
    ListWebhookMessages = _passed("ListWebhookMessages")
    ReplayWebhookMessage = _passed("ReplayWebhookMessage")
    ListAuditEntries = _passed("ListAuditEntries")
    ListLegalHolds = _passed("ListLegalHolds")
    PlaceLegalHold = _passed("PlaceLegalHold")
    ReleaseLegalHold = _passed("ReleaseLegalHold")

    async def ListLimits(self, request: pb.ListLimitsRequest, context: Any) -> pb.ListLimitsResponse:
        """The gateway's bounds, then the scheduler's."""
        answer: pb.ListLimitsResponse = await self.forwarded("ListLimits", request, context)
        own = [LimitUse(name=name, used=slots.used, most=slots.limit) for name, slots in self._slots.items()]
        return pb.ListLimitsResponse(limits=[*map(limit_to_proto, own), *answer.limits])

    async def ListSettings(self, request: pb.ListSettingsRequest, context: Any) -> pb.ListSettingsResponse:
        """The gateway's settings, then the scheduler's."""
        answer: pb.ListSettingsResponse = await self.forwarded("ListSettings", request, context)
        own = [
            SettingInForce(process="gateway", name=one.name, value=value, source=source, reloadable=one.reloadable)
            for one, value, source in held(self._settings())
        ]
        return pb.ListSettingsResponse(settings=[*map(setting_to_proto, own), *answer.settings])

    async def forwarded(self, method: str, request: Any, context: Any) -> Any:
        """The scheduler's answer, for a caller who may have it."""
        if self._open:
            check_near(context.peer(), context.invocation_metadata() or ())
        check_ids(request)
        return await getattr(self._scheduler, method)(request, timeout=context.time_remaining())
