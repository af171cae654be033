"""Holding a call open: heartbeats, failures on the way, clients that go away. On a scripted gateway."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from clients.python.tests.helper import Gateway, serving, until
from clients.python.tests.story import AUDIO, FAILURE, JOB, STORY, TRANSCRIPT, numbered
from sayit.bridge.service import running
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import Failed, JobState, StateChanged

from .helper import scripted, settings

#: Short enough for a test, long enough for a slow machine to notice the difference.
BEAT_S = 0.05
TO_ITS_END = len(STORY)


def sending(client: httpx.AsyncClient, **fields: str):
    """A streamed answer to a recording with these fields."""
    files = {"file": ("a.wav", AUDIO, "audio/wav")}
    return client.stream("POST", "/v1/audio/transcriptions", data=fields, files=files)


def held(gateway: Gateway, permits: int = 0) -> asyncio.Semaphore:
    """Makes the gateway tell so many events, and wait."""
    gateway.permits = asyncio.Semaphore(permits)
    return gateway.permits


def release(permits: asyncio.Semaphore) -> None:
    """Lets the gateway tell the rest."""
    for _ in range(TO_ITS_END):
        permits.release()


async def joined(pieces: AsyncIterator[str]) -> str:
    """All pieces that are still to come."""
    return "".join([piece async for piece in pieces])


def events_of(text: str) -> list[dict]:
    """The data of server-sent events; comments are left out."""
    return [json.loads(line.removeprefix("data: ")) for line in text.split("\n") if line.startswith("data: ")]


async def test_white_space_keeps_a_long_call_alive() -> None:
    """Proxies cut what is silent: white space comes before the JSON, which stays JSON."""
    async with scripted(heartbeat_interval_s=BEAT_S) as (client, gateway):
        permits = held(gateway)
        async with sending(client, model="whisper-1") as answer:
            pieces = answer.aiter_text()
            assert await anext(pieces) == " "
            release(permits)
            rest = await joined(pieces)
        assert answer.headers["x-sayit-job"] == JOB
        assert json.loads(rest)["text"] == TRANSCRIPT.text


async def test_texts_and_subtitles_are_not_padded() -> None:
    """White space would be part of them."""
    async with scripted(heartbeat_interval_s=BEAT_S) as (client, gateway):
        permits = held(gateway)
        files = {"file": ("a.wav", AUDIO, "audio/wav")}
        asking = client.post("/v1/audio/transcriptions", data={"response_format": "vtt"}, files=files)
        answering = asyncio.ensure_future(asking)
        await asyncio.sleep(BEAT_S * 8)
        release(permits)
        answer = await answering
        assert answer.text.startswith("WEBVTT\n")
        assert answer.headers["content-type"].startswith("text/vtt")


async def test_a_body_that_is_no_form_is_told_so() -> None:
    """In OpenAI's form, and what to send."""
    async with scripted() as (client, gateway):
        answer = await client.post("/v1/audio/transcriptions", json={"model": "whisper-1"})
        error = answer.json()["error"]
        assert (answer.status_code, error["type"]) == (400, "invalid_request_error")
        assert "multipart/form-data" in error["message"]
        assert "CreateUpload" not in gateway.calls


@pytest.mark.parametrize("stream", ["false", "true"])
async def test_a_failure_has_its_status_as_long_as_nothing_was_sent(stream: str) -> None:
    """The job's own error, in OpenAI's shape, with the word not to try again."""
    async with scripted() as (client, gateway):
        gateway.story = numbered((*STORY[:2], Failed(error=FAILURE)))
        async with sending(client, stream=stream) as answer:
            body = json.loads(await answer.aread())
        assert (answer.status_code, answer.headers["x-should-retry"]) == (400, "false")
        assert body["error"] == {
            "message": FAILURE.message_en,
            "type": "invalid_request_error",
            "param": "file",
            "code": "AUDIO_TOO_LONG",
        }


async def test_a_failure_after_white_space_breaks_the_answer() -> None:
    """The status is gone; a whole body would be believed, so that its end is missing."""
    async with scripted(heartbeat_interval_s=BEAT_S) as (client, gateway):
        gateway.story = numbered((*STORY[:2], Failed(error=FAILURE)))
        permits = held(gateway)
        async with sending(client) as answer:
            pieces = answer.aiter_text()
            assert await anext(pieces) == " "
            release(permits)
            with pytest.raises(httpx.RemoteProtocolError):
                await joined(pieces)


