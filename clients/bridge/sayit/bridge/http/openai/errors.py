"""Errors in OpenAI's shape, with the statuses for which its clients raise the right exception."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from starlette.responses import Response

from sayit.bridge.http.problems import Fault, response

#: What is wrong with the file is a bad request to OpenAI; it answers with neither 415 nor 422.
_STATUSES = {415: 400, 422: 400}
#: Where OpenAI has a code of its own that clients check; all others are SayIt's.
_CODES = {
    "UNAUTHENTICATED": "invalid_api_key",
    "MODEL_NOT_AVAILABLE": "model_not_found",
    "RATE_LIMITED": "rate_limit_exceeded",
}
#: The cause of these is the file, wherever the error was raised.
_ABOUT_THE_FILE = frozenset(
    {"INVALID_FORMAT", "NO_AUDIO_TRACK", "UNSUPPORTED_AUDIO", "AUDIO_TOO_LONG", "DECODING_FAILED"}
)
_TYPES = {403: "permission_error", 429: "rate_limit_error"}


def body(fault: Fault) -> dict[str, Any]:
    """OpenAI's body of an error; `param` names the field at fault."""
    fallback = "server_error" if fault.status >= 500 else "invalid_request_error"
    error = {
        "message": fault.message,
        "type": _TYPES.get(fault.status, fallback),
        "param": fault.field or ("file" if fault.code in _ABOUT_THE_FILE else None),
        "code": _CODES.get(fault.code, fault.code),
    }
    return {"error": error}


def refusal(fault: Fault) -> Response:
    """The whole answer.

    OpenAI's clients repeat a request, upload included, after 408, 409, 429 and 5xx unless `x-should-retry` forbids it:
    a file that crashed the engine would crash it again.
    """
    answer = response(replace(fault, status=_STATUSES.get(fault.status, fault.status)), body(fault))
    answer.headers["x-should-retry"] = "true" if fault.retryable else "false"
    return answer
