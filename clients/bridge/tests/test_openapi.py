"""The API as it describes itself: complete enough to generate a client, and true for whatever is sent."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from sayit.bridge.application import create_app
from sayit.bridge.gateway_client import Gateway
from sayit.bridge.settings import BridgeSettings
from tests.scale import ALL


def document() -> dict[str, Any]:
    """What /openapi.json says."""
    values = BridgeSettings()
    return create_app(Gateway.at(values), values).openapi()


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    """(path, method, operation) of everything."""
    return [(path, method, one) for path, item in document()["paths"].items() for method, one in item.items()]


def test_every_operation_has_a_name_a_summary_and_its_errors() -> None:
    """Names are unique; what may fail says so in the form that it fails in."""
    found = operations()
    names = [one["operationId"] for _, _, one in found]
    assert len(set(names)) == len(names) >= 15
    for path, method, one in found:
        assert one.get("summary") or one.get("description"), (path, method)
        if path.startswith(("/v1/jobs", "/v1/uploads", "/v1/vocabularies", "/v1/status")) and method != "options":
            assert "application/problem+json" in one["responses"]["503"]["content"], (path, method)


def test_all_references_lead_somewhere() -> None:
    """A generator would stop at the first that does not."""
    whole = document()

    def check(value: Any) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                assert value["$ref"].rpartition("/")[2] in whole["components"]["schemas"], value["$ref"]
            for one in value.values():
                check(one)
        elif isinstance(value, list):
            for one in value:
                check(one)

    check(whole)


def test_every_body_has_one_form_for_generators() -> None:
    """A job's is a form, an upload's document a path of its own; nothing is sent that was not given."""
    whole = document()
    for path, method, one in operations():
        assert len(one.get("requestBody", {"content": {"": 0}})["content"]) == 1, (path, method)
        assert not [p for p in one.get("parameters", ()) if "default" in p["schema"] or "anyOf" in p["schema"]]
    fields = whole["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
    assert fields["language"]["type"] == fields["file"]["type"] == "string"
    assert not [name for name, field in fields.items() if "default" in field or "anyOf" in field]
    assert "TextEvent" in whole["components"]["schemas"]
    assert whole["servers"][0]["url"] == "/"


def test_whatever_is_sent_the_answer_is_as_described(bridge_url: str) -> None:
    """Schemathesis makes requests, right and wrong ones, of the document: no 5xx, nothing undocumented."""
    import schemathesis  # noqa: PLC0415 - every process that collects tests would load it
    from schemathesis.checks import not_a_server_error  # noqa: PLC0415
    from schemathesis.specs.openapi import checks as described  # noqa: PLC0415

    @schemathesis.serializer("application/offset+octet-stream", "audio/*")
    def as_it_is(_context: Any, value: Any) -> bytes:
        """Bytes of a body; schemathesis wraps what a document calls binary."""
        return value if isinstance(value, bytes) else getattr(value, "data", str(value).encode())

    schema = schemathesis.openapi.from_url(f"{bridge_url}/openapi.json", timeout=60)
    checks = [
        not_a_server_error,
        described.status_code_conformance,
        described.content_type_conformance,
        described.response_schema_conformance,
    ]
    tried = 0

    for result in schema.include(
        path_regex="^/(v1/(jobs|uploads|vocabularies|status)|livez|readyz)"
    ).get_all_operations():
        operation = result.ok()

        @settings(
            max_examples=12 if ALL else 4,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def try_it(case: Any) -> None:
            nonlocal tried
            tried += 1
            case.call_and_validate(base_url=bridge_url, checks=checks, timeout=60)

        try_it()
    assert tried > (100 if ALL else 40)


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/jobs/", "/v1/jobs/a/b", "/v1/jobs/a%2Fb", "/../etc/passwd", "/v1/jobs/%00"]
)
def test_paths_that_are_none(service: httpx.Client, path: str) -> None:
    """No crash, no redirect, whatever is asked for."""
    answer = service.get(path)
    assert answer.status_code in {200, 400, 404}
