"""`POST /v1/jobs`: audio as the body, as a form, or uploaded before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sayit.bridge.http.audio_body import form_content, invalid
from sayit.bridge.http.dependencies import Caller, Parts
from sayit.bridge.http.documents import JobDocument
from sayit.bridge.http.job_wait import ended_within
from sayit.bridge.http.jobs import told
from sayit.bridge.http.media_types import media_type_of
from sayit.bridge.http.openapi import Wait, problems
from sayit.bridge.http.options import LISTS, OptionsDocument
from sayit.speech.errors import ErrorKind, SayItError

_IdempotencyKey = Annotated[
    str,
    Header(
        max_length=128,
        description="Makes retries safe: the same key never makes two jobs.",
        examples=["7f8a2f0e-0a4c-4c8e-9d3a-1f2e3d4c5b6a"],
    ),
]


class JobQuery(OptionsDocument):
    """Options of a job as query parameters; the fields of a form win over them."""

    filename: str = Field(default="", max_length=1024, description="Name to show; a form's file brings its own.")
    wait: Wait = 0.0


class JobFromUploadDocument(BaseModel):
    """A job on an upload that is complete (see `/v1/uploads`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    upload_id: str = Field(min_length=1, max_length=128)
    filename: str = Field(default="", max_length=1024)
    options: OptionsDocument = OptionsDocument()


routes = APIRouter(prefix="/v1/jobs", tags=["jobs"])


def _body() -> dict[str, Any]:
    """The three forms of the body, for OpenAPI; the route reads it itself, while it arrives."""
    fields = JobQuery.model_json_schema(ref_template="#/components/schemas/{model}")["properties"]
    upload = JobFromUploadDocument.model_json_schema(ref_template="#/components/schemas/{model}")
    upload.pop("$defs", None)
    return {
        "required": True,
        "content": {
            **form_content(fields),
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            "audio/*": {"schema": {"type": "string", "format": "binary"}},
            "application/json": {"schema": upload},
        },
    }


@routes.post(
    "",
    status_code=202,
    responses={
        200: {"model": JobDocument, "description": "It ended within `wait` seconds."},
        202: {
            "description": "It is accepted: nothing of it will be lost.",
            "headers": {
                "Location": {"schema": {"type": "string"}, "description": "The job."},
                "Retry-After": {"schema": {"type": "integer"}, "description": "When to poll, in seconds."},
            },
        },
        **problems(
            ErrorKind.FILE_REQUIRED,
            ErrorKind.INVALID_LANGUAGE,
            ErrorKind.INVALID_OPTION,
            ErrorKind.MODEL_NOT_AVAILABLE,
            ErrorKind.VOCABULARY_NOT_FOUND,
            ErrorKind.UPLOAD_NOT_FOUND,
            ErrorKind.UPLOAD_TOO_SLOW,
            ErrorKind.UPLOAD_INCOMPLETE,
            ErrorKind.FILE_TOO_LARGE,
            ErrorKind.INVALID_FORMAT,
            ErrorKind.IDEMPOTENCY_CONFLICT,
        ),
    },
    openapi_extra={"requestBody": _body()},
)
async def create_job(
    request: Request,
    response: Response,
    deps: Parts,
    gateway: Caller,
    query: Annotated[JobQuery, Query()],
    idempotency_key: _IdempotencyKey = "",
) -> JobDocument:
    """Send audio and get a job, or, with `wait`, its transcript."""
    wait_s = query.wait
    if media_type_of(request) == "application/json":
        upload = await deps.bodies.document(request, JobFromUploadDocument)
        job = await gateway.create_job_from_upload(
            upload.upload_id,
            options=upload.options.options(),
            filename=upload.filename,
            idempotency_key=idempotency_key,
        )
    else:
        async with deps.bodies.received(request, gateway) as received:
            asked = _merged(query, received.fields)
            wait_s = asked.wait
            job = await gateway.create_job_from_upload(
                received.upload_id,
                options=asked.options(),
                filename=asked.filename or received.filename,
                idempotency_key=idempotency_key,
            )
    job = await ended_within(gateway, job, min(wait_s, deps.settings.max_wait_s), deps.stopping)
    response.status_code = 200 if wait_s > 0 and job.state.terminal else 202
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return await told(gateway, request, response, job, waited=wait_s > 0)


def _merged(query: JobQuery, fields: Mapping[str, Any]) -> JobQuery:
    """The query parameters, and over them the fields of the form; only those that are lists may come twice."""
    if not fields:
        return query
    for name, values in fields.items():
        if len(values) > 1 and name not in LISTS:
            raise SayItError(ErrorKind.INVALID_ARGUMENT, field=name[:64], reason="the field is there twice")
    given = {name: values if name in LISTS else values[0] for name, values in fields.items()}
    try:
        return JobQuery.model_validate({**query.model_dump(exclude_unset=True), **given})
    except ValidationError as error:
        raise invalid(error) from None