async def test_a_stream_grows_in_order_and_ends_with_the_whole_text() -> None:
    """The second chunk ends first and is told second."""
    async with scripted() as (client, _):
        async with sending(client, stream="true") as answer:
            text = (await answer.aread()).decode()
        first, second, done = events_of(text)
        assert (first["delta"], second["delta"]) == ("문장 0.", " 문장 1.")
        assert done["type"] == "transcript.text.done"
        assert done["text"] == first["delta"] + second["delta"] == TRANSCRIPT.text
        assert done["usage"] == {"type": "duration", "seconds": 2.0}
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["x-accel-buffering"] == "no"


async def test_a_stream_of_speakers_has_segments() -> None:
    """`diarized_json` is streamed as segments beside the text."""
    async with scripted() as (client, _):
        async with sending(client, stream="true", response_format="diarized_json") as answer:
            events = events_of((await answer.aread()).decode())
        segments = [each for each in events if each["type"] == "transcript.text.segment"]
        assert [(each["id"], each["text"], each["speaker"]) for each in segments] == [
            ("seg_000", " 문장 0.", ""),
            ("seg_001", " 문장 1.", ""),
        ]


async def test_a_silent_stream_has_comments_and_can_still_fail() -> None:
    """Comments keep proxies patient; an error after them is an event that clients raise."""
    async with scripted(heartbeat_interval_s=BEAT_S) as (client, gateway):
        gateway.story = numbered((*STORY[:2], StateChanged(state=JobState.CANCELLED)))
        permits = held(gateway)
        async with sending(client, stream="true") as answer:
            lines = answer.aiter_lines()
            assert (await anext(lines)).startswith(":")
            release(permits)
            rest = "\n".join([line async for line in lines])
        (event,) = events_of(rest)
        assert event["error"]["code"] == "JOB_CANCELLED"


@pytest.mark.parametrize("stream", ["false", "true"])
async def test_a_client_that_goes_away_cancels_its_job(stream: str) -> None:
    """Nobody will read the text, so that nobody works on it."""
    async with scripted() as (client, gateway):
        held(gateway, permits=2)
        files = {"file": ("a.wav", AUDIO, "audio/wav")}
        asking = client.post("/v1/audio/transcriptions", data={"stream": stream}, files=files, timeout=1.0)
        with pytest.raises(httpx.ReadTimeout):
            await asking
        await until(lambda: "CancelJob" in gateway.calls)


async def test_a_bridge_that_stops_sends_its_clients_elsewhere() -> None:
    """Waiting calls end with 503 and a time to come back; the job goes on, and the cache will have its text."""
    gateway = Gateway()
    held(gateway)
    async with serving(gateway) as address, httpx.AsyncClient(trust_env=False) as client:
        async with running(settings(gateway_address=address)) as bridge:
            files = {"file": ("a.wav", AUDIO, "audio/wav")}
            waiting = asyncio.ensure_future(client.post(f"{bridge.url}/v1/audio/transcriptions", files=files))
            await until(lambda: "WatchJob" in gateway.calls)
        answer = await waiting
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "CancelJob" not in gateway.calls


@pytest.mark.parametrize(
    ("error", "status", "kind", "code", "should_retry"),
    [
        (SayItError(ErrorKind.OVERLOADED, retry_after_s=7.0), 429, "rate_limit_error", "OVERLOADED", "true"),
        (SayItError(ErrorKind.RATE_LIMITED), 429, "rate_limit_error", "rate_limit_exceeded", "true"),
        (SayItError(ErrorKind.UNAUTHENTICATED), 401, "invalid_request_error", "invalid_api_key", "false"),
        (SayItError(ErrorKind.PERMISSION_DENIED), 403, "permission_error", "PERMISSION_DENIED", "false"),
        (SayItError(ErrorKind.ENGINE_FAILED), 500, "server_error", "ENGINE_FAILED", "false"),
        (SayItError(ErrorKind.UNSUPPORTED_AUDIO), 400, "invalid_request_error", "UNSUPPORTED_AUDIO", "false"),
    ],
)
async def test_errors_have_openais_shape(
    error: SayItError, status: int, kind: str, code: str, should_retry: str
) -> None:
    """Status, type and code as OpenAI's clients expect them, and whether to send it all again."""
    async with scripted() as (client, gateway):
        gateway.script["CreateJob"] = [error]
        async with sending(client) as answer:
            body = json.loads(await answer.aread())["error"]
        assert (answer.status_code, body["type"], body["code"]) == (status, kind, code)
        assert answer.headers["x-should-retry"] == should_retry
        assert answer.headers.get("retry-after") == {"OVERLOADED": "7", "rate_limit_exceeded": "5"}.get(code)


async def test_errors_are_told_in_korean_too() -> None:
    """The sentence follows Accept-Language; code and type do not."""
    async with scripted() as (client, _):
        client.headers["accept-language"] = "ko-KR,ko;q=0.9,en;q=0.8"
        answer = await client.get("/v1/models/nope")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
        assert "사용할 수 없습니다" in answer.json()["error"]["message"]
