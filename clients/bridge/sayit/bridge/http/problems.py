"""Errors in HTTP: the status of every kind, and RFC 9457 problems; other surfaces have a body of their own.

`Fault` is what happened, free of any surface's form. A surface gives a function that makes its answer of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response

from sayit.chassis import telemetry
from sayit.chassis.errors import KIND_TO_GRPC
from sayit.speech.errors import ErrorKind, SayItError

#: Types of problems are these and the code in lower case with dashes. They name the kind and need not be fetched.
TYPE_PREFIX = "https://sayit.dev/problems/"
#: When to try again where the error does not say it, in seconds.
_RETRY_AFTER_S = 5.0

#: Where HTTP has a status that says more than gRPC's code does.
_MORE_EXACT: Mapping[ErrorKind, int] = {
    ErrorKind.UPLOAD_TOO_SLOW: 408,
    ErrorKind.FILE_TOO_LARGE: 413,
    ErrorKind.INVALID_FORMAT: 415,
    ErrorKind.UNSUPPORTED_CODEC: 415,
    ErrorKind.DAMAGED_FILE: 422,
    ErrorKind.NO_AUDIO_TRACK: 422,
    ErrorKind.UNSUPPORTED_AUDIO: 422,
    ErrorKind.AUDIO_TOO_LONG: 422,
    ErrorKind.DECODING_FAILED: 422,
    # As the draft of the Idempotency-Key header wants it for another request under a used key.
    ErrorKind.IDEMPOTENCY_CONFLICT: 422,
}
_BY_CODE: Mapping[str, int] = {
    "INVALID_ARGUMENT": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "FAILED_PRECONDITION": 409,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}

#: The only table from kinds to HTTP's statuses; a test checks that it is complete.
KIND_TO_HTTP: Mapping[ErrorKind, int] = MappingProxyType(
    {kind: _MORE_EXACT.get(kind) or _BY_CODE[code.name] for kind, code in KIND_TO_GRPC.items()}
)

#: Sentences for HTTP's own errors: (code, English, Korean) by status.
_HTTP: Mapping[int, tuple[str, str, str]] = {
    404: (
        "ROUTE_NOT_FOUND",
        "There is nothing at this address; /openapi.json lists all addresses.",
        "이 주소에는 아무것도 없습니다. 모든 주소는 /openapi.json에 있습니다.",
    ),
    412: (
        "VERSION_NOT_SUPPORTED",
        "This version of the protocol is not supported.",
        "지원하지 않는 프로토콜 버전입니다.",
    ),
    413: (
        "BODY_TOO_LARGE",
        "The JSON is too long (64 kB; corrections: 1 MB).",
        "JSON이 너무 깁니다 (64 kB, 수정은 1 MB까지).",
    ),
    405: (
        "METHOD_NOT_ALLOWED",
        "This method is not allowed here; the address takes {allowed}.",
        "이 주소에서는 허용되지 않는 메서드입니다. 허용되는 메서드: {allowed}.",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happened, in the client's language."""

    status: int
    #: The stable code.
    code: str
    #: The sentence for people.
    message: str
    #: The field of the request at fault; empty if none is.
    field: str = ""
    #: Whether the same request may succeed later without change.
    retryable: bool = False
    #: When a retry makes sense, in seconds; None if it makes none.
    retry_after_s: float | None = None
    #: The newest version, of an error about versions; empty else.
    version: str = ""
    #: Headers of a limit that is used up.
    limit_headers: Mapping[str, str] | None = None
    #: The language of the sentence.
    language: str = "en"


#: Reports a fault in a surface's form.
Form = Callable[[Fault], Response]


def language_of(request: HTTPConnection) -> str:
    """The language to answer in: "ko" where Accept-Language prefers Korean to English, else "en"."""
    best = {"ko": 0.0, "en": 0.0}
    for item in request.headers.get("accept-language", "").split(","):
        tag, _, parameters = item.strip().partition(";")
        primary = tag.strip().lower().partition("-")[0]
        if primary in best:
            best[primary] = max(best[primary], _weight(parameters))
    return "ko" if best["ko"] > best["en"] else "en"


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    return weight if math.isfinite(weight) else 0.0


def fault_of(error: SayItError, language: str) -> Fault:
    """The fault that an error is."""
    status = KIND_TO_HTTP[error.kind]
    retry_after_s = error.retry_after_s
    if retry_after_s is None and status in {429, 503}:
        retry_after_s = _RETRY_AFTER_S
    return Fault(
        status=status,
        code=error.code,
        message=error.message(language),
        field=error.field,
        retryable=error.kind.retryable,
        retry_after_s=retry_after_s,
        version=error.details.get("version", "") if error.kind is ErrorKind.VERSION_CONFLICT else "",
        limit_headers=_limit_headers(error),
        language=language,
    )


def _limit_headers(error: SayItError) -> dict[str, str]:
    """What the IETF's draft of RateLimit headers says of a limit, and what OpenAI's clients read."""
    quota = error.details.get("quota")
    if quota is None:
        return {}
    name, reset_s = error.details["subject"].partition(":")[0], math.ceil(error.retry_after_s or 1)
    return {
        "RateLimit-Policy": f'"{name}";q={quota};w={error.details["window_s"]}',
        "RateLimit": f'"{name}";r=0;t={reset_s}',
        "x-ratelimit-limit-requests": quota,
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": f"{reset_s}s",
    }


def fault_for(error: SayItError, request: HTTPConnection) -> Fault:
    """The fault that an error is to this client; the request's line in the log names it."""
    telemetry.bind(error=error.code, **({"cause": error.cause} if error.cause else {}))
    return fault_of(error, language_of(request))


def fault_of_status(status: int, language: str, *, allowed: str = "") -> Fault:
    """The fault that HTTP itself names: no such route, no such method, where others are allowed."""
    code, english, korean = _HTTP.get(status, (f"HTTP_{status}", "The request failed.", "요청이 실패했습니다."))
    sentence = korean if language == "ko" else english
    return Fault(status=status, code=code, message=sentence.format(allowed=allowed), language=language)


def problem(fault: Fault) -> dict[str, Any]:
    """RFC 9457's problem details; `code`, `field` and `retry_after` are SayIt's."""
    body: dict[str, Any] = {
        "type": TYPE_PREFIX + fault.code.lower().replace("_", "-"),
        "title": fault.code.replace("_", " ").capitalize(),
        "status": fault.status,
        "detail": fault.message,
        "code": fault.code,
    }
    if fault.field:
        body["field"] = fault.field
    if fault.version:
        body["version"] = int(fault.version)
    if fault.retry_after_s is not None:
        body["retry_after"] = math.ceil(fault.retry_after_s)
    return body


def problem_response(fault: Fault) -> Response:
    """A fault as a problem."""
    return response(fault, problem(fault), "application/problem+json")


def response(fault: Fault, body: Mapping[str, Any], media_type: str = "application/json") -> Response:
    """The answer that reports a fault with this body."""
    headers = {"Content-Language": fault.language, **(fault.limit_headers or {})}
    if fault.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, math.ceil(fault.retry_after_s)))
    if fault.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="sayit"'
    return JSONResponse(body, fault.status, headers=headers, media_type=media_type)
