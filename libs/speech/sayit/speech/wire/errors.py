"""Errors as they arrive: a serialized `google.rpc.Status` becomes the SayItError it was."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import DecodeError
from google.rpc import code_pb2  # type: ignore[import-untyped]  # generated code that ships no types, as below
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, LocalizedMessage, RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from sayit.speech.errors import ERROR_DOMAIN, ErrorKind, SayItError, Sentence
from sayit.speech.wire.times import seconds_of_duration

#: What a bare status code says, where no ErrorInfo of ours came with it: a proxy's answer, a refused connection.
_KINDS: dict[int, ErrorKind] = {
    code_pb2.CANCELLED: ErrorKind.UNAVAILABLE,
    code_pb2.DEADLINE_EXCEEDED: ErrorKind.DEADLINE_EXCEEDED,
    code_pb2.INVALID_ARGUMENT: ErrorKind.INVALID_ARGUMENT,
    code_pb2.PERMISSION_DENIED: ErrorKind.PERMISSION_DENIED,
    code_pb2.RESOURCE_EXHAUSTED: ErrorKind.OVERLOADED,
    code_pb2.UNAUTHENTICATED: ErrorKind.UNAUTHENTICATED,
    code_pb2.UNAVAILABLE: ErrorKind.UNAVAILABLE,
}
#: Statuses that a transport or a proxy sets. SayIt's services always add details that say what happened.
_BROKEN = frozenset({code_pb2.UNAVAILABLE, code_pb2.CANCELLED, code_pb2.INTERNAL, code_pb2.UNKNOWN})
#: Trailing metadata of a failed call; holds a serialized `google.rpc.Status`. The key is gRPC's own convention.
STATUS_DETAILS_KEY = "grpc-status-details-bin"
#: Details with these names would collide with SayItError's own arguments.
_RESERVED = frozenset({"kind", "field", "retry_after_s", "cause", "sentences"})


def kind_of_rpc_code(code: int) -> ErrorKind:
    """The kind that a bare `google.rpc.Code` (the numbers of gRPC's status codes) comes closest to."""
    return _KINDS.get(code, ErrorKind.INTERNAL)


def error_of_call(error: Any) -> SayItError:
    """The error that a failed call carries; without details from a service of ours, the connection broke.

    Args:
        error: a grpc.aio.AioRpcError; this package does not import gRPC.
    """
    for key, value in error.trailing_metadata() or ():
        if key == STATUS_DETAILS_KEY:
            return error_of_status(value if isinstance(value, bytes) else value.encode())
    code = error.code()
    kind = ErrorKind.UNAVAILABLE if code.value[0] in _BROKEN else kind_of_rpc_code(code.value[0])
    return SayItError(kind, cause=f"{code.name}: {error.details()}")


def error_of_status(serialized: bytes) -> SayItError:
    """The error in a serialized `google.rpc.Status` (gRPC's `grpc-status-details-bin` trailer).

    Without an ErrorInfo of our domain the kind follows from the status code. The sentences that came along are kept:
    they may say more than the kind's own, and a code of ours that this version does not know, which becomes INTERNAL,
    has no others. The status's own message is kept as `cause`, for logs.
    """
    status = Status()
    try:
        status.ParseFromString(serialized)
    except DecodeError:
        return SayItError(ErrorKind.INTERNAL, cause="unreadable google.rpc.Status")
    info, bad_request, retry = ErrorInfo(), BadRequest(), RetryInfo()
    for detail in status.details:
        for message in (info, bad_request, retry):
            if detail.Is(message.DESCRIPTOR):
                detail.Unpack(message)
    ours = info.domain == ERROR_DOMAIN
    details = dict(info.metadata) if ours else {"reason": status.message}
    fields = [violation.field for violation in bad_request.field_violations if violation.field]
    return SayItError(
        ErrorKind.of_code(info.reason) if ours else kind_of_rpc_code(status.code),
        field=details.get("field", fields[0] if fields else ""),
        retry_after_s=seconds_of_duration(retry.retry_delay) if retry.HasField("retry_delay") else None,
        cause=f"{info.reason}: {status.message}" if ours else status.message,
        sentences=_sentences(status) if ours else None,
        **{name: value for name, value in details.items() if name not in _RESERVED},
    )


def _sentences(status: Status) -> Sentence | None:
    texts: dict[str, str] = {}
    for detail in status.details:
        localized = LocalizedMessage()
        if detail.Is(localized.DESCRIPTOR):
            detail.Unpack(localized)
            texts[localized.locale.split("-")[0]] = localized.message
    english = texts.get("en", "")
    return Sentence(en=english, ko=texts.get("ko", english)) if english else None
