"""docs/api.md says what the code does."""

from __future__ import annotations

import pytest

from sayit.v1 import (
    admin_service_pb2,
    live_service_pb2,
    resources_pb2,
    system_service_pb2,
    transcription_service_pb2,
    upload_service_pb2,
    vocabulary_service_pb2,
)

from .error_table import DOCUMENT, documented, table

SERVICES = [
    service
    for module in (
        live_service_pb2,
        transcription_service_pb2,
        upload_service_pb2,
        vocabulary_service_pb2,
        system_service_pb2,
        admin_service_pb2,
    )
    for service in module.DESCRIPTOR.services_by_name.values()
]


def test_the_table_of_errors_is_the_codes():
    """Every kind is listed with its status and both sentences; `tests/documentation/error_table.py` writes it."""
    assert documented() == table()


@pytest.mark.parametrize("method", [f"{service.name}.{m.name}" for service in SERVICES for m in service.methods])
def test_every_method_is_described(method):
    """Each public method has its row."""
    service, _, name = method.partition(".")
    text = DOCUMENT.read_text(encoding="utf-8")
    assert f"`sayit.v1.{service}`" in text
    assert f"| `{name}" in text


@pytest.mark.parametrize("event", [field.name for field in resources_pb2.JobEvent.DESCRIPTOR.oneofs[0].fields])
def test_every_event_is_described(event):
    """Each kind of event has its row."""
    assert f"| `{event}`" in DOCUMENT.read_text(encoding="utf-8")
