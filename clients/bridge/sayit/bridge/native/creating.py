"""`POST /v1/jobs`: audio as the body, as a form, or uploaded before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sayit.bridge.deps import Deps
from sayit.bridge.documents import JobDocument
from sayit.bridge.following import ended_within
from sayit.bridge.gateway import Gateway
from sayit.bridge.native.describing import Wait, problems
from sayit.bridge.native.jobs import told
from sayit.bridge.native.reading import invalid, json_of
from sayit.bridge.options import LISTS, OptionsDocument
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import Job

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


def router(deps: Deps) -> APIRouter:
    """Its route."""
    routes = APIRouter(tags=["jobs"])

    @routes.post(
        "/jobs",
        operation_id="createJob",
        summary="Send audio and get a job, or, with `wait`, its transcript",
        status_code=202,
        response_model=JobDocument,
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
        query: Annotated[JobQuery, Query()],
        idempotency_key: _IdempotencyKey = "",
    ) -> JobDocument:
        gateway = deps.gateway_for(request)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json":
            job = await _from_upload(request, deps, gateway, idempotency_key)
            wait = query.wait
        else:
            job, wait = await _from_audio(request, deps, gateway, query, idempotency_key)
        job = await ended_within(gateway, job, min(wait, deps.settings.max_wait_s), deps.stopping)
        response.status_code = 200 if wait > 0 and job.state.terminal else 202
        response.headers["Location"] = f"/v1/jobs/{job.id}"
        return await told(deps, request, response, job, waited=wait > 0)

    return routes


async def _from_audio(request: Request, deps: Deps, gateway: Gateway, query: JobQuery, key: str) -> tuple[Job, float]:
    """The job, and how long to wait for it."""
    async with deps.bodies.received(request, gateway) as received:
        asked = _merged(query, received.fields)
        filename = asked.filename or received.filename
        job = await gateway.create_job(
            received.upload_id, options=asked.options(), filename=filename, idempotency_key=key
        )
    return job, asked.wait


async def _from_upload(request: Request, deps: Deps, gateway: Gateway, key: str) -> Job:
    asked = await json_of(request, deps, JobFromUploadDocument)
    return await gateway.create_job(
        asked.upload_id, options=asked.options.options(), filename=asked.filename, idempotency_key=key
    )


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
        raise invalid(error, "body") from None


def _body() -> dict[str, Any]:
    """The three forms of the body, for OpenAPI; the route reads it itself, while it arrives."""
    fields = JobQuery.model_json_schema(ref_template="#/components/schemas/{model}")["properties"]
    upload = JobFromUploadDocument.model_json_schema(ref_template="#/components/schemas/{model}")
    upload.pop("$defs", None)
    return {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "The audio."},
                        **fields,
                    },
                }
            },
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            "audio/*": {"schema": {"type": "string", "format": "binary"}},
            "application/json": {"schema": upload},
        },
    }
