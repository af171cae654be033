"""The public services: each method checks what only the gateway can check and passes the rest to the scheduler."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from sayit.chassis import telemetry
from sayit.speech.errors import ErrorKind, SayItError


def check_ids(request: Any) -> None:
    """Refuses a request that leaves the id empty which it must name; notes a job's id for the log."""
    fields = request.DESCRIPTOR.fields_by_name
    for field in fields:
        # A vocabulary that is stored has rules of its own.
        names = field in {"job_id", "upload_id", "key_id", "link_id"} or (field == "name" and len(fields) == 1)
        if names and not getattr(request, field):
            raise SayItError(ErrorKind.INVALID_ARGUMENT, field=field, reason=f"{field} is empty")
    if "job_id" in fields:
        telemetry.bind(job_id=request.job_id[:64])


def passed(method: str) -> Any:
    """A servicer's method that passes request and answer through; the servicer has the scheduler's stub."""

    async def forward(self: Any, request: Any, context: Any) -> Any:
        check_ids(request)
        return await getattr(self._scheduler, method)(request, timeout=context.time_remaining())

    return forward


def streamed(method: str) -> Any:
    """The same of a method with a stream of answers."""

    async def forward(self: Any, request: Any, context: Any) -> AsyncGenerator[Any]:
        check_ids(request)
        call = getattr(self._scheduler, method)(request, timeout=context.time_remaining())
        try:
            async for part in call:
                yield part
        finally:
            call.cancel()

    return forward
