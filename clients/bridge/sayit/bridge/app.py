"""The application: every surface's routes, and what holds for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from sayit.bridge import health, legacy, native, openai, page
from sayit.bridge.bodies import Bodies
from sayit.bridge.deps import Deps
from sayit.bridge.gateway import Gateway
from sayit.bridge.legacy.envelopes import form as legacy_form
from sayit.bridge.middleware import Guards, Headers, Observing, Patience
from sayit.bridge.openai.errors import form as openai_form
from sayit.bridge.problems import Fault, Form, fault_of, fault_of_status, language_of, problem, response
from sayit.bridge.schema import openapi_of
from sayit.bridge.settings import BridgeSettings
from sayit.chassis import telemetry
from sayit.speech.errors import ErrorKind, SayItError

#: Headers of ours that a page of another origin may read.
_EXPOSED = (
    "Content-Language", "ETag", "Location", "Retry-After", "X-Request-Id", "X-SayIt-Job", "Tus-Extension",
    "Tus-Max-Size", "Tus-Resumable", "Tus-Version", "Upload-Expires", "Upload-Length", "Upload-Metadata",
    "Upload-Offset",
)  # fmt: skip
_SMALLEST_ZIPPED = 1_000
#: Whose form an error takes, by the beginning of the path that was asked for; all others are problems (RFC 9457).
_FORMS: Mapping[str, Form] = {
    "/v1/audio": openai_form,
    "/v1/models": openai_form,
    "/api": legacy_form,
    "/health": legacy_form,
}


def create_app(gateway: Gateway, settings: BridgeSettings, *, deps: Deps | None = None) -> FastAPI:
    """The bridge as an ASGI application.

    Args:
        gateway: who does the work.
        settings: what was asked for.
        deps: what the surfaces get; made of the other two by default.
    """
    deps = deps or Deps(settings=settings, gateway=gateway, bodies=Bodies(settings))
    app = FastAPI(
        title="SayIt",
        version=version("sayit"),
        summary="Speech to text: jobs, live events, resumable uploads.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        separate_input_output_schemas=False,
        redirect_slashes=False,
    )
    for surface in (native, openai, legacy, health):
        app.include_router(surface.router(deps))
    app.include_router(page.router())
    app.openapi = lambda: openapi_of(app)  # type: ignore[method-assign]  # as FastAPI's documentation has it
    _tell_errors(app)
    # The last one added is the outermost.
    app.add_middleware(GZipMiddleware, minimum_size=_SMALLEST_ZIPPED, compresslevel=6)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.origins),
            allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
            allow_headers=["*"],
            expose_headers=list(_EXPOSED),
            max_age=600,
        )
    app.add_middleware(Guards, settings=settings)
    app.add_middleware(Headers, settings=settings)
    app.add_middleware(Patience)
    app.add_middleware(Observing)
    return app


def _tell_errors(app: FastAPI) -> None:
    """Every error leaves in the form of the surface whose path was asked for."""

    def told(request: Request, fault: Fault, headers: Mapping[str, str] | None = None) -> Response:
        path = request.url.path
        form = next((form for prefix, form in _FORMS.items() if path.startswith(prefix)), problem)
        telemetry.bind(error=fault.code)
        return response(fault, form, headers)

    async def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, SayItError)
        if error.cause:
            telemetry.bind(cause=error.cause)
        return told(request, fault_of(error, language_of(request)))

    async def of_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return told(request, fault_of_status(error.status_code, language_of(request)), error.headers)

    async def of_validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return told(request, fault_of(invalid(error), language_of(request)))

    async def gone(request: Request, error: Exception) -> Response:  # noqa: ARG001
        telemetry.bind(error="CLIENT_GONE")
        return Response(status_code=499)  # nobody reads it; the log has it

    async def unknown(request: Request, error: Exception) -> Response:
        telemetry.logger().error("request_crashed", path=request.url.path, exc_info=error)
        return told(request, fault_of(SayItError(ErrorKind.INTERNAL), language_of(request)))

    app.add_exception_handler(SayItError, ours)
    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(RequestValidationError, of_validation)
    app.add_exception_handler(ClientDisconnect, gone)
    app.add_exception_handler(Exception, unknown)


def invalid(error: RequestValidationError) -> SayItError:
    """The first thing that is wrong with a request, as our error."""
    first = error.errors()[0]
    place = [str(part) for part in first["loc"] if part not in {"query", "body", "header", "path"}]
    name = ".".join(place)[:64] or "body"
    return SayItError(ErrorKind.INVALID_ARGUMENT, field=name, reason=f"{name}: {first['msg']}")
