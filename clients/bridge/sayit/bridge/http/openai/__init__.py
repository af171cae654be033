"""OpenAI's audio API, so that its clients work with another `base_url` and nothing else changed."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from sayit.bridge.gateway_client import Gateway
from sayit.bridge.http.dependencies import Caller, Deps, Parts
from sayit.bridge.http.held_answer import HeldCall
from sayit.bridge.http.media_types import media_type_of
from sayit.bridge.http.openai import form_fields, realtime, schemas
from sayit.bridge.http.openai.errors import refusal
from sayit.bridge.http.openai.models import model_entry, model_list, parse_aliases, resolve
from sayit.bridge.http.openai.response import audio_response
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.options import Task

__all__ = ["parse_aliases", "realtime", "refusal", "routes"]

_CALL_ERRORS = (400, 401, 403, 404, 408, 409, 413, 429, 500, 503, 504)

routes = APIRouter(prefix="/v1", tags=["OpenAI"])


def _answers(model: Any) -> dict[int | str, dict[str, Any]]:
    """The documentation of a call's answers."""
    events = {"schema": {"type": "string"}, "example": 'data: {"type":"transcript.text.delta","delta":"…"}\n\n'}
    content = {"text/plain": {"schema": {"type": "string"}}, "text/vtt": {"schema": {"type": "string"}}}
    done = {"model": model, "description": "The transcript.", "content": {**content, "text/event-stream": events}}
    return {200: done, **schemas.error_responses(*_CALL_ERRORS)}


@routes.post(
    "/audio/transcriptions",
    responses=_answers(
        schemas.TranscriptionJson | schemas.TranscriptionVerboseJson | schemas.TranscriptionDiarizedJson
    ),
    openapi_extra=form_fields.audio_form(Task.TRANSCRIBE),
)
async def create_transcription(request: Request, deps: Parts, gateway: Caller) -> Response:
    """Transcribes a recording, in the same call however long it is."""
    return await _audio(deps, gateway, request, Task.TRANSCRIBE)


@routes.post(
    "/audio/translations",
    responses=_answers(schemas.TranscriptionJson | schemas.TranscriptionVerboseJson),
    openapi_extra=form_fields.audio_form(Task.TRANSLATE),
)
async def create_translation(request: Request, deps: Parts, gateway: Caller) -> Response:
    """Translates a recording into English, in the same call however long it is."""
    return await _audio(deps, gateway, request, Task.TRANSLATE)


@routes.get(
    "/models",
    response_model=schemas.OpenAIModelList,
    response_model_exclude_unset=True,
    responses=schemas.error_responses(401, 403, 429, 503),
)
async def list_models(deps: Parts, gateway: Caller) -> dict[str, Any]:
    """Lists the models and OpenAI's names for them."""
    return {"object": "list", "data": model_list(await gateway.models(), deps.aliases)}


@routes.get(
    "/models/{model}",
    response_model=schemas.OpenAIModel,
    response_model_exclude_unset=True,
    responses=schemas.error_responses(401, 403, 404, 429, 503),
)
async def retrieve_model(deps: Parts, gateway: Caller, model: str) -> dict[str, Any]:
    """Returns one model."""
    return model_entry(model, await gateway.models(), deps.aliases)


async def _audio(deps: Deps, gateway: Gateway, request: Request, task: Task) -> Response:
    if media_type_of(request) == "application/json":
        reason = "send multipart/form-data with the recording in the field 'file'"
        raise SayItError(ErrorKind.INVALID_ARGUMENT, field="body", reason=reason)
    async with deps.bodies.received(request, gateway) as received:
        asked = form_fields.audio_request(received.fields, task)
        if asked.options.model:
            model = resolve(asked.options.model, await gateway.models(), deps.aliases)
            asked = form_fields.with_model(asked, model)
        job = await gateway.create_job_from_upload(
            received.upload_id, options=asked.options, filename=received.filename
        )
    return audio_response(HeldCall(deps=deps, gateway=gateway, http=request, job=job, refusal=refusal), asked)
