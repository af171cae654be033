"""`/v1/jobs` on a real suite."""

from __future__ import annotations

import io
import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import docx
import httpx

from .helper import RECORDINGS
from .test_events import parsed

SHORT = (RECORDINGS / "en-8s.flac").read_bytes()
LONG = (RECORDINGS / "ko-150s.flac").read_bytes()


def test_a_short_file_is_answered_in_the_same_call(service: httpx.Client) -> None:
    """With `wait` the transcript comes with the job, and equals the one that is fetched."""
    answer = service.post("/v1/jobs?language=en&wait=30", content=SHORT, headers={"Content-Type": "audio/flac"})
    assert answer.status_code == 200
    job = answer.json()
    assert (job["state"], job["poll_after_ms"], job["progress"]["fraction"]) == ("completed", None, 1.0)
    assert "Retry-After" not in answer.headers
    fetched = service.get(f"/v1/jobs/{job['id']}/transcript").json()
    assert job["transcript"] == fetched
    assert len(fetched["text"].split()) > 10


def test_the_first_answer_may_be_the_format(service: httpx.Client) -> None:
    """With `wait` and `format`; a job that failed answers with its error, one that takes longer is a job."""
    answer = service.post("/v1/jobs?language=en&wait=30&format=srt", content=SHORT)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/x-subrip; charset=utf-8")
    assert answer.text.startswith("1\n00:00:0")
    path = answer.headers["Location"]
    assert service.get(f"{path}/transcript.srt").text == answer.text
    form = service.post("/v1/jobs", files={"file": SHORT}, data={"language": "en", "wait": "30", "format": "text"})
    assert form.text == service.get(f"{path}/transcript.txt").text
    document = service.post("/v1/jobs?language=en&wait=30&format=docx&filename=short.flac", content=SHORT)
    assert document.headers["Content-Disposition"] == "attachment; filename=\"short.docx\"; filename*=UTF-8''short.docx"
    shown = docx.Document(io.BytesIO(document.content)).paragraphs
    assert (shown[0].text, shown[0].style.name) == ("short.flac", "Title")
    assert " ".join(form.text.split()) in " ".join(one.text for one in shown)
    failed = service.post("/v1/jobs?wait=30&format=vtt", content=b"RIFF" + bytes(5000))
    assert (failed.status_code, failed.json()["code"]) == (415, "INVALID_FORMAT")
    assert service.post("/v1/jobs?format=vtt", content=SHORT).status_code == 202


def test_a_long_file_is_polled_watched_and_read(service: httpx.Client) -> None:
    """202 at once with the interval; events up to the last; then the transcript in every form, with an ETag."""
    answer = service.post("/v1/jobs", files={"file": ("긴.flac", LONG, "audio/flac")}, data={"language": "ko"})
    assert answer.status_code == 202
    job = answer.json()
    assert (job["poll_after_ms"], answer.headers["Retry-After"]) == (3000, "3")
    path = answer.headers["Location"]
    assert path == f"/v1/jobs/{job['id']}"
    early = service.get(f"{path}/transcript", headers={"Accept-Language": "ko"})
    assert (early.status_code, early.json()["code"]) == (409, "JOB_NOT_FINISHED")
    assert "아직" in early.json()["detail"]
    events = parsed(service.get(f"{path}/events").text)
    assert [int(event["id"]) for event in events if "id" in event] == list(
        range(1, len([e for e in events if "id" in e]) + 1)
    )
    assert events[-1]["event"] == "completed"
    done = service.get(f"{path}?wait=30").json()
    assert (done["state"], done["filename"]) == ("completed", "긴.flac")
    heads = {"txt": "", "json": "{", "srt": "1\n00:00:0", "vtt": "WEBVTT\n", "tsv": "start\tend\ttext\n"}
    for form, beginning in heads.items():
        shown = service.get(f"{path}/transcript?format={form}")
        assert shown.text.startswith(beginning)
        assert (
            service.get(
                f"{path}/transcript?format={form}", headers={"If-None-Match": shown.headers["ETag"]}
            ).status_code
            == 304
        )
    shown = [service.get(f"{path}/transcript{form}suppressed=true").text for form in ("?format=txt&", ".txt?")]
    removed = service.get(f"{path}/transcript").json()["suppressed"]
    assert shown[0] == shown[1]
    narrow = service.get(f"{path}/transcript.srt?max_line_width=16&max_line_count=1").text.split("\n\n")
    assert {len(block.splitlines()) for block in narrow} == {3}
    assert service.get(f"{path}/transcript.srt?max_line_width=7").json()["field"] == "max_line_width"
    assert shown[0].count("[") == len(removed)
    assert service.get(f"{path}/transcript?format=doc").status_code == 400
    for form, media in (
        ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("pdf", "application/pdf"),
    ):
        answers = [service.get(f"{path}/transcript{query}") for query in (f"?format={form}", f".{form}")]
        assert answers[0].content == answers[1].content
        assert {answer.headers["Content-Type"] for answer in answers} == {media}
        named = f"attachment; filename=\"transcript.{form}\"; filename*=UTF-8''%EA%B8%B4.{form}"
        assert answers[0].headers["Content-Disposition"] == named
        known = {"If-None-Match": answers[0].headers["ETag"]}
        assert service.get(f"{path}/transcript.{form}", headers=known).status_code == 304
        assert service.get(f"{path}/transcript.{form}?raw=true&suppressed=true").status_code == 200


