"""The gateway's readiness: it can serve while the scheduler does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from sayit.chassis import telemetry

_INTERVAL_S = 2.0
#: Shorter, so that a starting installation is ready as soon as it can be.
_INTERVAL_WHILE_DOWN_S = 0.3
_TIMEOUT_S = 2.0


async def follow_scheduler(
    channel: grpc.aio.Channel, set_serving: Callable[[bool], Awaitable[None]], *, interval_s: float = _INTERVAL_S
) -> None:
    """Calls `set_serving` whenever the scheduler's health changes, without end."""
    health: Any = health_pb2_grpc.HealthStub(channel)  # its type stubs know no asynchronous stub
    was: bool | None = None
    while True:
        serving = await _is_serving(health)
        if serving is not was:
            await set_serving(serving)
            telemetry.logger().info("scheduler_reachable" if serving else "scheduler_unreachable")
            was = serving
        await asyncio.sleep(interval_s if serving else min(interval_s, _INTERVAL_WHILE_DOWN_S))


async def _is_serving(health: Any) -> bool:
    try:
        answer = await health.Check(health_pb2.HealthCheckRequest(), timeout=_TIMEOUT_S)
    except grpc.aio.AioRpcError:
        return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
