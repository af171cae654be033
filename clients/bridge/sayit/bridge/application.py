"""The application: every surface's routes, and what applies to all of them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.websockets import WebSocket

from sayit.bridge import web
from sayit.bridge.gateway_client import Gateway
from sayit.bridge.http import (
    admin,
    corrections,
    create_job,
    deepgram,
    events,
    flutter_app,
    jobs,
    keys,
    openai,
    sharing,
    status,
    uploads_tus,
    vocabularies,
    whisper_asr,
)
from sayit.bridge.http.audio_body import Bodies
from sayit.bridge.http.dependencies import Deps
from sayit.bridge.http.middleware import Observing, OriginChecks, SlowSenders
from sayit.bridge.http.openapi_document import openapi_of, operation_id
from sayit.bridge.http.problems import Form, fault_for, fault_of_status, language_of, problem_response
from sayit.bridge.http.signatures import SignedBodies
from sayit.bridge.settings import BridgeSettings
from sayit.chassis import telemetry
from sayit.speech.errors import ErrorKind, SayItError

#: Response headers that a page of another origin may read.
_EXPOSED = (
    "Accept-Ranges", "Content-Language", "Content-Range", "ETag", "Location", "Retry-After", "X-Request-Id",
    "X-SayIt-Job", "Tus-Extension", "Tus-Max-Size", "Tus-Resumable", "Tus-Version", "Upload-Expires", "Upload-Length",
    "Upload-Metadata", "Upload-Offset",
)  # fmt: skip
_SMALLEST_ZIPPED = 1_000
#: The form of an error, by the beginning of the request's path. What is none of ours below /v1, or an OpenAI client's
#: that left /v1 out of its address, is told in OpenAI's form; all others are problems (RFC 9457).
_FORMS: Mapping[str, Form] = {
    "/v1/jobs": problem_response,
    "/v1/uploads": problem_response,
    "/v1/vocabularies": problem_response,
    "/v1/keys": problem_response,
    "/v1/shared": problem_response,
    "/v1/status": problem_response,
    "/v1/admin": problem_response,
    "/v1/": openai.refusal,
    "/audio/": openai.refusal,
    "/api": flutter_app.refusal,
    "/health": flutter_app.refusal,
}


def create_app(gateway: Gateway, settings: BridgeSettings) -> FastAPI:
    """The bridge as an ASGI application; `state.deps` holds its parts.

    Raises:
        StartError: SAYIT_OPENAI_MODELS cannot be read.
    """
    known = (SayItError, HTTPException, RequestValidationError, Exception)
    app = FastAPI(
        title="SayIt",
        version=version("sayit"),
        summary="Speech to text: jobs, live events, resumable uploads.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        separate_input_output_schemas=False,
        generate_unique_id_function=operation_id,
        redirect_slashes=False,
        exception_handlers={**dict.fromkeys(known, _refused), ClientDisconnect: _gone},
    )
    app.state.deps = Deps(
        settings=settings,
        gateway=gateway,
        bodies=Bodies(settings),
        aliases=openai.parse_aliases(settings.openai_models),
    )
    own = (create_job, jobs, corrections, events, uploads_tus, vocabularies, keys, sharing, status, admin)
    for part in (*own, openai, openai.realtime, deepgram, whisper_asr, flutter_app, web):
        app.include_router(part.routes)
    app.add_exception_handler(WebSocketRequestValidationError, _refused_socket)
    app.websocket("/{path:path}")(_no_socket)
    app.openapi = lambda: openapi_of(app)  # type: ignore[method-assign]  # as FastAPI's documentation has it
    # The last one added is the outermost.
    app.add_middleware(GZipMiddleware, minimum_size=_SMALLEST_ZIPPED, compresslevel=6)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.origins),
            allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
            allow_headers=["*"],
            expose_headers=list(_EXPOSED),
            allow_private_network=True,
            max_age=600,
        )
    app.add_middleware(SignedBodies)
    app.add_middleware(OriginChecks, settings=settings, form_of=_form_of)
    app.add_middleware(SlowSenders)
    app.add_middleware(Observing, settings=settings)
    return app


async def _refused(request: Request, error: Exception) -> Response:
    """Every error leaves in the form of the surface whose path was asked for."""
    path = request.url.path
    headers: Mapping[str, str] = {}
    if isinstance(error, HTTPException):
        headers = error.headers or {}
        if error.status_code == 405:
            headers = {"Allow": ", ".join(_methods(request))}
        fault = fault_of_status(error.status_code, language_of(request), allowed=headers.get("Allow", ""))
        telemetry.bind(error=fault.code)
    elif isinstance(error, RequestValidationError):
        fault = fault_for(invalid(error), request)
    elif isinstance(error, SayItError):
        fault = fault_for(error, request)
    else:
        telemetry.logger().error("request_crashed", path=path, exc_info=error)
        fault = fault_for(SayItError(ErrorKind.INTERNAL), request)
    answer = _form_of(path)(fault)
    answer.headers.update(headers)
    return answer


def _methods(request: Request) -> list[str]:
    """What the path takes: Starlette names the methods of its first route only."""
    asked = {one: {**request.scope, "method": one} for one in ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")}
    return [one for one in asked if any(each.matches(asked[one])[0] is Match.FULL for each in request.app.routes)]


def _form_of(path: str) -> Form:
    return next((form for prefix, form in _FORMS.items() if path.startswith(prefix)), problem_response)


async def _refused_socket(websocket: WebSocket, error: Any) -> None:
    await websocket.send_denial_response(_form_of(websocket.url.path)(fault_for(invalid(error), websocket)))


async def _no_socket(websocket: WebSocket) -> None:
    fault = fault_of_status(404, language_of(websocket))
    await websocket.send_denial_response(_form_of(websocket.url.path)(fault))


async def _gone(request: Request, error: Exception) -> Response:  # noqa: ARG001
    telemetry.bind(error="CLIENT_GONE")
    return Response(status_code=499)  # the client does not read it; the log has it


def invalid(error: RequestValidationError | WebSocketRequestValidationError) -> SayItError:
    """The first thing that is wrong with a request, as a SayItError."""
    first = error.errors()[0]
    place = [str(part) for part in first["loc"] if part not in {"query", "body", "header", "path"}]
    name = ".".join(place)[:64] or "body"
    return SayItError(ErrorKind.INVALID_ARGUMENT, field=name, reason=f"{name}: {first['msg']}")
