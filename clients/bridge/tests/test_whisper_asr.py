"""`/asr` and `/detect-language`, as the clients of whisper-asr-webservice call them. On a scripted gateway."""

from __future__ import annotations

import httpx
import pytest

from clients.python.tests.story import AUDIO, FAILURE, JOB, STORY, TRANSCRIPT, numbered
from sayit.speech.jobs import Failed

from .helper import scripted


async def asked(client: httpx.AsyncClient, path: str = "/asr", audio: bytes = AUDIO, **query: str) -> httpx.Response:
    """The answer to a recording."""
    return await client.post(path, params=query, files={"audio_file": ("a b.wav", audio)})


@pytest.mark.parametrize(
    ("output", "begins"),
    [
        ("txt", "문장 0.\n문장 1.\n"),
        ("srt", "1\n00:00:00,000 --> "),
        ("vtt", "WEBVTT\n"),
        ("tsv", "start\tend\ttext\n0\t1000\t문장 0."),
    ],
)
async def test_every_output_is_text(output: str, begins: str) -> None:
    """With the service's headers; language and task go through."""
    async with scripted() as (client, gateway):
        answer = await asked(client, output=output, language="korean", task="translate", initial_prompt="회의")
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
        assert answer.text.startswith(begins)
        assert answer.headers["Content-Disposition"] == f'attachment; filename="a%20b.wav.{output}"'
        assert answer.headers["Asr-Engine"] == "faster_whisper"
        options = gateway.configs[0].options
        assert (options.language, options.prompt) == ("ko", "회의")


async def test_json_is_whispers() -> None:
    """Text, segments, language; what has no meaning here is taken."""
    async with scripted() as (client, _):
        answer = await asked(client, output="json", vad_filter="true", diarize="true", word_timestamps="true")
        said = answer.json()
        assert (said["text"], said["language"], len(said["segments"])) == (TRANSCRIPT.text, "ko", 2)
        assert {"seek", "tokens", "avg_logprob", "words"} <= set(said["segments"][0])


async def test_samples_without_a_header_get_one() -> None:
    """Bazarr sends what ffmpeg decoded: `encode=false`."""
    async with scripted() as (client, gateway):
        assert (await asked(client, encode="false")).status_code == 200
        assert bytes(gateway.stored[:4]) == b"RIFF"
        assert bytes(gateway.stored[44:]) == AUDIO


async def test_a_language_is_that_of_the_first_text() -> None:
    """30 s of samples are enough; the job is deleted."""
    async with scripted() as (client, gateway):
        gateway.story = numbered(STORY[:4])
        answer = await asked(client, "/detect-language", encode="false")
        assert answer.json() == {"detected_language": "korean", "language_code": "ko", "confidence": 1.0}
        assert len(gateway.stored) == 44 + 960_000
        assert "DeleteJob" in gateway.calls


async def test_failures_are_told() -> None:
    """With the status of their kind, and `detail`, which the service's clients read."""
    async with scripted() as (client, gateway):
        assert (await client.post("/asr", files={"file": AUDIO})).status_code == 400
        assert (await client.post("/asr")).json()["field"] == "audio_file"
        assert (await asked(client, output="docx")).status_code == 400
        gateway.stored.clear()
        gateway.story = numbered((*STORY[:2], Failed(error=FAILURE)))
        answer = await asked(client)
        assert (answer.status_code, answer.json()["detail"]) == (422, FAILURE.message_en)
        assert answer.headers["X-SayIt-Job"] == JOB
