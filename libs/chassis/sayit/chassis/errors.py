"""SayIt's errors as gRPC statuses and back: google.rpc.Status with details, in `grpc-status-details-bin`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]  # generated, ships no types

from sayit.speech.errors import ERROR_DOMAIN, ErrorKind, SayItError
from sayit.speech.wire import duration_to_proto
from sayit.speech.wire.errors import STATUS_DETAILS_KEY

_BY_CODE: Mapping[grpc.StatusCode, tuple[ErrorKind, ...]] = {
    grpc.StatusCode.INVALID_ARGUMENT: (
        ErrorKind.FILE_REQUIRED,
        ErrorKind.FILE_TOO_LARGE,
        ErrorKind.INVALID_FORMAT,
        ErrorKind.UNSUPPORTED_CODEC,
        ErrorKind.DAMAGED_FILE,
        ErrorKind.NO_AUDIO_TRACK,
        ErrorKind.UNSUPPORTED_AUDIO,
        ErrorKind.AUDIO_TOO_LONG,
        ErrorKind.INVALID_LANGUAGE,
        ErrorKind.INVALID_OPTION,
        ErrorKind.INVALID_VOCABULARY,
        ErrorKind.INVALID_ARGUMENT,
        ErrorKind.DECODING_FAILED,
    ),
    grpc.StatusCode.NOT_FOUND: (
        ErrorKind.JOB_NOT_FOUND,
        ErrorKind.UPLOAD_NOT_FOUND,
        ErrorKind.MODEL_NOT_AVAILABLE,
        ErrorKind.VOCABULARY_NOT_FOUND,
        ErrorKind.KEY_NOT_FOUND,
        ErrorKind.LINK_NOT_FOUND,
    ),
    grpc.StatusCode.FAILED_PRECONDITION: (
        ErrorKind.JOB_NOT_FINISHED,
        ErrorKind.JOB_FAILED,
        ErrorKind.JOB_CANCELLED,
        ErrorKind.UPLOAD_OFFSET_MISMATCH,
        ErrorKind.UPLOAD_INCOMPLETE,
        ErrorKind.TOO_MANY_VOCABULARIES,
        ErrorKind.VERSION_CONFLICT,
        ErrorKind.TOO_MANY_VERSIONS,
        ErrorKind.TOO_MANY_KEYS,
        ErrorKind.LEGAL_HOLD,
        ErrorKind.TOO_MANY_LINKS,
    ),
    grpc.StatusCode.ABORTED: (ErrorKind.UPLOAD_TOO_SLOW,),
    grpc.StatusCode.ALREADY_EXISTS: (ErrorKind.IDEMPOTENCY_CONFLICT,),
    grpc.StatusCode.UNAUTHENTICATED: (ErrorKind.UNAUTHENTICATED, ErrorKind.INVALID_SIGNATURE),
    grpc.StatusCode.PERMISSION_DENIED: (ErrorKind.PERMISSION_DENIED,),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (ErrorKind.RATE_LIMITED, ErrorKind.OVERLOADED),
    grpc.StatusCode.UNAVAILABLE: (ErrorKind.UNAVAILABLE,),
    grpc.StatusCode.DEADLINE_EXCEEDED: (ErrorKind.DEADLINE_EXCEEDED,),
    grpc.StatusCode.INTERNAL: (ErrorKind.ENGINE_FAILED, ErrorKind.CHUNK_QUARANTINED, ErrorKind.INTERNAL),
}

#: The one table from kinds to gRPC's codes; complete, which a test holds.
KIND_TO_GRPC: Mapping[ErrorKind, grpc.StatusCode] = MappingProxyType(
    {kind: code for code, kinds in _BY_CODE.items() for kind in kinds}
)


def status_of(error: SayItError, *, request_id: str = "") -> status_pb2.Status:
    """The error as a google.rpc.Status; its message is the English sentence, and no internal text is in it.

    Args:
        error: what happened.
        request_id: the id under which the log has more; sent as RequestInfo where given.
    """
    english = error.message("en")
    code = KIND_TO_GRPC[error.kind]
    status = status_pb2.Status(code=code.value[0], message=english)
    for detail in _details(error, english, request_id):
        status.details.add().Pack(detail)
    return status


def _details(error: SayItError, english: str, request_id: str) -> list[Message]:
    localized = [
        error_details_pb2.LocalizedMessage(locale=language, message=error.message(language))
        for language in ("en", "ko")
    ]
    details: list[Message] = [
        error_details_pb2.ErrorInfo(reason=error.code, domain=ERROR_DOMAIN, metadata=error.details),
        *localized,
    ]
    if error.field:
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=error.field, description=english, reason=error.code, localized_message=localized[1]
        )
        details.append(error_details_pb2.BadRequest(field_violations=[violation]))
    if error.retry_after_s is not None:
        details.append(error_details_pb2.RetryInfo(retry_delay=duration_to_proto(error.retry_after_s)))
    if error.kind is ErrorKind.RATE_LIMITED or "subject" in error.details:
        quota = error_details_pb2.QuotaFailure.Violation(
            subject=error.details.get("subject", "api-key"), description=error.details.get("limit", english)
        )
        details.append(error_details_pb2.QuotaFailure(violations=[quota]))
    if request_id:
        details.append(error_details_pb2.RequestInfo(request_id=request_id))
    return details


def is_ours(error: grpc.aio.AioRpcError) -> bool:
    """Whether a service of ours failed the call, rather than gRPC or the network: then the status has our details."""
    return any(key == STATUS_DETAILS_KEY for key, _ in error.trailing_metadata() or ())
