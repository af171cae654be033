"""Jobs: listed, shown, cancelled, deleted; their transcripts."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BeforeValidator

from sayit.bridge.gateway_client import Gateway
from sayit.bridge.http.dependencies import Caller, Parts, kept
from sayit.bridge.http.documents import JobDocument, JobListDocument, job_document
from sayit.bridge.http.job_wait import ended_within
from sayit.bridge.http.openapi import JobId, Wait, problems
from sayit.bridge.http.problems import language_of
from sayit.speech.errors import ErrorKind
from sayit.speech.jobs import Job, JobState
from sayit.speech.rendering import Format

_MEDIA_TYPES = {
    Format.TXT: "text/plain; charset=utf-8",
    Format.TIMED_TXT: "text/plain; charset=utf-8",
    Format.JSON: "application/json",
    Format.SRT: "application/x-subrip; charset=utf-8",
    Format.VTT: "text/vtt; charset=utf-8",
    Format.TSV: "text/tab-separated-values; charset=utf-8",
    Format.ASS: "text/x-ssa; charset=utf-8",
    Format.TTML: "application/ttml+xml; charset=utf-8",
    Format.MD: "text/markdown; charset=utf-8",
}
_NOT_FOUND = problems(ErrorKind.JOB_NOT_FOUND)

routes = APIRouter(prefix="/v1/jobs", tags=["jobs"])


def _named(form: object) -> object:
    return Format.TXT if form == "text" else form


@routes.get("", responses=problems())
async def list_jobs(
    request: Request,
    gateway: Caller,
    page_size: Annotated[int, Query(ge=1, le=1000)] = 50,
    page_token: Annotated[str, Query(max_length=512, description="`next_page_token` of the page before.")] = "",
    state: Annotated[list[JobState] | None, Query(description="Only jobs in one of these states.")] = None,
    created_after: Annotated[datetime | None, Query(description="Only jobs created at or after this time.")] = None,
) -> JobListDocument:
    """List your jobs, newest first."""
    created_after_s = None if created_after is None else created_after.timestamp()
    jobs, token = await gateway.list_jobs(state or (), created_after_s, page_size, page_token)
    language, now_s = language_of(request), time.time()
    return JobListDocument(jobs=[job_document(job, language, now_s=now_s) for job in jobs], next_page_token=token)


@routes.get("/{job_id}", responses=_NOT_FOUND)
async def get_job(
    request: Request, response: Response, deps: Parts, gateway: Caller, job_id: JobId, wait: Wait = 0.0
) -> JobDocument:
    """A job as it is now, or, with `wait`, at its end."""
    job = await gateway.get(job_id)
    job = await ended_within(gateway, job, min(wait, deps.settings.max_wait_s), deps.stopping)
    return await told(gateway, request, response, job, waited=wait > 0)


@routes.post("/{job_id}:cancel", responses=_NOT_FOUND)
async def cancel_job(request: Request, response: Response, gateway: Caller, job_id: JobId) -> JobDocument:
    """Cancel a job; one that has ended stays as it is."""
    return await told(gateway, request, response, await gateway.cancel(job_id))


@routes.delete("/{job_id}", status_code=204, responses=_NOT_FOUND)
async def delete_job(gateway: Caller, job_id: JobId) -> None:
    """Delete a job with its audio and text; a running one is cancelled first."""
    await gateway.delete(job_id)


@routes.get(
    "/{job_id}/transcript",
    response_class=Response,
    responses={
        200: {
            "description": "The transcript; its ETag does not change.",
            "content": {
                media.partition(";")[0]: {"schema": {"$ref": "#/components/schemas/TranscriptDocument"}}
                if form is Format.JSON
                else {"schema": {"type": "string"}}
                for form, media in _MEDIA_TYPES.items()
            },
        },
        304: {"description": "If-None-Match names this transcript."},
        **problems(ErrorKind.JOB_NOT_FOUND, ErrorKind.JOB_NOT_FINISHED, ErrorKind.JOB_FAILED, ErrorKind.JOB_CANCELLED),
    },
)
async def get_transcript(
    request: Request,
    gateway: Caller,
    job_id: JobId,
    form: Annotated[
        Format,
        BeforeValidator(_named),
        Query(alias="format", description="`text` is another name of `txt`."),
    ] = Format.JSON,
    raw: Annotated[
        bool, Query(description="As the model wrote it, whatever `formatting` and `mask_profanity` say.")
    ] = False,
    if_none_match: Annotated[str, Header(max_length=1024)] = "",  # noqa: ARG001  # described here, `kept` reads it
) -> Response:
    """The transcript as JSON, text, subtitles or a table."""
    content = (await gateway.render(job_id, form, raw=raw)).encode()
    # Private and always asked for again: a deleted transcript must not be shown from a cache.
    headers = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Accept-Encoding"}
    return kept(request, content, _MEDIA_TYPES[form], headers)


async def told(
    gateway: Gateway, request: Request, response: Response, job: Job, *, waited: bool = False
) -> JobDocument:
    """A job as the answer to a request: with its polling interval, and its transcript for a client that waited."""
    transcript = await gateway.transcript(job.id) if waited and job.state is JobState.COMPLETED else None
    document = job_document(job, language_of(request), now_s=time.time(), transcript=transcript)
    response.headers["Cache-Control"] = "no-store"
    if document.poll_after_ms is not None:
        response.headers["Retry-After"] = str(document.poll_after_ms // 1000)
    return document
