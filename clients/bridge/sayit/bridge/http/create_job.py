"""`POST /v1/jobs`: audio as the body, as a form, or uploaded before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sayit.bridge.gateway_client import Gateway
from sayit.bridge.http.audio_body import invalid
from sayit.bridge.http.dependencies import Caller, Deps, Parts
from sayit.bridge.http.documents import JobDocument
from sayit.bridge.http.job_wait import ended_within
from sayit.bridge.http.jobs import TRANSCRIPTS, AskedFormat, rendered, told
from sayit.bridge.http.media_types import media_type_of
from sayit.bridge.http.openapi import REF, Labels, UploadId, Wait, form_content, labels_of, problems
from sayit.bridge.http.options import LISTS, OptionsDocument, Writing
from sayit.client.pages import error_of_ended
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import Job, JobState

_IdempotencyKey = Annotated[
    str,
    Header(
        max_length=128,
        description="Makes retries safe: the same key never makes two jobs.",
        examples=["7f8a2f0e-0a4c-4c8e-9d3a-1f2e3d4c5b6a"],
    ),
]


#: Fields of a form that may come several times.
_SEVERAL = LISTS | {"label"}
_Format = Annotated[
    AskedFormat | None,
    Field(description="With `wait`: the transcript in this format is the answer if it is there in time."),
]


_CallbackUrl = Annotated[
    str,
    Field(
        max_length=2000,
        description="Where the job's end is told by a signed request, if this installation sends webhooks.",
        examples=["https://example.com/sayit"],
    ),
]


class JobQuery(OptionsDocument, Writing):
    """Options of a job as query parameters; the fields of a form win over them."""

    filename: str = Field(default="", max_length=1024, description="Name to show; a form's file brings its own.")
    label: Labels = Field(default=[], description="Marks of your own, NAME=VALUE; may be repeated.")
    callback_url: _CallbackUrl = ""
    url: str = Field(
        default="",
        max_length=2000,
        description="In place of a body: where the audio is fetched from, if this installation does so.",
        examples=["https://example.com/meeting.m4a"],
    )
    wait: Wait = 0.0
    format: _Format = None


class UploadJobDocument(BaseModel):
    """What a job on a finished upload is asked for."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={"examples": [{"filename": "meeting.m4a", "options": {"language": "ko"}}]},
    )

    filename: str = Field(default="", max_length=1024)
    callback_url: _CallbackUrl = ""
    options: OptionsDocument = OptionsDocument()
    labels: dict[str, str] = Field(default={}, description="Marks of your own, which a list of jobs can ask for.")


class _JobFromUpload(UploadJobDocument):
    """The same with the upload, for `/v1/jobs`."""

    upload_id: str = Field(min_length=1, max_length=128)


def _form_properties() -> dict[str, Any]:
    properties: dict[str, Any] = JobQuery.model_json_schema(ref_template=REF)["properties"]
    return {name: one for name, one in properties.items() if name != "url"}


routes = APIRouter(tags=["jobs"])


def _answers(*more: ErrorKind) -> dict[int | str, dict[str, Any]]:
    headers = {"Location": {"schema": {"type": "string"}, "description": "The job."}}
    polling = {"Retry-After": {"schema": {"type": "integer"}, "description": "When to poll, in seconds."}}
    job = {"application/json": {"schema": {"$ref": "#/components/schemas/JobDocument"}}}
    return {
        200: {
            "description": "It ended within `wait` seconds: the job with its transcript, or with `format` only that.",
            "headers": headers,
            "content": job | {media: one for media, one in TRANSCRIPTS.items() if media not in job},
        },
        202: {
            "model": JobDocument,
            "description": "It is accepted: nothing of it will be lost.",
            "headers": headers | polling,
        },
        **problems(
            ErrorKind.INVALID_LANGUAGE,
            ErrorKind.INVALID_OPTION,
            ErrorKind.MODEL_NOT_AVAILABLE,
            ErrorKind.VOCABULARY_NOT_FOUND,
            ErrorKind.UPLOAD_TOO_SLOW,
            ErrorKind.IDEMPOTENCY_CONFLICT,
            *more,
        ),
    }


