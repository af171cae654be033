"""OpenAI's audio API, so that its clients work with another `base_url` and nothing else changed."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from sayit.bridge.deps import Deps
from sayit.bridge.openai import errors, forms, schemas
from sayit.bridge.openai.calls import Call
from sayit.bridge.openai.models import model_entry, model_list, parse_aliases, resolve
from sayit.speech.errors import SayItError
from sayit.speech.options import Task

_CALL_ERRORS = (400, 401, 403, 404, 408, 409, 413, 429, 500, 503, 504)


def router(deps: Deps) -> APIRouter:
    """The routes `/v1/audio/…` and `/v1/models`."""
    routes = APIRouter(tags=["OpenAI"])
    aliases = parse_aliases(deps.settings.openai_models)

    @routes.post(
        "/v1/audio/transcriptions",
        operation_id="createTranscription",
        responses=_answers(
            schemas.TranscriptionJson | schemas.TranscriptionVerboseJson | schemas.TranscriptionDiarizedJson
        ),
        openapi_extra=schemas.audio_form(translation=False),
    )
    async def transcriptions(request: Request) -> Response:
        """Transcribes a recording, in the same call however long it is."""
        return await _audio(deps, aliases, request, Task.TRANSCRIBE)

    @routes.post(
        "/v1/audio/translations",
        operation_id="createTranslation",
        responses=_answers(schemas.TranscriptionJson | schemas.TranscriptionVerboseJson),
        openapi_extra=schemas.audio_form(translation=True),
    )
    async def translations(request: Request) -> Response:
        """Translates a recording into English, in the same call however long it is."""
        return await _audio(deps, aliases, request, Task.TRANSLATE)

    @routes.get(
        "/v1/models",
        operation_id="listModels",
        response_model=schemas.OpenAIModelList,
        responses=schemas.error_responses(401, 403, 429, 503),
    )
    async def models(request: Request) -> Response:
        """Lists the models and OpenAI's names for them."""
        try:
            found = await deps.gateway_for(request).models()
        except SayItError as error:
            return errors.answer(error, request)
        return JSONResponse({"object": "list", "data": model_list(found, aliases)})

    @routes.get(
        "/v1/models/{model}",
        operation_id="retrieveModel",
        response_model=schemas.OpenAIModel,
        responses=schemas.error_responses(401, 403, 404, 429, 503),
    )
    async def model(request: Request, model: str) -> Response:
        """Returns one model."""
        try:
            entry = model_entry(model, await deps.gateway_for(request).models(), aliases)
        except SayItError as error:
            return errors.answer(error, request)
        return JSONResponse(entry)

    return routes


async def _audio(deps: Deps, aliases: dict[str, str], request: Request, task: Task) -> Response:
    gateway = deps.gateway_for(request)
    try:
        async with deps.bodies.received(request, gateway) as received:
            asked = forms.audio_request(received.fields, task)
            if asked.options.model:
                model = resolve(asked.options.model, await gateway.models(), aliases)
                asked = forms.with_model(asked, model)
            job = await gateway.create_job(received.upload_id, options=asked.options, filename=received.filename)
    except SayItError as error:
        return errors.answer(error, request)
    return Call(deps=deps, gateway=gateway, http=request, asked=asked, job=job).response()


def _answers(model: Any) -> dict[int | str, dict[str, Any]]:
    """The documentation of a call's answers."""
    events = {"schema": {"type": "string"}, "example": 'data: {"type":"transcript.text.delta","delta":"…"}\n\n'}
    content = {"text/plain": {"schema": {"type": "string"}}, "text/vtt": {"schema": {"type": "string"}}}
    done = {"model": model, "description": "The transcript.", "content": {**content, "text/event-stream": events}}
    return {200: done, **schemas.error_responses(*_CALL_ERRORS)}
