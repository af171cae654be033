"""The first backend's contract, as the Flutter app knows it. On a scripted gateway."""

from __future__ import annotations

import time
from dataclasses import replace

import httpx
import pytest

from clients.python.tests.story import AUDIO, FAILURE, JOB, STATUS, STORY, TRANSCRIPT, numbered
from clients.python.tests.story import job as a_job
from sayit.bridge.http.flutter_app import SHORT_BYTES, HealthEnvelope, health_data, unfinished
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import Failed, JobState, Progress, StateChanged
from sayit.speech.system import Part, PartState, SystemStatus

from .helper import scripted

RUNNING = StateChanged(state=JobState.RUNNING)
LONG = Progress(audio_done_s=0.0, audio_total_s=30.5)


async def sent(client: httpx.AsyncClient, audio: bytes = AUDIO, **fields: str) -> httpx.Response:
    """The answer to a recording with these fields."""
    return await client.post("/api/transcribe", data=fields, files={"file": ("a.wav", audio, "audio/wav")})


async def test_a_short_recording_is_answered_in_the_same_call() -> None:
    """200 with the text; the language goes through."""
    async with scripted() as (client, gateway):
        answer = await sent(client, language="ko-KR")
        assert answer.status_code == 200
        assert answer.json() == {
            "success": True,
            "data": {
                "transcription": TRANSCRIPT.text,
                "jobId": JOB,
                "status": "completed",
                "progress": 100,
                "language": "ko",
                "durationMs": 2000,
            },
        }
        assert (gateway.configs[0].options.language, gateway.configs[0].filename) == ("ko", "a.wav")


async def test_a_recording_that_turns_out_long_is_a_job() -> None:
    """202 as soon as its length is known, with a time to come back."""
    async with scripted(sync_wait=60) as (client, gateway):
        gateway.story = numbered((STORY[0], LONG, RUNNING))
        answer = await sent(client)
        assert (answer.status_code, answer.headers["retry-after"]) == (202, "5")
        assert answer.json() == {
            "success": True,
            "data": {"jobId": JOB, "status": "running", "pollAfterMs": 5000},
        }


async def test_a_short_recording_that_takes_long_is_a_job() -> None:
    """202 after SAYIT_SYNC_WAIT."""
    async with scripted(sync_wait=0.2) as (client, gateway):
        gateway.story = numbered((STORY[0], RUNNING))
        assert (await sent(client)).status_code == 202


