"""Corrections over HTTP, on a real suite."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from .helper import RECORDINGS

SHORT = (RECORDINGS / "en-8s.flac").read_bytes()


@pytest.fixture
def job(service: httpx.Client) -> Iterator[dict[str, Any]]:
    """A finished job whose words have times."""
    made = service.post("/v1/jobs?language=en&word_timestamps=true&wait=30", content=SHORT).json()
    assert made["state"] == "completed"
    yield made
    service.delete(f"/v1/jobs/{made['id']}")


def test_a_correction_is_in_every_form_and_shown_to_all(service: httpx.Client, job: dict[str, Any]) -> None:
    """Text, name and split in text and subtitles; the job says its version and that it is kept; history and undo."""
    path = f"/v1/jobs/{job['id']}"
    segment = job["transcript"]["segments"][0]
    words = {"0": "Quince,", str(len(segment["words"]) - 1): "\nmarmalade."}
    change = {"segment": segment["id"], "words": words}
    assert (job["transcript_version"], job["transcript"]["version"]) == (0, 0)
    assert job["expires_at"]
    done = service.patch(
        f"{path}/transcript", json={"expected_version": 0, "segments": [change], "names": {"0": "Kim"}}
    )
    assert done.status_code == 200
    told = {"version": 1, "segments": [{**change, "text": None, "joined": False, "speaker": ""}], "names": {"0": "Kim"}}
    assert done.json() == told == service.get(f"{path}/corrections").json()
    newest = service.get(f"{path}/transcript").json()
    assert newest["version"] == 1
    assert [one["text"].split()[0] for one in newest["segments"][:2]] == ["Quince,", "marmalade."]
    for form in ("txt", "srt", "vtt", "md"):
        text = service.get(f"{path}/transcript.{form}").text
        assert "Quince," in text
        assert "Kim" in text
        assert "Quince," not in service.get(f"{path}/transcript.{form}?version=0").text
    assert service.get(f"{path}/transcript?version=0").json()["text"] == job["transcript"]["text"]
    shown = service.get(path).json()
    assert (shown["transcript_version"], shown["expires_at"]) == (1, None)
    assert service.patch(path, json={"kept": False}).json()["expires_at"]
    undone = service.patch(f"{path}/transcript", json={"expected_version": 1, "restored_version": 0})
    assert undone.json() == {"version": 2, "segments": [], "names": {}}
    versions = service.get(f"{path}/versions").json()["versions"]
    assert [(one["version"], one["segments"], one["names"]) for one in versions] == [
        (2, [segment["id"]], ["0"]),
        (1, [segment["id"]], ["0"]),
    ]
    assert [one["version"] for one in service.get(f"{path}/versions?before=2").json()["versions"]] == [1]


def test_nothing_is_overwritten_silently(service: httpx.Client, job: dict[str, Any]) -> None:
    """A correction of what was corrected meanwhile is a conflict that says the newest version."""
    path = f"/v1/jobs/{job['id']}/transcript"
    change = {"expected_version": 0, "segments": [{"segment": 0, "text": "mine"}]}
    assert service.patch(path, json=change).status_code == 200
    change["segments"] = [{"segment": 0, "text": "yours"}]
    refused = service.patch(path, json=change, headers={"Accept-Language": "ko"})
    assert (refused.status_code, refused.json()["code"], refused.json()["version"]) == (409, "VERSION_CONFLICT", 1)
    assert "버전" in refused.json()["detail"]
    assert service.patch(path, json={"expected_version": 0, "names": {"0": "Lee"}}).json()["version"] == 2


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({"segments": []}, 400, "INVALID_ARGUMENT", "expected_version"),
        ({"expected_version": 0, "segments": [{"segment": 99}]}, 400, "INVALID_ARGUMENT", "segments"),
        ({"expected_version": 0, "segments": [{"segment": 0, "words": {"x": "y"}}]}, 400, "INVALID_ARGUMENT", None),
        ({"expected_version": 0, "names": {"0": "x"}, "restored_version": 0}, 400, "INVALID_ARGUMENT", None),
        ({"expected_version": 0, "names": {"0": "x" * 1_000_001}}, 413, "BODY_TOO_LARGE", None),
    ],
)
def test_wrong_corrections_name_their_field(
    service: httpx.Client, job: dict[str, Any], body: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    """Without a version, of a segment that is not there, what is no number, both at once, too much."""
    answer = service.patch(f"/v1/jobs/{job['id']}/transcript", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    if field:
        assert answer.json()["field"] == field


def test_a_job_that_is_not_there(service: httpx.Client) -> None:
    """All of its paths say so."""
    for method, path, body in (
        ("GET", "corrections", None),
        ("GET", "versions", None),
        ("PATCH", "transcript", {"expected_version": 0}),
        ("PATCH", "", {"kept": True}),
    ):
        answer = service.request(method, f"/v1/jobs/none/{path}".rstrip("/"), json=body)
        assert (answer.status_code, answer.json()["code"]) == (404, "JOB_NOT_FOUND"), path
