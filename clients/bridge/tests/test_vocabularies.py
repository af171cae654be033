"""`/v1/vocabularies`, and the options of a job in all their forms, on a real suite."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from .helper import RECORDINGS

SHORT = (RECORDINGS / "en-8s.flac").read_bytes()
#: Options as a query or a form says them, and as a job shows them.
ASKED = {
    "languages": "ko,en",
    "context": "none",
    "guard": "off",
    "formatting": "true",
    "mask_profanity": "true",
    "temperatures": "0,0.3",
    "best_of": "2",
    "logprob_threshold": "-0.8",
    "suppress_tokens": "1,2",
}
SHOWN: dict[str, Any] = {
    "languages": ["ko", "en"],
    "context": "none",
    "guard": "off",
    "formatting": True,
    "mask_profanity": True,
    "temperatures": [0.0, 0.3],
    "best_of": 2,
    "logprob_threshold": -0.8,
    "suppress_tokens": [1, 2],
}


@pytest.fixture
def vocabulary(service: httpx.Client) -> Iterator[dict[str, Any]]:
    """A stored vocabulary. Its name is the test's own: tests of this module use one suite at the same time."""
    address = f"/v1/vocabularies/rest-{uuid.uuid4().hex[:8]}"
    answer = service.put(address, json={"words": [" 세이잇", "b  c", "세이잇"], "prompt": "p"})
    assert answer.status_code == 200
    assert answer.json()["name"] == address.rpartition("/")[2]
    yield answer.json()
    service.delete(address)


def test_a_vocabulary_is_stored_shown_listed_and_deleted(service: httpx.Client, vocabulary: dict[str, Any]) -> None:
    """As it was stored, with its times; what is not there is a problem in the reader's language."""
    address = f"/v1/vocabularies/{vocabulary['name']}"
    assert (vocabulary["words"], vocabulary["prompt"]) == (["세이잇", "b c"], "p")
    assert vocabulary["created_at"] == vocabulary["updated_at"]
    assert service.get(address).json() == vocabulary
    assert vocabulary in service.get("/v1/vocabularies").json()["vocabularies"]
    assert service.delete(address).status_code == 204
    gone = service.get(address, headers={"Accept-Language": "ko"})
    assert (gone.status_code, gone.json()["code"]) == (404, "VOCABULARY_NOT_FOUND")
    assert "단어장" in gone.json()["detail"]


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("refused", b"{}", "INVALID_VOCABULARY"),
        ("refused", b'{"words": ["a,b"]}', "INVALID_VOCABULARY"),
        ("refused", b'{"words": [1]}', "INVALID_ARGUMENT"),
        ("refused", b'{"word": ["a"]}', "INVALID_ARGUMENT"),
        ("refused", b"words", "INVALID_ARGUMENT"),
        ("refused%20name", b'{"words": ["a"]}', "INVALID_ARGUMENT"),
        ("refused", b" " * 70_000, "BODY_TOO_LARGE"),
    ],
)
def test_what_is_no_vocabulary_is_refused(service: httpx.Client, name: str, body: bytes, code: str) -> None:
    """By the bridge where the document is wrong, by the service where its words are."""
    answer = service.put(f"/v1/vocabularies/{name}", content=body)
    assert answer.json()["code"] == code
    assert service.get("/v1/vocabularies/refused").status_code == 404


def test_options_are_the_same_in_a_query_a_form_and_json(service: httpx.Client, vocabulary: dict[str, Any]) -> None:
    """Every option reaches the job, and is shown by it; the job's own words stay its own."""
    asked = {**ASKED, "vocabulary": vocabulary["name"]}
    shown = {**SHOWN, "vocabulary": vocabulary["name"]}
    query = service.post("/v1/jobs", params=asked, content=SHORT, headers={"Content-Type": "audio/flac"})
    form = service.post("/v1/jobs", data=asked, files={"file": ("a.flac", SHORT, "audio/flac")})
    twice = service.post(
        "/v1/jobs", data={**asked, "languages": ["ko", "en"]}, files={"file": ("a.flac", SHORT, "audio/flac")}
    )
    opened = service.post("/v1/uploads", headers={"Upload-Length": str(len(SHORT))}).headers["Location"]
    service.patch(
        opened, content=SHORT, headers={"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    )
    body = {"upload_id": opened.rpartition("/")[2], "options": shown}
    uploaded = service.post("/v1/jobs", content=json.dumps(body), headers={"Content-Type": "application/json"})
    for answer in (query, form, twice, uploaded):
        assert answer.status_code == 202, answer.text
        options = answer.json()["options"]
        assert {name: options[name] for name in shown} == shown
        assert (options["hotwords"], options["patience"]) == ("", None)


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        ({"temperatures": "nan"}, "INVALID_ARGUMENT", "temperatures.0"),
        ({"temperatures": ",".join("0" * 9)}, "INVALID_ARGUMENT", "temperatures"),
        ({"patience": "inf"}, "INVALID_ARGUMENT", "patience"),
        ({"best_of": "11"}, "INVALID_ARGUMENT", "best_of"),
        ({"guard": "some"}, "INVALID_ARGUMENT", "guard"),
        ({"suppress_tokens": "-1"}, "INVALID_ARGUMENT", "suppress_tokens.0"),
        ({"languages": "ko,xx"}, "INVALID_LANGUAGE", "language"),
        ({"languages": "ko", "language": "en"}, "INVALID_OPTION", "languages"),
        ({"temperatures": "0", "temperature": "0"}, "INVALID_OPTION", "decoding.temperatures"),
        ({"vocabulary": "none"}, "VOCABULARY_NOT_FOUND", "vocabulary"),
        ({"url": "https://example.com/a.wav"}, "INVALID_ARGUMENT", "url"),
        ({"callback_url": "https://example.com/"}, "INVALID_OPTION", "callback_url"),
    ],
)
def test_wrong_options_name_their_field(service: httpx.Client, wrong: dict[str, str], code: str, field: str) -> None:
    """Outside their limits, garbage, or contradicting each other."""
    answer = service.post("/v1/jobs", params=wrong, content=SHORT)
    assert (answer.json()["code"], answer.json()["field"]) == (code, field)


def test_a_transcript_is_written_as_asked_or_raw(service: httpx.Client) -> None:
    """`raw` leaves the job's wishes out; here they change nothing, and the forms are all there."""
    job = service.post("/v1/jobs?language=en&formatting=true&wait=30", content=SHORT).json()
    path = f"/v1/jobs/{job['id']}/transcript"
    raw = service.get(path, params={"raw": True}).json()
    assert [one["text"] for one in raw["segments"]] != [one["text"] for one in job["transcript"]["segments"]]
    assert raw["segments"][0]["channel"] == 0
    assert raw["segments"][0]["language_probability"] == 1.0
    assert service.get(path, params={"format": "text"}).text == service.get(path, params={"format": "txt"}).text
    assert service.get(path, params={"format": "timed.txt"}).text.startswith("[00:00:0")