async def test_a_large_file_is_not_waited_for() -> None:
    """Beyond 10 MB the job is the answer, whatever its length."""
    async with scripted(sync_wait=60) as (client, gateway):
        gateway.story = numbered((RUNNING,))
        answer = await sent(client, audio=AUDIO * (SHORT_BYTES // len(AUDIO) + 1))
        assert answer.status_code == 202
        assert "WatchJob" not in gateway.calls


async def test_a_job_is_polled_to_its_text() -> None:
    """The same data with status, and at the end the text."""
    async with scripted() as (client, gateway):
        gateway.story = numbered((RUNNING,))
        waiting = await client.get(f"/api/transcribe/{JOB}")
        assert (waiting.status_code, waiting.json()["data"]["status"]) == (200, "running")
        gateway.story = numbered()
        done = await client.get(f"/api/transcribe/{JOB}")
        assert done.json()["data"]["transcription"] == TRANSCRIPT.text
        assert "pollAfterMs" not in done.json()["data"]


async def test_a_failure_is_told_at_once_and_when_polled() -> None:
    """In the same call with the status of its kind; a polled job with 200 and success false."""
    async with scripted() as (client, gateway):
        gateway.story = numbered((*STORY[:2], Failed(error=FAILURE)))
        answer = await sent(client)
        error = {"code": "AUDIO_TOO_LONG", "message": FAILURE.message_en}
        assert (answer.status_code, answer.json()) == (422, {"success": False, "error": error})
        polled = await client.get(f"/api/transcribe/{JOB}", headers={"accept-language": "ko"})
        assert polled.status_code == 200
        assert polled.json() == {
            "success": False,
            "error": {"code": "AUDIO_TOO_LONG", "message": "5분 초과."},
            "data": {"jobId": JOB, "status": "failed"},
        }


async def test_a_cancelled_job_has_no_text() -> None:
    """Whoever polls it is told."""
    async with scripted() as (client, gateway):
        gateway.story = numbered((*STORY[:2], StateChanged(state=JobState.CANCELLED)))
        assert (await client.get(f"/api/transcribe/{JOB}")).json()["error"]["code"] == "JOB_CANCELLED"
        refused = await sent(client)
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "JOB_CANCELLED")


@pytest.mark.parametrize(
    ("request_of", "status", "code"),
    [
        ({"data": {"language": "ko"}, "files": {"other": (None, "x")}}, 400, "FILE_REQUIRED"),
        ({"files": {"file": ("a.wav", b"just some words, " * 9)}}, 415, "INVALID_FORMAT"),
        ({"files": {"file": ("a.wav", AUDIO)}, "data": {"language": "xx"}}, 400, "INVALID_LANGUAGE"),
        ({"files": {"file": ("a.wav", AUDIO * 3)}}, 413, "FILE_TOO_LARGE"),
    ],
)
async def test_wrong_requests_have_their_code(request_of, status: int, code: str) -> None:
    """The envelope, in the language that was asked for."""
    async with scripted(max_upload_mb=2) as (client, _):
        answer = await client.post("/api/transcribe", headers={"accept-language": "ko"}, **request_of)
        assert (answer.status_code, answer.json()["success"], answer.json()["error"]["code"]) == (status, False, code)
        korean = SayItError(ErrorKind[code], limit_mb=2, language="xx").message("ko")
        assert answer.json()["error"]["message"] == korean


@pytest.mark.parametrize(("age_s", "poll_ms"), [(0, 3000), (29, 3000), (31, 5000)])
def test_the_first_half_minute_is_polled_more_often(age_s: float, poll_ms: int) -> None:
    """3 s, then 5 s."""
    now_s = time.time()
    job = replace(a_job(), created_at_s=now_s - age_s, progress=Progress(audio_done_s=1, audio_total_s=4, eta_s=2.5))
    expected = {"jobId": JOB, "status": "preparing", "progress": 25, "pollAfterMs": poll_ms, "etaMs": 2500}
    assert unfinished(job, "en", now_s=now_s).model_dump(exclude_none=True) == {"success": True, "data": expected}


async def test_health_names_what_the_first_backend_named() -> None:
    """whisper, redis, workers, and the day's statistics."""
    async with scripted() as (client, _):
        answer = await client.get("/health")
        assert answer.status_code == 200
        data = HealthEnvelope.model_validate(answer.json()).data
        assert data.services is not None
        assert data.stats is not None
        assert (data.status, data.services.workers.online, data.stats.requestsPerDay) == (PartState.OK, 1, 1)


async def test_health_says_so_when_the_gateway_is_away() -> None:
    """503 with `success` false, so that a monitor needs to read nothing."""
    async with scripted() as (client, gateway):
        gateway.script["GetStatus"] = [SayItError(ErrorKind.INTERNAL)]
        answer = await client.get("/health")
        assert (answer.status_code, answer.json()["success"]) == (503, False)
        assert answer.json()["data"]["status"] == "down"


async def test_health_keeps_its_details_from_strangers() -> None:
    """Where keys are asked for, whoever has none learns whether it works, no more."""
    async with scripted() as (client, gateway):
        gateway.script["GetStatus"] = [SayItError(ErrorKind.UNAUTHENTICATED)]
        answer = await client.get("/health")
        # The scripted gateway has no health service, so that it counts as down.
        assert answer.status_code == 503
        assert set(answer.json()["data"]) == {"status", "timestamp"}


def test_parts_that_are_down_are_told() -> None:
    """A queue that does not answer, and no transcriber."""
    parts = (Part(name="queue", state=PartState.DOWN), Part(name="transcribers", state=PartState.DOWN))
    status: SystemStatus = replace(
        STATUS, parts=parts, transcribers_online=0, transcribers_expected=4, success_rate=0.98765, mean_time_s=2.3456
    )
    told = health_data(status).model_dump()
    assert told["services"] == {
        "whisper": {"status": "down"},
        "redis": {"status": "down"},
        "workers": {"status": "down", "online": 0, "total": 4},
    }
    assert told["stats"] == {"requestsPerDay": 1, "successRate": 0.9877, "meanTimeMs": 2346}
