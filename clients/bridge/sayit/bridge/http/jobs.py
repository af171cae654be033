"""Jobs: listed, shown, cancelled, deleted; their transcripts."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import PurePath
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BeforeValidator, Field

from sayit.bridge.gateway_client import Gateway
from sayit.bridge.http.dependencies import Caller, Parts, kept
from sayit.bridge.http.documents import JobDocument, JobListDocument, job_document, poll_after_ms
from sayit.bridge.http.job_wait import ended_within
from sayit.bridge.http.openapi import JobId, Labels, Wait, labels_of, problems
from sayit.bridge.http.options import Writing
from sayit.bridge.http.problems import language_of
from sayit.client.pages import wanted_jobs
from sayit.speech.errors import ErrorKind
from sayit.speech.jobs import Job, JobState
from sayit.speech.rendering import Format

_MEDIA_TYPES = {
    Format.JSON: "application/json",  # the first one is what generated clients read without a format
    Format.TXT: "text/plain; charset=utf-8",
    Format.TIMED_TXT: "text/plain; charset=utf-8",
    Format.SRT: "application/x-subrip; charset=utf-8",
    Format.VTT: "text/vtt; charset=utf-8",
    Format.TSV: "text/tab-separated-values; charset=utf-8",
    Format.ASS: "text/x-ssa; charset=utf-8",
    Format.TTML: "application/ttml+xml; charset=utf-8",
    Format.MD: "text/markdown; charset=utf-8",
    Format.DOCX: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    Format.PDF: "application/pdf",
}
_TEXT = "text/plain"


def _schema(form: Format) -> dict[str, str]:
    if form is Format.JSON:
        return {"$ref": "#/components/schemas/TranscriptDocument"}
    return {"type": "string"} | ({"format": "binary"} if form.is_document else {})


#: What OpenAPI says of a rendered transcript.
TRANSCRIPTS = {media.partition(";")[0]: {"schema": _schema(form)} for form, media in _MEDIA_TYPES.items()}
#: A format as a client asks for it.
AskedFormat = Annotated[Format, BeforeValidator(lambda form: Format.TXT if form == "text" else form)]


class VersionQuery(Writing):
    """Which version of a transcript, and how it is written."""

    version: int | None = Field(
        default=None, ge=0, le=2**31 - 1, description="The newest one by default, 0 is the model's own text."
    )


class TranscriptQuery(VersionQuery):
    """Which form of a transcript, and how it is written."""

    format: AskedFormat = Field(default=Format.JSON, description="`text` is another name of `txt`.")


_NOT_FOUND = problems(ErrorKind.JOB_NOT_FOUND)

routes = APIRouter(prefix="/v1/jobs", tags=["jobs"])


@routes.get("", responses=problems())
async def list_jobs(
    request: Request,
    gateway: Caller,
    page_size: Annotated[int, Query(ge=1, le=1000)] = 50,
    page_token: Annotated[str, Query(max_length=512, description="`next_page_token` of the page before.")] = "",
    state: Annotated[list[JobState] | None, Query(description="Only jobs in one of these states.")] = None,
    label: Annotated[Labels | None, Query(description="Only jobs that have all of these labels.")] = None,
    created_after: Annotated[datetime | None, Query(description="Only jobs created at or after this time.")] = None,
    text: Annotated[
        str, Query(max_length=200, description="Only jobs whose newest transcript has all of these words, or parts.")
    ] = "",
) -> JobListDocument:
    """List your jobs, newest first."""
    created_after_s = None if created_after is None else created_after.timestamp()
    wanted = wanted_jobs(state or (), created_after_s, labels_of(label or ()), text)
    jobs, token = await gateway.list_jobs(wanted, page_size, page_token)
    language, now_s = language_of(request), time.time()
    return JobListDocument(jobs=[job_document(job, language, now_s=now_s) for job in jobs], next_page_token=token)


@routes.get("/{job_id}", response_model=JobDocument, responses=_NOT_FOUND)
async def get_job(request: Request, deps: Parts, gateway: Caller, job_id: JobId, wait: Wait = 0.0) -> Response:
    """A job as it is now, or, with `wait`, at its end."""
    job = await gateway.get(job_id)
    job = await ended_within(gateway, job, min(wait, deps.settings.max_wait_s), deps.stopping)
    return await told(gateway, request, job, waited=wait > 0)


@routes.post("/{job_id}:cancel", response_model=JobDocument, responses=_NOT_FOUND)
async def cancel_job(request: Request, gateway: Caller, job_id: JobId) -> Response:
    """Cancel a job; one that has ended stays as it is."""
    return await told(gateway, request, await gateway.cancel(job_id))


@routes.delete("/{job_id}", status_code=204, responses=_NOT_FOUND)
async def delete_job(gateway: Caller, job_id: JobId) -> None:
    """Delete a job with its audio and text; a running one is cancelled first."""
    await gateway.delete(job_id)


@routes.get(
    "/{job_id}/transcript",
    response_class=Response,
    responses={
        200: {"description": "The transcript; its ETag changes with its text.", "content": TRANSCRIPTS},
        304: {"description": "If-None-Match names this transcript."},
        **problems(ErrorKind.JOB_NOT_FOUND, ErrorKind.JOB_NOT_FINISHED, ErrorKind.JOB_FAILED, ErrorKind.JOB_CANCELLED),
    },
)
async def get_transcript(
    request: Request,
    gateway: Caller,
    job_id: JobId,
    query: Annotated[TranscriptQuery, Query()],
    if_none_match: Annotated[str, Header(max_length=1024)] = "",  # noqa: ARG001  # described here, `kept` reads it
) -> Response:
    """The transcript as JSON, text, subtitles, a table or a document."""
    return await rendered(gateway, request, job_id, query.format, query, version=query.version)


def _one_format(form: Format) -> None:
    """A path for one format: generated clients read one media type an operation."""
    # First the only types of texts, and of bytes, that every generator reads.
    media = ("application/octet-stream", _MEDIA_TYPES[form]) if form.is_document else (_TEXT,)

    @routes.get(
        f"/{{job_id}}/transcript.{form}",
        name=f"get_transcript_{form}".replace(".", "_"),
        response_class=Response,
        description=f"The transcript as {form}, as `?format={form}` gives it.",
        responses={
            200: {"description": "The transcript.", "content": {one: {"schema": _schema(form)} for one in media}},
            **problems(
                ErrorKind.JOB_NOT_FOUND, ErrorKind.JOB_NOT_FINISHED, ErrorKind.JOB_FAILED, ErrorKind.JOB_CANCELLED
            ),
        },
    )
    async def get_one_format(
        request: Request, gateway: Caller, job_id: JobId, query: Annotated[VersionQuery, Query()]
    ) -> Response:
        answer = await rendered(gateway, request, job_id, form, query, version=query.version)
        if answer.status_code == 200 and not form.is_document:
            answer.headers["Content-Type"] = f"{_TEXT}; charset=utf-8"
        return answer


for _form in Format:
    if _form is not Format.JSON:
        _one_format(_form)


async def rendered(
    gateway: Gateway, request: Request, job_id: str, form: Format, writing: Writing, *, version: int | None = None
) -> Response:
    """A finished job's transcript in this format."""
    content = await gateway.render_bytes(
        job_id, form, version=version, raw=writing.raw, suppressed=writing.suppressed, style=writing.style()
    )
    return as_file(request, content, form, (await gateway.get(job_id)).filename if form.is_document else "")


