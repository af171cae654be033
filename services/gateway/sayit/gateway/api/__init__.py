"""The public services: each method checks what only the gateway can check and passes the rest to the scheduler."""

from __future__ import annotations

from typing import Any

from sayit.chassis import telemetry


def passed(method: str) -> Any:
    """A servicer's method that passes request and answer through; the servicer has the scheduler's stub."""

    async def forward(self: Any, request: Any, context: Any) -> Any:
        if job_id := getattr(request, "job_id", ""):
            telemetry.bind(job_id=job_id[:64])
        return await getattr(self._scheduler, method)(request, timeout=context.time_remaining())

    return forward
