"""Jobs: listed, shown, cancelled, deleted; their transcripts."""

from __future__ import annotations

import hashlib
import time
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BeforeValidator

from sayit.bridge.deps import Deps
from sayit.bridge.documents import JobDocument, JobListDocument, job_document
from sayit.bridge.following import ended_within
from sayit.bridge.native.describing import JobId, Wait, problems
from sayit.bridge.problems import language_of
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
}


def router(deps: Deps) -> APIRouter:
    """Its routes."""
    routes = APIRouter(tags=["jobs"])

    @routes.get("/jobs", operation_id="listJobs", summary="List your jobs, newest first", responses={**problems()})
    async def list_jobs(
        request: Request,
        page_size: Annotated[int, Query(ge=1, le=1000)] = 50,
        page_token: Annotated[str, Query(max_length=512, description="`next_page_token` of the page before.")] = "",
        state: Annotated[list[JobState] | None, Query(description="Only jobs in one of these states.")] = None,
        created_after: Annotated[datetime | None, Query(description="Only jobs created at or after this time.")] = None,
    ) -> JobListDocument:
        jobs, token = await deps.gateway_for(request).list_jobs(
            states=state or (),
            created_after_s=None if created_after is None else created_after.timestamp(),
            page_size=page_size,
            page_token=page_token,
        )
        language, now_s = language_of(request), time.time()
        return JobListDocument(jobs=[job_document(job, language, now_s=now_s) for job in jobs], next_page_token=token)

    @routes.get(
        "/jobs/{job_id}",
        operation_id="getJob",
        summary="A job as it is now, or, with `wait`, at its end",
        responses={**problems(ErrorKind.JOB_NOT_FOUND)},
    )
    async def get_job(request: Request, response: Response, job_id: JobId, wait: Wait = 0.0) -> JobDocument:
        gateway = deps.gateway_for(request)
        job = await gateway.get_job(job_id)
        job = await ended_within(gateway, job, min(wait, deps.settings.max_wait_s), deps.stopping)
        return await told(deps, request, response, job, waited=wait > 0)

    @routes.post(
        "/jobs/{job_id}:cancel",
        operation_id="cancelJob",
        summary="Cancel a job; one that has ended stays as it is",
        responses={**problems(ErrorKind.JOB_NOT_FOUND)},
    )
    async def cancel_job(request: Request, response: Response, job_id: JobId) -> JobDocument:
        job = await deps.gateway_for(request).cancel(job_id)
        return await told(deps, request, response, job)

    @routes.delete(
        "/jobs/{job_id}",
        operation_id="deleteJob",
        summary="Delete a job with its audio and text; a running one is cancelled first",
        status_code=204,
        responses={**problems(ErrorKind.JOB_NOT_FOUND)},
    )
    async def delete_job(request: Request, job_id: JobId) -> Response:
        await deps.gateway_for(request).delete(job_id)
        return Response(status_code=204)

    @routes.get(
        "/jobs/{job_id}/transcript",
        operation_id="getTranscript",
        summary="The transcript as JSON, text, subtitles or a table",
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
            **problems(
                ErrorKind.JOB_NOT_FOUND, ErrorKind.JOB_NOT_FINISHED, ErrorKind.JOB_FAILED, ErrorKind.JOB_CANCELLED
            ),
        },
    )
    async def get_transcript(
        request: Request,
        job_id: JobId,
        form: Annotated[
            Format | None,
            BeforeValidator(_named),
            Query(alias="format", description="`text` is another name of `txt`."),
        ] = None,
        raw: Annotated[
            bool, Query(description="As the model wrote it, whatever `formatting` and `mask_profanity` say.")
        ] = False,
        if_none_match: Annotated[str, Header(max_length=1024)] = "",
    ) -> Response:
        form = form or Format.JSON
        content = await deps.gateway_for(request).rendered(job_id, form, raw=raw)
        tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        # Private and always asked for again: a deleted transcript must not be shown from a cache.
        headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization, Accept-Encoding"}
        if _names(if_none_match, tag):
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers, media_type=_MEDIA_TYPES[form])

    return routes


def _named(form: object) -> object:
    return Format.TXT if form == "text" else form


async def told(deps: Deps, request: Request, response: Response, job: Job, *, waited: bool = False) -> JobDocument:
    """A job as the answer to a request: with its polling interval, and its transcript for whoever waited."""
    transcript = None
    if waited and job.state is JobState.COMPLETED:
        transcript = await deps.gateway_for(request).transcript(job.id)
    document = job_document(job, language_of(request), now_s=time.time(), transcript=transcript)
    response.headers["Cache-Control"] = "no-store"
    if document.poll_after_ms is not None:
        response.headers["Retry-After"] = str(document.poll_after_ms // 1000)
    return document


def _names(if_none_match: str, tag: str) -> bool:
    """Whether the header names the tag; compared weakly, as RFC 9110 has it, for what was zipped on the way."""
    names = {name.strip().removeprefix("W/") for name in if_none_match.split(",")}
    return bool(names & {tag, "*"})