def as_file(request: Request, content: bytes, form: Format, recording: str) -> Response:
    """A transcript in this format; a document as a file to keep, named as the recording."""
    # Private and always asked for again: a deleted transcript must not be shown from a cache.
    headers = {"Cache-Control": "private, no-cache", "Vary": "Authorization, X-Api-Key"}
    if form.is_document:
        headers["Content-Disposition"] = _to_keep(recording, form)
    return kept(request, content, _MEDIA_TYPES[form], headers)


def _to_keep(recording: str, form: Format) -> str:
    """The header for a file named like the recording; curl and others read only the plain name."""
    stem = PurePath(recording).stem or "transcript"
    plain = stem if re.fullmatch(r"[\w. -]+", stem, re.ASCII) else "transcript"
    return f"attachment; filename=\"{plain}.{form}\"; filename*=UTF-8''{quote(stem, safe='')}.{form}"


async def told(
    gateway: Gateway, request: Request, job: Job, *, waited: bool = False, headers: Mapping[str, str] | None = None
) -> Response:
    """A job as the answer to a request: with its polling interval, and its transcript for a client that waited."""
    transcript = await gateway.transcript(job.id) if waited and job.state is JobState.COMPLETED else None
    language, now_s = language_of(request), time.time()

    def content() -> str:
        return job_document(job, language, now_s=now_s, transcript=transcript).model_dump_json()

    # Hours of words take a while: the event loop goes on.
    body = content() if transcript is None else await asyncio.to_thread(content)
    poll_ms = poll_after_ms(job, now_s)
    polling = {} if poll_ms is None else {"Retry-After": str(poll_ms // 1000)}
    return Response(body, media_type="application/json", headers={**(headers or {}), **polling})
