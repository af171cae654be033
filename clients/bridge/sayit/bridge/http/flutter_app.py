"""The routes of the first backend that the Flutter app uses: `/api/transcribe` and `/health`.

Its envelope is `{"success": true, "data": …}` or `{"success": false, "error": {code, message}}`; what is null is left
out of it.
"""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from sayit.bridge.gateway_client import Gateway
from sayit.bridge.http.dependencies import Caller, Parts
from sayit.bridge.http.documents import Document, JobErrorDocument, error_document, poll_after_ms
from sayit.bridge.http.job_wait import ended_within
from sayit.bridge.http.openapi import form_content
from sayit.bridge.http.problems import Fault, fault_for, language_of, response
from sayit.client.pages import error_of_ended
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import EventBody, Job, JobState, Progress
from sayit.speech.options import Options
from sayit.speech.system import PartState, SystemStatus

#: A file is short, and answered in the same call, up to this length …
SHORT_S = 30.0
#: … and this size; what is larger is not waited for even if it turns out to be short.
SHORT_BYTES = 10_000_000


class ErrorEnvelope(Document):
    """A refusal."""

    success: bool = False
    error: JobErrorDocument


class TranscribeData(Document):
    """A job as the app sees it. `transcription` is there exactly when it is completed."""

    jobId: str  # noqa: N815 - the app's spelling, here and below
    status: JobState
    progress: int | None = Field(default=None, description="Per cent; absent until the length is known.")
    pollAfterMs: int | None = Field(default=None, description="When to ask again; absent once it has ended.")  # noqa: N815
    etaMs: int | None = Field(default=None, description="Estimated time until it ends; absent while unknown.")  # noqa: N815
    transcription: str | None = Field(default=None, description="The text.")
    language: str | None = Field(default=None, description="Language of most speech.", examples=["ko"])
    durationMs: int | None = Field(default=None, description="Length of the audio.")  # noqa: N815


class TranscribeEnvelope(Document):
    """The answer of `/api/transcribe`; `error` is there exactly when `success` is false."""

    success: bool
    data: TranscribeData | None = None
    error: JobErrorDocument | None = None


class ServiceHealth(Document):
    """A part."""

    status: PartState


class WorkersHealth(ServiceHealth):
    """The transcribers."""

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
    """The answer; `error` is there exactly when `success` is false."""

    success: bool
    data: HealthData
    error: JobErrorDocument | None = None


_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorEnvelope, "description": "An error in the first backend's envelope."}
    for status in (400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 500, 503, 504)
}
_FIELDS = {"language": {"type": "string", "description": "ko, en, … or auto; empty: detected."}}

routes = APIRouter(tags=["app"])


def refusal(fault: Fault) -> Response:
    """The answer that reports a fault."""
    return response(fault, {"success": False, "error": {"code": fault.code, "message": fault.message}})


@routes.post(
    "/api/transcribe",
    response_model_exclude_none=True,
    responses={
        202: {"model": TranscribeEnvelope, "description": "The text takes longer: poll the job."},
        **_ERRORS,
    },
    openapi_extra={"requestBody": {"required": True, "content": form_content(_FIELDS)}},
)
async def transcribe(request: Request, response: Response, deps: Parts, gateway: Caller) -> TranscribeEnvelope:
    """Transcribes a recording: a short one in this call, a longer one as a job to be polled."""
    async with deps.bodies.received(request, gateway) as received:
        options = Options(language=(received.fields.get("language") or ("",))[-1]).normalised()
        job = await gateway.create_job_from_upload(received.upload_id, options=options, filename=received.filename)
    # A client that disconnects in between loses nothing: the job goes on, and the same file is answered from the cache.
    wait_s = deps.settings.sync_wait if received.size <= SHORT_BYTES else 0.0
    job = await ended_within(gateway, job, wait_s, deps.stopping, enough=_is_long)
    if job.state in {JobState.CANCELLED, JobState.FAILED}:
        raise error_of_ended(job)
    response.status_code = 200 if job.state.terminal else 202
    return await _told(gateway, job, request, response)


