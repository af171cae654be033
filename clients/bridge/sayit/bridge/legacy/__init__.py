"""What the Flutter app knows from the first backend: `/api/transcribe` and `/health`."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from sayit.bridge.deps import Deps
from sayit.bridge.documents import poll_after_ms
from sayit.bridge.following import events_and_beats
from sayit.bridge.gateway import Gateway
from sayit.bridge.legacy import envelopes, health
from sayit.bridge.problems import language_of
from sayit.client.reading import error_of_job
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import Job, JobState, Progress
from sayit.speech.options import Options

#: A file is short, and answered in the same call, up to this length …
SHORT_S = 30.0
#: … and this size; what is larger is not waited for even if it turns out to be short.
SHORT_BYTES = 10_000_000

_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": envelopes.ErrorEnvelope, "description": "An error in the first backend's envelope."}
    for status in (400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 500, 503, 504)
}
_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "The recording."},
                        "language": {"type": "string", "description": "ko, en, … or auto; empty: detected."},
                    },
                }
            }
        },
    }
}


def router(deps: Deps) -> APIRouter:
    """The routes of the Flutter app's contract."""
    routes = APIRouter(tags=["app"])

    @routes.post(
        "/api/transcribe",
        operation_id="transcribe",
        response_model=envelopes.TranscribeEnvelope,
        responses={
            202: {"model": envelopes.TranscribeEnvelope, "description": "The text takes longer: poll the job."},
            **_ERRORS,
        },
        openapi_extra=_FORM,
    )
    async def transcribe(request: Request) -> Response:
        """Transcribes a recording: a short one in this call, a longer one as a job to be polled."""
        gateway = deps.gateway_for(request)
        async with deps.bodies.received(request, gateway) as received:
            options = Options(language=_last(received.fields.get("language", ()))).normalised()
            job = await gateway.create_job(received.upload_id, options=options, filename=received.filename)
            short = received.size <= SHORT_BYTES
        job = await _ended_if_short(deps, gateway, job, deps.settings.sync_wait if short else 0.0)
        if job.state is JobState.FAILED and job.error is not None:
            raise error_of_job(job.id, job.error)
        if job.state is JobState.CANCELLED:
            raise SayItError(ErrorKind.JOB_CANCELLED, job_id=job.id)
        return await _state(gateway, job, request, pending=202)

    @routes.get(
        "/api/transcribe/{job_id}",
        operation_id="getTranscription",
        response_model=envelopes.TranscribeEnvelope,
        responses=_ERRORS,
    )
    async def transcription(request: Request, job_id: str) -> Response:
        """A job's state and, at its end, its text. A failed job is told with `success: false` and its error."""
        gateway = deps.gateway_for(request)
        return await _state(gateway, await gateway.get_job(job_id), request, pending=200)

    @routes.get(
        "/health",
        operation_id="health",
        response_model=health.HealthEnvelope,
        responses={503: {"description": "No work can be done."}},
    )
    async def healthy(request: Request) -> Response:
        """How the service is."""
        return await health.answer(deps.gateway_for(request), request)

    return routes


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


async def _ended_if_short(deps: Deps, gateway: Gateway, job: Job, wait_s: float) -> Job:
    """The job when it has ended; as it is as soon as it turns out to be long, and after `wait_s` seconds.

    Whoever hangs up in between loses nothing: the job goes on, and the same file again is answered from the cache.
    """
    try:
        async with asyncio.timeout(wait_s):
            watching = events_and_beats(gateway, job.id, 0, every_s=wait_s + 1.0, stopping=deps.stopping)
            async with aclosing(watching) as events:
                async for event in events:
                    if event is not None and isinstance(event.body, Progress) and _is_long(event.body):
                        break
    except TimeoutError:
        pass
    return await gateway.get_job(job.id)


def _is_long(progress: Progress) -> bool:
    return max(progress.audio_done_s, progress.audio_total_s or 0.0) > SHORT_S


def _last(values: Sequence[str]) -> str:
    return values[-1] if values else ""
