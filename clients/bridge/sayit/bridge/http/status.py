"""How the suite is: `/v1/status`, and, without a key, `/livez` and `/readyz` for supervisors and load balancers."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from sayit.bridge.http.dependencies import Caller, Parts
from sayit.bridge.http.documents import Document
from sayit.bridge.http.openapi import problems
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.system import PartState


class PartDocument(Document):
    """A part of the suite."""

    name: str
    state: PartState
    detail: str = Field(description="What is wrong, for people; empty if nothing is.")


class TranscriberDocument(Document):
    """A transcriber that answers."""

    id: str
    model: str
    slots: int
    busy: int
    speed: float = Field(description="Measured audio seconds per second of work; 0 before its first chunk.")


class StatusDocument(Document):
    """The whole suite."""

    state: PartState
    parts: list[PartDocument]
    transcribers_online: int
    transcribers_expected: int
    transcribers: list[TranscriberDocument]
    uptime_s: float
    jobs_per_day: int
    success_rate: float | None
    mean_time_s: float | None
    version: str
    chunks_waiting: int
    max_upload_bytes: int = Field(description="The largest file that the bridge takes.")


routes = APIRouter()


@routes.get("/v1/status", tags=["system"], responses=problems())
async def get_status(deps: Parts, gateway: Caller) -> StatusDocument:
    """How the suite is."""
    status = await gateway.status()
    return StatusDocument.model_validate({**asdict(status), "max_upload_bytes": deps.settings.max_upload_bytes})


@routes.get("/livez", tags=["health"])
async def live() -> dict[str, str]:
    """Whether the bridge answers."""
    return {"status": "ok"}


@routes.get(
    "/readyz",
    tags=["health"],
    responses={503: {"description": "No transcriber, scheduler, queue or gateway answers, or the bridge stops."}},
)
async def ready(deps: Parts, gateway: Caller) -> Response:
    """Whether work can be done.

    The parts are named, and counted in, for a client that may see them: every client without API keys, else one that
    has a key. For others it is whether the scheduler answers.
    """
    parts = {"bridge": "ok"}
    try:
        status = await gateway.status()
    except SayItError as error:
        stranger = error.kind in {ErrorKind.UNAUTHENTICATED, ErrorKind.PERMISSION_DENIED}
        working = stranger and await gateway.is_serving()
    else:
        working = status.state is not PartState.DOWN
        parts |= {part.name: part.state.value for part in status.parts}
    working = working and not deps.stopping.is_set()
    return JSONResponse({"status": "ok" if working else "down", "parts": parts}, 200 if working else 503)