@routes.get("/api/transcribe/{job_id}", response_model_exclude_none=True, responses=_ERRORS)
async def get_transcription(request: Request, response: Response, gateway: Caller, job_id: str) -> TranscribeEnvelope:
    """A job's state and, at its end, its text.

    A failed job is told with `success: false` and its error.
    """
    return await _told(gateway, await gateway.get(job_id), request, response)


async def _told(gateway: Gateway, job: Job, request: Request, response: Response) -> TranscribeEnvelope:
    if job.state is JobState.COMPLETED:
        transcript = await gateway.transcript(job.id)
        data = TranscribeData(
            transcription=transcript.text,
            jobId=job.id,
            status=job.state,
            progress=100,
            language=transcript.language,
            durationMs=round(transcript.duration_s * 1000),
        )
        return TranscribeEnvelope(success=True, data=data)
    told = unfinished(job, language_of(request), now_s=time.time())
    if told.data is not None and told.data.pollAfterMs is not None:
        response.headers["Retry-After"] = str(math.ceil(told.data.pollAfterMs / 1000))
    return told


def unfinished(job: Job, language: str, *, now_s: float) -> TranscribeEnvelope:
    """The envelope of a job without a text: it runs, it failed, or it was cancelled."""
    progress = job.progress
    data = TranscribeData(
        jobId=job.id,
        status=job.state,
        progress=None if progress.fraction is None else int(progress.fraction * 100),
        pollAfterMs=poll_after_ms(job, now_s),
        etaMs=None if progress.eta_s is None else round(progress.eta_s * 1000),
    )
    if not job.state.terminal:
        return TranscribeEnvelope(success=True, data=data)
    cancelled = SayItError(ErrorKind.JOB_CANCELLED, job_id=job.id)
    error = JobErrorDocument(code=cancelled.code, message=cancelled.message(language))
    if job.error is not None:
        error = error_document(job.error, language)
    return TranscribeEnvelope(success=False, data=data, error=error)


def _is_long(body: EventBody) -> bool:
    return isinstance(body, Progress) and max(body.audio_done_s, body.audio_total_s or 0.0) > SHORT_S


@routes.get(
    "/health",
    response_model_exclude_unset=True,
    responses={503: {"description": "No work can be done."}},
)
async def health(request: Request, response: Response, gateway: Caller) -> HealthEnvelope:
    """How the service is: 200 while work can be done."""
    error = SayItError(ErrorKind.UNAVAILABLE)
    try:
        data = health_data(await gateway.status())
    except SayItError as caught:
        stranger = caught.kind in {ErrorKind.UNAUTHENTICATED, ErrorKind.PERMISSION_DENIED}
        serving = stranger and await gateway.is_serving()
        data = HealthData(status=PartState.OK if serving else PartState.DOWN, timestamp=datetime.now(UTC))
        error = error if stranger else caught
    if data.status is not PartState.DOWN:
        return HealthEnvelope(success=True, data=data)
    fault = fault_for(error, request)
    response.status_code = 503
    response.headers["Retry-After"] = "5"
    return HealthEnvelope(success=False, data=data, error=JobErrorDocument(code=fault.code, message=fault.message))


def health_data(status: SystemStatus) -> HealthData:
    """The state with all that only those may see who have a key."""
    parts = {part.name: part.state for part in status.parts}
    whisper = PartState.OK if status.transcribers_online else PartState.DOWN
    return HealthData(
        status=status.state,
        timestamp=datetime.now(UTC),
        uptime=round(status.uptime_s, 1),
        version=status.version,
        services=Services(
            whisper=ServiceHealth(status=whisper),
            redis=ServiceHealth(status=parts.get("queue", PartState.DOWN)),
            workers=WorkersHealth(
                status=parts.get("transcribers", whisper),
                online=status.transcribers_online,
                total=status.transcribers_expected,
            ),
        ),
        stats=Stats(
            requestsPerDay=status.jobs_per_day,
            successRate=None if status.success_rate is None else round(status.success_rate, 4),
            meanTimeMs=None if status.mean_time_s is None else round(status.mean_time_s * 1000),
        ),
    )
