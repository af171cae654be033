"""The routes of the first backend that the Flutter app uses: `/api/transcribe` and `/health`."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from sayit.bridge.gateway_client import Gateway
from sayit.bridge.http.app import envelopes
from sayit.bridge.http.app.envelopes import refusal
from sayit.bridge.http.app.health import HealthEnvelope
from sayit.bridge.http.app.health import answer as health_answer
from sayit.bridge.http.audio_body import form_content
from sayit.bridge.http.dependencies import Caller, Parts
from sayit.bridge.http.documents import poll_after_ms
from sayit.bridge.http.job_wait import ended_within
from sayit.bridge.http.problems import language_of
from sayit.client.pages import error_of_job
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import EventBody, Job, JobState, Progress
from sayit.speech.options import Options

__all__ = ["refusal", "routes"]

#: A file is short, and answered in the same call, up to this length …
SHORT_S = 30.0
#: … and this size; what is larger is not waited for even if it turns out to be short.
SHORT_BYTES = 10_000_000

_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": envelopes.ErrorEnvelope, "description": "An error in the first backend's envelope."}
    for status in (400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 500, 503, 504)
}
_FIELDS = {"language": {"type": "string", "description": "ko, en, … or auto; empty: detected."}}

routes = APIRouter(tags=["app"])


@routes.post(
    "/api/transcribe",
    response_model=envelopes.TranscribeEnvelope,
    responses={
        202: {"model": envelopes.TranscribeEnvelope, "description": "The text takes longer: poll the job."},
        **_ERRORS,
    },
    openapi_extra={"requestBody": {"required": True, "content": form_content(_FIELDS)}},
)
async def transcribe(request: Request, deps: Parts, gateway: Caller) -> Response:
    """Transcribes a recording: a short one in this call, a longer one as a job to be polled."""
    async with deps.bodies.received(request, gateway) as received:
        options = Options(language=_last(received.fields.get("language", ()))).normalised()
        job = await gateway.create_job_from_upload(received.upload_id, options=options, filename=received.filename)
    # A client that disconnects in between loses nothing: the job goes on, and the same file is answered from the cache.
    wait_s = deps.settings.sync_wait if received.size <= SHORT_BYTES else 0.0
    job = await ended_within(gateway, job, wait_s, deps.stopping, enough=_is_long)
    if job.state is JobState.FAILED and job.error is not None:
        raise error_of_job(job.id, job.error)
    if job.state is JobState.CANCELLED:
        raise SayItError(ErrorKind.JOB_CANCELLED, job_id=job.id)
    return await _state(gateway, job, request, pending=202)


@routes.get("/api/transcribe/{job_id}", response_model=envelopes.TranscribeEnvelope, responses=_ERRORS)
async def get_transcription(request: Request, gateway: Caller, job_id: str) -> Response:
    """A job's state and, at its end, its text.

    A failed job is told with `success: false` and its error.
    """
    return await _state(gateway, await gateway.get(job_id), request, pending=200)


@routes.get(
    "/health",
    response_model=HealthEnvelope,
    responses={503: {"description": "No work can be done."}},
)
async def health(request: Request, gateway: Caller) -> Response:
    """How the service is."""
    return await health_answer(gateway, request)


async def _state(gateway: Gateway, job: Job, request: Request, *, pending: int) -> Response:
    headers = {"Cache-Control": "no-store"}
    if job.state is JobState.COMPLETED:
        content = envelopes.finished(job.id, await gateway.transcript(job.id))
        return JSONResponse(content, headers=headers)
    now_s = time.time()
    content = envelopes.unfinished(job, language_of(request), now_s=now_s)
    wait_ms = poll_after_ms(job, now_s)
    if wait_ms is None:
        return JSONResponse(content, headers=headers)
    headers["Retry-After"] = str(math.ceil(wait_ms / 1000))
    return JSONResponse(content, pending, headers=headers)


def _is_long(body: EventBody) -> bool:
    return isinstance(body, Progress) and max(body.audio_done_s, body.audio_total_s or 0.0) > SHORT_S


def _last(values: Sequence[str]) -> str:
    return values[-1] if values else ""
