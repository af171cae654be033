"""`GET /health` as the first backend answered it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sayit.bridge.gateway_client import Gateway
from sayit.bridge.http.app import envelopes
from sayit.bridge.http.documents import Document
from sayit.bridge.http.problems import fault_for
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.system import PartState, SystemStatus


class ServiceHealth(Document):
    """A part."""

    status: PartState


class WorkersHealth(Document):
    """The transcribers."""

    status: PartState
    online: int
    total: int


class Services(Document):
    """The parts that the first backend had: the model, the queue, the transcribers."""

    whisper: ServiceHealth
    redis: ServiceHealth
    workers: WorkersHealth


class Stats(Document):
    """The last 24 hours; null without any request."""

    requestsPerDay: int  # noqa: N815 - the app's spelling, here and below
    successRate: float | None  # noqa: N815
    meanTimeMs: int | None  # noqa: N815


class HealthData(Document):
    """The state; where API keys are asked for, all but `status` and `timestamp` is only for those who have one."""

    status: PartState
    timestamp: datetime
    uptime: float | None = None
    version: str | None = None
    services: Services | None = None
    stats: Stats | None = None


class HealthEnvelope(Document):
    """The answer."""

    success: Literal[True]
    data: HealthData


async def answer(gateway: Gateway, request: Request) -> Response:
    """200 while work can be done, 503 otherwise."""
    known: dict[str, Any] = {}
    try:
        status = await gateway.status()
    except SayItError as error:
        if error.kind not in {ErrorKind.UNAUTHENTICATED, ErrorKind.PERMISSION_DENIED}:
            return _down(error, request)
        state = PartState.OK if await gateway.is_serving() else PartState.DOWN
    else:
        state, known = status.state, details(status)
    if state is PartState.DOWN:
        return _down(SayItError(ErrorKind.UNAVAILABLE), request, known)
    return JSONResponse(envelopes.success(_data(state) | known), headers={"Cache-Control": "no-store"})


def details(status: SystemStatus) -> dict[str, Any]:
    """What the answer has besides the state itself."""
    parts = {part.name: part.state.value for part in status.parts}
    whisper = PartState.OK if status.transcribers_online else PartState.DOWN
    mean_time_s = status.mean_time_s
    return {
        "uptime": round(status.uptime_s, 1),
        "version": status.version,
        "services": {
            "whisper": {"status": whisper.value},
            "redis": {"status": parts.get("queue", PartState.DOWN.value)},
            "workers": {
                "status": parts.get("transcribers", whisper.value),
                "online": status.transcribers_online,
                "total": status.transcribers_expected,
            },
        },
        "stats": {
            "requestsPerDay": status.jobs_per_day,
            "successRate": None if status.success_rate is None else round(status.success_rate, 4),
            "meanTimeMs": None if mean_time_s is None else round(mean_time_s * 1000),
        },
    }


def _down(error: SayItError, request: Request, known: dict[str, Any] | None = None) -> Response:
    fault = fault_for(error, request)
    content = envelopes.failure(fault.code, fault.message, data=_data(PartState.DOWN) | (known or {}))
    return JSONResponse(content, 503, headers={"Cache-Control": "no-store", "Retry-After": "5"})


def _data(state: PartState) -> dict[str, Any]:
    return {"status": state.value, "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds")}
