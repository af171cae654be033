"""`GET /v1/status`: how the suite is."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter, Request
from pydantic import Field

from sayit.bridge.deps import Deps
from sayit.bridge.documents import Document
from sayit.bridge.native.describing import problems
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


def router(deps: Deps) -> APIRouter:
    """Its route."""
    routes = APIRouter(tags=["system"])

    @routes.get("/status", operation_id="getStatus", summary="How the suite is", responses={**problems()})
    async def get_status(request: Request) -> StatusDocument:
        status = await deps.gateway_for(request).status()
        return StatusDocument.model_validate({**asdict(status), "max_upload_bytes": deps.settings.max_upload_bytes})

    return routes
