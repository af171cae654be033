"""How the suite is: `/v1/status`, and, without a key, `/livez` and `/readyz` for supervisors and load balancers."""

from __future__ import annotations

import contextlib
from dataclasses import asdict

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from sayit.bridge.http.dependencies import Caller, Parts
from sayit.bridge.http.documents import Document
from sayit.bridge.http.openapi import problems
from sayit.speech.errors import SayItError
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
    responses={503: {"description": "The gateway does not answer, or the bridge stops."}},
)
async def ready(deps: Parts, gateway: Caller) -> Response:
    """Whether work can be done.

    The parts are named to a client that may see them: every client without API keys, else one that has a key.
    """
    serving = not deps.stopping.is_set() and await deps.gateway.is_serving()
    parts = {"bridge": "ok"}
    if serving:
        with contextlib.suppress(SayItError):
            parts |= {part.name: part.state.value for part in (await gateway.status()).parts}
    content = {"status": "ok" if serving else "down", "parts": parts}
    return JSONResponse(content, 200 if serving else 503, headers={"Cache-Control": "no-store"})
