"""sayit.v1.SystemService."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import grpc

from sayit.v1 import system_service_pb2, system_service_pb2_grpc

if TYPE_CHECKING:
    from sayit.internal.v1.job_service_pb2_grpc import JobServiceAsyncStub

#: A scheduler that takes longer to report its status counts as down.
_TIMEOUT_S = 5.0

#: The scheduler does not answer; every other error comes from it, and is passed on.
_SILENT = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})


class SystemServicer(system_service_pb2_grpc.SystemServiceServicer):
    """The scheduler's status with the gateway's own part."""

    def __init__(self, scheduler: JobServiceAsyncStub) -> None:
        self._scheduler = scheduler

    async def GetStatus(self, request: system_service_pb2.GetStatusRequest, context: Any) -> system_service_pb2.Status:
        """Answers also while the scheduler does not; the answer then says so."""
        remaining = context.time_remaining()
        timeout = _TIMEOUT_S if remaining is None else min(remaining, _TIMEOUT_S)
        try:
            status = await self._scheduler.GetStatus(request, timeout=timeout)
        except grpc.aio.AioRpcError as error:
            if error.code() not in _SILENT:
                raise
            status = _scheduler_down()
        status.parts.insert(0, system_service_pb2.Part(name="gateway", state=system_service_pb2.PART_STATE_OK))
        return status


def _scheduler_down() -> system_service_pb2.Status:
    down = system_service_pb2.PART_STATE_DOWN
    scheduler = system_service_pb2.Part(name="scheduler", state=down, detail="The scheduler does not answer.")
    return system_service_pb2.Status(state=down, parts=[scheduler], version=version("sayit"))