def test_jobs_are_listed_in_pages_cancelled_and_deleted(service: httpx.Client) -> None:
    """Newest first, by state; a cancelled job stays, a deleted one is gone."""
    ids = [service.post("/v1/jobs", content=LONG, params={"prompt": str(n)}).json()["id"] for n in range(3)]
    listed, token = [], ""
    while not set(ids) <= set(listed):  # between them may be jobs of other tests
        page = service.get("/v1/jobs", params={"page_size": 2, "page_token": token}).json()
        token = page["next_page_token"]
        assert len(page["jobs"]) == 2
        listed += [job["id"] for job in page["jobs"]]
    assert [job_id for job_id in listed if job_id in ids] == ids[::-1]
    assert len(set(listed)) == len(listed)
    cancelled = service.post(f"/v1/jobs/{ids[0]}:cancel")
    assert cancelled.json()["state"] == "cancelled"
    ended = service.get("/v1/jobs", params={"state": ["cancelled", "failed"], "page_size": 1000}).json()["jobs"]
    assert ids[0] in [job["id"] for job in ended]
    assert not [job for job in ended if job["state"] not in {"cancelled", "failed"}]
    assert service.get(f"/v1/jobs/{ids[0]}/transcript").json()["code"] == "JOB_CANCELLED"
    for job_id in ids:
        assert service.delete(f"/v1/jobs/{job_id}").status_code == 204
        gone = service.get(f"/v1/jobs/{job_id}")
        assert (gone.status_code, gone.headers["Content-Type"]) == (404, "application/problem+json")
        assert gone.json()["type"] == "https://sayit.dev/problems/job-not-found"


def test_labels_are_set_shown_and_listed_by(service: httpx.Client) -> None:
    """In a query, in a form, and in the document of a job from an upload; a list asks for those that have all."""
    run = f"run={uuid.uuid4().hex}"
    first = service.post("/v1/jobs", content=SHORT, params={"label": [run, "team=red, a=b"]}).json()
    second = service.post("/v1/jobs", files={"file": SHORT}, data={"label": [run, "team=blue"]}).json()
    assert first["labels"] == {"run": run[4:], "team": "red, a=b"}

    def found(*labels: str) -> list[str]:
        return [job["id"] for job in service.get("/v1/jobs", params={"label": [run, *labels]}).json()["jobs"]]

    assert found() == [second["id"], first["id"]]
    assert found("team=blue") == [second["id"]]
    headers = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}
    made = service.post("/v1/uploads", content=SHORT, headers={**headers, "Upload-Length": str(len(SHORT))})
    asked = {"labels": {"run": run[4:], "team": "green"}}
    third = service.post(f"{made.headers['Location']}/jobs", json=asked).json()
    assert found("team=green") == [third["id"]]
    refused = service.post("/v1/jobs", content=SHORT, params={"label": "no name"})
    assert (refused.status_code, refused.json()["field"]) == (400, "label.0")


def test_one_key_makes_one_job(service: httpx.Client) -> None:
    """Ten requests at once and one later; another request under the key is refused."""

    def send(language: str = "en") -> httpx.Response:
        return service.post(f"/v1/jobs?language={language}", content=SHORT, headers={"Idempotency-Key": "one job"})

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: send(), range(10)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in [*answers, send()]}) == 1
    other = send("ko")
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_CONFLICT")


def test_a_file_that_cannot_be_read_fails_the_job(service: httpx.Client) -> None:
    """Its error is told in the reader's language, by the job and by its events."""
    broken = b"RIFF" + bytes(5000)
    job = service.post("/v1/jobs?wait=30", content=broken, headers={"Accept-Language": "ko"}).json()
    assert (job["state"], job["error"]["code"], job["transcript"]) == ("failed", "INVALID_FORMAT", None)
    assert "읽을 수 있는" in job["error"]["message"]
    last = json.loads(parsed(service.get(f"/v1/jobs/{job['id']}/events").text)[-1]["data"])
    assert (last["type"], last["error"]["code"]) == ("failed", "INVALID_FORMAT")


def test_waiting_ends_in_time(service: httpx.Client) -> None:
    """A job that is not done by then is told as it is, with 202."""
    began_s = time.monotonic()
    answer = service.post("/v1/jobs", params={"wait": 0.2, "prompt": "not cached"}, content=LONG)
    assert answer.status_code == 202
    assert time.monotonic() - began_s < 30
    service.delete(answer.headers["Location"])


def test_health_and_status_name_the_parts(service: httpx.Client) -> None:
    """For supervisors, and for people."""
    assert service.get("/livez").json() == {"status": "ok"}
    ready = service.get("/readyz")
    assert (ready.status_code, ready.json()["parts"]["scheduler"]) == (200, "ok")
    status = service.get("/v1/status").json()
    assert (status["state"], status["transcribers_online"]) == ("ok", 2)