@routes.post(
    "/v1/jobs",
    status_code=202,
    response_model=JobDocument,
    responses=_answers(ErrorKind.FILE_REQUIRED, ErrorKind.FILE_TOO_LARGE, ErrorKind.INVALID_FORMAT),
    # The route reads the body itself, while it arrives.
    openapi_extra={
        "requestBody": {
            "required": False,
            "content": form_content(_form_properties()),
        }
    },
)
async def create_job(
    request: Request,
    deps: Parts,
    gateway: Caller,
    query: Annotated[JobQuery, Query()],
    idempotency_key: _IdempotencyKey = "",
) -> Response:
    """Send audio and get a job, or, with `wait`, its transcript.

    The body is a form, or the file itself under any other media type; then the options are in the query, which a form's
    fields override.
    """
    if media_type_of(request) == "application/json":  # as before there was a path for it
        asked = await deps.bodies.document(request, _JobFromUpload)
        return await _from_upload(request, deps, gateway, asked.upload_id, asked, query, idempotency_key)
    if query.url:
        return await _from_url(request, deps, gateway, query, idempotency_key)
    async with deps.bodies.received(request, gateway) as received:
        query = _merged(query, received.fields)
        job = await gateway.create_job_from_upload(
            received.upload_id,
            options=query.options(),
            filename=query.filename or received.filename,
            labels=labels_of(query.label),
            idempotency_key=idempotency_key,
            callback_url=query.callback_url,
        )
    return await _answer(request, deps, gateway, job, query)


async def _from_url(request: Request, deps: Deps, gateway: Gateway, query: JobQuery, key: str) -> Response:
    if request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers:
        raise SayItError(ErrorKind.INVALID_ARGUMENT, field="url", reason="give either a body or url")
    job = await gateway.create_job_from_url(
        query.url,
        options=query.options(),
        filename=query.filename,
        labels=labels_of(query.label),
        idempotency_key=key,
        callback_url=query.callback_url,
    )
    return await _answer(request, deps, gateway, job, query)


class UploadJobQuery(Writing):
    """How the job is answered."""

    wait: Wait = 0.0
    format: _Format = None


@routes.post(
    "/v1/uploads/{upload_id}/jobs",
    status_code=202,
    response_model=JobDocument,
    responses=_answers(ErrorKind.UPLOAD_NOT_FOUND, ErrorKind.UPLOAD_INCOMPLETE),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": REF.format(model=UploadJobDocument.__name__)}}},
        }
    },
)
async def create_job_from_upload(
    request: Request,
    deps: Parts,
    gateway: Caller,
    upload_id: UploadId,
    query: Annotated[UploadJobQuery, Query()],
    idempotency_key: _IdempotencyKey = "",
) -> Response:
    """Make a job of a finished upload (see `/v1/uploads`)."""
    asked = await deps.bodies.document(request, UploadJobDocument)
    return await _from_upload(request, deps, gateway, upload_id, asked, query, idempotency_key)


async def _from_upload(
    request: Request,
    deps: Deps,
    gateway: Gateway,
    upload_id: str,
    asked: UploadJobDocument,
    query: UploadJobQuery | JobQuery,
    key: str,
) -> Response:
    job = await gateway.create_job_from_upload(
        upload_id,
        options=asked.options.options(),
        filename=asked.filename,
        labels=asked.labels,
        idempotency_key=key,
        callback_url=asked.callback_url,
    )
    return await _answer(request, deps, gateway, job, query)


async def _answer(
    request: Request, deps: Deps, gateway: Gateway, job: Job, query: UploadJobQuery | JobQuery
) -> Response:
    """The job, or what it was asked for if it ends within the time that the client waits."""
    job = await ended_within(gateway, job, min(query.wait, deps.settings.max_wait_s), deps.stopping)
    ended = query.wait > 0 and job.state.terminal
    if ended and query.format is not None:
        if job.state is not JobState.COMPLETED:
            raise error_of_ended(job)
        answer = await rendered(gateway, request, job.id, query.format, query)
    else:
        answer = await told(gateway, request, job, waited=query.wait > 0)
        answer.status_code = 200 if ended else 202
    answer.headers["Location"] = f"/v1/jobs/{job.id}"
    return answer


def _merged(query: JobQuery, fields: Mapping[str, Any]) -> JobQuery:
    """The query parameters, and over them the fields of the form; only those that are lists may come twice."""
    if not fields:
        return query
    if "url" in fields:
        raise SayItError(ErrorKind.INVALID_ARGUMENT, field="url", reason="it belongs into the query")
    for name, values in fields.items():
        if len(values) > 1 and name not in _SEVERAL:
            raise SayItError(ErrorKind.INVALID_ARGUMENT, field=name[:64], reason="the field is there twice")
    given = {name: values if name in _SEVERAL else values[0] for name, values in fields.items()}
    try:
        return JobQuery.model_validate({**query.model_dump(exclude_unset=True), **given})
    except ValidationError as error:
        raise invalid(error) from None
