"""Corrections of transcripts: their versions, and what is corrected in one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import ConfigDict, Field

from sayit.bridge.http.dependencies import Caller, Parts
from sayit.bridge.http.documents import Document, JobDocument
from sayit.bridge.http.jobs import told
from sayit.bridge.http.openapi import JobId, problems
from sayit.speech.corrections import (
    MAX_CHANGES,
    MAX_TEXT_CHARS,
    MAX_WORD_CHARS,
    SegmentCorrection,
)
from sayit.speech.errors import ErrorKind, SayItError

#: Bytes of corrections in one request.
_MAX_BYTES = 1_000_000
_NAMES: Any = Field(
    default_factory=dict, description="Names of speakers by the number of their channel; 0 where channels were mixed."
)


class SegmentCorrectionDocument(Document):
    """What a segment of the model's transcript is instead; nothing but `segment` is as the model wrote it."""

    model_config = ConfigDict(from_attributes=True)

    segment: int = Field(description="The segment's id.", ge=0, le=2**31 - 1)
    text: str | None = Field(
        default=None,
        max_length=MAX_TEXT_CHARS,
        description="Its whole text. A line break begins another segment, an empty text removes it.",
    )
    words: dict[int, Annotated[str, Field(max_length=MAX_WORD_CHARS)]] = Field(
        default_factory=dict,
        description="In place of `text`: single words by their place among the model's, from 0; they keep their times.",
    )
    joined: bool = Field(default=False, description="Whether it continues the segment before it in its channel.")
    speaker: str = Field(
        default="",
        max_length=MAX_TEXT_CHARS,
        description="Who speaks, in place of the name that `names` has, `-` for no name; a line for each part of a "
        "split segment.",
    )


class CorrectionsDocument(Document):
    """All that is corrected in a version of a transcript."""

    model_config = ConfigDict(from_attributes=True)

    version: int = Field(description="0 where nothing was corrected.")
    segments: list[SegmentCorrectionDocument]
    names: dict[str, str] = _NAMES


class UpdateTranscriptDocument(Document):
    """Corrections, or a version whose text is to be the newest one again."""

    expected_version: int = Field(description="The version that was corrected.", ge=0, le=2**31 - 1)
    segments: list[SegmentCorrectionDocument] = Field(
        default_factory=list,
        max_length=MAX_CHANGES,
        description="Each in place of all earlier corrections of its segment.",
    )
    names: dict[str, str] = _NAMES
    restored_version: int | None = Field(
        default=None, ge=0, le=2**31 - 1, description="In place of both; 0 is the model's own text."
    )


class VersionDocument(Document):
    """A version that corrections made."""

    model_config = ConfigDict(from_attributes=True)

    version: int
    created_at: datetime = Field(validation_alias="created_at_s")
    key_id: str = Field(description="Id of the API key that made it.")
    segments: list[int] = Field(description="Ids of the segments that it changed.")
    names: list[str] = Field(description="Channels whose names it changed.")


class VersionListDocument(Document):
    """A page of versions, newest first."""

    versions: list[VersionDocument]


class UpdateJobDocument(Document):
    """What to change in a job; what is absent stays."""

    kept: bool | None = Field(
        default=None,
        description="Whether it is kept until it is deleted; else it expires as a job that ends now.",
    )
    filename: str | None = Field(default=None, description="The name that is shown; at most 255 characters.")
    labels: dict[str, str] | None = Field(default=None, description="All its labels from then on.")


routes = APIRouter(prefix="/v1/jobs/{job_id}", tags=["corrections"])
_OF_A_JOB = (ErrorKind.JOB_NOT_FOUND, ErrorKind.JOB_NOT_FINISHED, ErrorKind.UPLOAD_TOO_SLOW)


def _body(model: type[Document]) -> dict[str, object]:
    """A route's body, for OpenAPI; the route reads it itself, while it arrives."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)  # which answers name, too
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


@routes.patch("", response_model=JobDocument, responses=problems(*_OF_A_JOB), openapi_extra=_body(UpdateJobDocument))
async def update_job(request: Request, deps: Parts, gateway: Caller, job_id: JobId) -> Response:
    """Change a job's name or labels; keep one that has ended, or let it expire.

    One that is corrected is kept until this says otherwise.
    """
    asked = await deps.bodies.document(request, UpdateJobDocument)
    job = await gateway.update(job_id, kept=asked.kept, filename=asked.filename, labels=asked.labels)
    return await told(gateway, request, job)


@routes.patch(
    "/transcript",
    responses=problems(
        *_OF_A_JOB,
        ErrorKind.JOB_FAILED,
        ErrorKind.JOB_CANCELLED,
        ErrorKind.VERSION_CONFLICT,
        ErrorKind.TOO_MANY_VERSIONS,
        ErrorKind.FILE_TOO_LARGE,
    ),
    openapi_extra=_body(UpdateTranscriptDocument),
)
async def update_transcript(request: Request, deps: Parts, gateway: Caller, job_id: JobId) -> CorrectionsDocument:
    """Correct a transcript, which makes a version of it; the answer has all corrections that are in force then.

    What others corrected since `expected_version` stays; to correct what they corrected is refused with
    VERSION_CONFLICT. What is in force already makes no version.
    """
    asked = await deps.bodies.document(request, UpdateTranscriptDocument, limit=_MAX_BYTES)
    if asked.restored_version is not None:
        if asked.segments or asked.names:
            reason = "either it or corrections"
            raise SayItError(ErrorKind.INVALID_ARGUMENT, field="restored_version", reason=reason)
        done = await gateway.restore_version(job_id, asked.restored_version, expected_version=asked.expected_version)
    else:
        segments = [SegmentCorrection(**change.model_dump()) for change in asked.segments]
        done = await gateway.correct(job_id, segments, expected_version=asked.expected_version, names=asked.names)
    return CorrectionsDocument.model_validate(done)


@routes.get("/corrections", responses=problems(ErrorKind.JOB_NOT_FOUND))
async def get_corrections(
    gateway: Caller,
    job_id: JobId,
    version: Annotated[int | None, Query(ge=0, le=2**31 - 1, description="The newest one by default.")] = None,
) -> CorrectionsDocument:
    """What is corrected in a transcript."""
    return CorrectionsDocument.model_validate(await gateway.corrections(job_id, version=version))


@routes.get("/versions", responses=problems(ErrorKind.JOB_NOT_FOUND))
async def list_versions(
    gateway: Caller,
    job_id: JobId,
    page_size: Annotated[int, Query(ge=1, le=200)] = 50,
    before: Annotated[int, Query(ge=0, le=2**31 - 1, description="Only versions before this one; 0 for all.")] = 0,
) -> VersionListDocument:
    """List the versions of a transcript that corrections made, newest first."""
    versions = await gateway.transcript_versions(job_id, limit=page_size, before_version=before)
    return VersionListDocument(versions=list(map(VersionDocument.model_validate, versions)))
