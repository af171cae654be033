"""Errors as statuses."""

from __future__ import annotations

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]  # generated, ships no types

from sayit.chassis.errors import KIND_TO_GRPC, status_of
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.wire import error_of_status
from sayit.speech.wire.errors import error_of_call


def test_every_kind_has_a_code() -> None:
    """The table misses no kind, and none of them looks like success."""
    assert set(KIND_TO_GRPC) == set(ErrorKind)
    assert grpc.StatusCode.OK not in KIND_TO_GRPC.values()


@pytest.mark.parametrize("kind", ErrorKind, ids=lambda kind: kind.name)
def test_every_kind_survives_the_wire(kind: ErrorKind) -> None:
    """Kind, field, retry time and details come back as they were; the cause stays at home."""
    error = SayItError(kind, field="audio", retry_after_s=2.5, cause="secret", reason="r", job_id="j")
    status = status_of(error)
    assert b"secret" not in status.SerializeToString()
    back = error_of_status(status.SerializeToString())
    assert (back.kind, back.field, back.retry_after_s, back.details) == (kind, "audio", 2.5, error.details)


def _detail(status: status_pb2.Status, kind: type) -> object:
    for detail in status.details:
        message = kind()
        if detail.Unpack(message):
            return message
    return None


def test_details_are_googles() -> None:
    """Generic clients find what they know: ErrorInfo, BadRequest, RetryInfo, QuotaFailure where they apply."""
    limited = status_of(SayItError(ErrorKind.RATE_LIMITED, retry_after_s=1))
    assert _detail(limited, error_details_pb2.QuotaFailure)
    assert _detail(limited, error_details_pb2.RetryInfo)
    assert not _detail(limited, error_details_pb2.BadRequest)
    wrong = status_of(SayItError(ErrorKind.INVALID_OPTION, field="beam_size", reason="too large"))
    bad_request = _detail(wrong, error_details_pb2.BadRequest)
    assert isinstance(bad_request, error_details_pb2.BadRequest)
    assert bad_request.field_violations[0].field == "beam_size"
    info = _detail(wrong, error_details_pb2.ErrorInfo)
    assert isinstance(info, error_details_pb2.ErrorInfo)
    assert (info.reason, info.domain, info.metadata["reason"]) == ("INVALID_OPTION", "sayit.internal", "too large")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, ErrorKind.UNAVAILABLE),
        (grpc.StatusCode.DEADLINE_EXCEEDED, ErrorKind.DEADLINE_EXCEEDED),
        (grpc.StatusCode.UNIMPLEMENTED, ErrorKind.INTERNAL),
    ],
)
def test_bare_status_becomes_the_nearest_kind(code: grpc.StatusCode, kind: ErrorKind) -> None:
    """A status that gRPC itself made keeps its text as cause only."""
    error = error_of_call(grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details="tcp broke"))
    assert error.kind is kind
    assert "tcp broke" in error.cause
    assert "tcp broke" not in str(error)
