"""Errors in OpenAI's shape, under the statuses that make its clients raise the exception that fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from starlette.requests import HTTPConnection
from starlette.responses import Response

from sayit.bridge import problems
from sayit.bridge.problems import Fault
from sayit.chassis import telemetry
from sayit.speech.errors import ErrorKind, SayItError

#: What is wrong with the file is a bad request to OpenAI; it answers with neither 415 nor 422.
_STATUSES = {415: 400, 422: 400}
#: Where OpenAI has a code of its own that clients look for; everywhere else it is ours.
_CODES = {
    "UNAUTHENTICATED": "invalid_api_key",
    "MODEL_NOT_AVAILABLE": "model_not_found",
    "RATE_LIMITED": "rate_limit_exceeded",
}
#: What is wrong with these is the file, wherever it was noticed.
_ABOUT_THE_FILE = frozenset(
    {
        ErrorKind.INVALID_FORMAT,
        ErrorKind.NO_AUDIO_TRACK,
        ErrorKind.UNSUPPORTED_AUDIO,
        ErrorKind.AUDIO_TOO_LONG,
        ErrorKind.DECODING_FAILED,
    }
)
_TYPES = {403: "permission_error", 429: "rate_limit_error"}


def form(fault: Fault) -> tuple[str, Mapping[str, Any]]:
    """OpenAI's body of an error; `param` names the field at fault."""
    fallback = "server_error" if fault.status >= 500 else "invalid_request_error"
    error = {
        "message": fault.message,
        "type": _TYPES.get(fault.status, fallback),
        "param": fault.field or None,
        "code": _CODES.get(fault.code, fault.code),
    }
    return "application/json", {"error": error}


def body_of(error: SayItError, request: HTTPConnection) -> Mapping[str, Any]:
    """The error's body, for a stream that has begun."""
    return form(_fault(error, request))[1]


def answer(error: SayItError, request: HTTPConnection) -> Response:
    """The whole answer.

    OpenAI's clients repeat a request, upload included, after 408, 409, 429 and 5xx unless `x-should-retry` forbids it:
    a file that crashed the engine would crash it again.
    """
    should_retry = "true" if error.kind.retryable else "false"
    return problems.response(_fault(error, request), form, {"x-should-retry": should_retry})


def _fault(error: SayItError, request: HTTPConnection) -> Fault:
    telemetry.bind(error=error.code, **({"cause": error.cause} if error.cause else {}))
    fault = problems.fault_of(error, problems.language_of(request))
    field = fault.field or ("file" if error.kind in _ABOUT_THE_FILE else "")
    return replace(fault, status=_STATUSES.get(fault.status, fault.status), field=field)
