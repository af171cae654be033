"""The official `openai` package, unchanged, against a real suite."""

from __future__ import annotations

import importlib
import json
import math
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import soundfile

from clients.typescript.generate import FOLDER as TYPESCRIPT
from tests.end_to_end.helper import label, repeated, wav, word_error_rate

from .helper import RECORDINGS

if TYPE_CHECKING:
    from openai import OpenAI

SHORT = RECORDINGS / "en-8s.flac"
LONG = RECORDINGS / "ko-150s.flac"


@pytest.fixture
def openai() -> Any:
    """The package, imported where it is used: that takes longer than to collect all other tests of the bridge."""
    return importlib.import_module("openai")


@pytest.fixture
def client(openai: Any, bridge_url: str) -> Iterator[OpenAI]:
    """The package's client. Nothing is tried again, so that an error is seen as it is."""
    with openai.OpenAI(api_key="sk-anything", base_url=f"{bridge_url}/v1", max_retries=0) as client:
        yield client


def asked_of(bridge_url: str, path: str) -> Any:
    """What the native API says."""
    return httpx.get(f"{bridge_url}/v1/jobs{path}", timeout=60, trust_env=False).json()


def create(client: OpenAI, path: Path = SHORT, **options: Any) -> Any:
    """What `client.audio.transcriptions.create` returns for a recording."""
    with path.open("rb") as file:
        return client.audio.transcriptions.create(file=file, **{"model": "whisper-1", **options})


def test_a_transcription(client: OpenAI) -> None:
    """The usual call: text, what it cost, the language that was heard."""
    answer = create(client)
    assert word_error_rate(label("en-8s")["text"], answer.text) < 20
    assert (answer.usage.type, round(answer.usage.seconds, 1)) == ("duration", 7.7)
    assert [language.code for language in answer.languages] == ["en"]


def test_text_and_subtitles_are_strings(client: OpenAI) -> None:
    """`text`, `srt` and `vtt` come as the package hands them out: as str."""
    text = create(client, response_format="text")
    srt = create(client, response_format="srt")
    vtt = create(client, response_format="vtt")
    assert text == create(client).text + "\n"
    assert srt.startswith("1\n00:00:0")
    assert vtt.startswith("WEBVTT\n\n00:00:0")


def test_verbose_json_has_segments_and_words(openai: Any, client: OpenAI) -> None:
    """All of `TranscriptionVerbose`; segments and words lie inside the recording and say the same."""
    answer = create(client, response_format="verbose_json", timestamp_granularities=["word", "segment"])
    assert isinstance(answer, openai.types.audio.TranscriptionVerbose)
    assert answer.language == "english"
    assert answer.segments is not None
    assert answer.words is not None
    assert "".join(segment.text for segment in answer.segments).strip() == answer.text
    assert " ".join(word.word for word in answer.words) == answer.text
    for each in (*answer.segments, *answer.words):
        assert 0 <= each.start <= each.end <= answer.duration
    assert all(isinstance(segment.avg_logprob, float) and segment.tokens == [] for segment in answer.segments)


def test_diarized_json_and_log_probabilities(openai: Any, client: OpenAI) -> None:
    """Answered as far as SayIt can: segments without speakers, one log probability a word."""
    diarized = create(
        client, model="gpt-4o-transcribe-diarize", response_format="diarized_json", chunking_strategy="auto"
    )
    assert isinstance(diarized, openai.types.audio.TranscriptionDiarized)
    assert {segment.speaker for segment in diarized.segments} == {""}
    answer = create(client, model="gpt-4o-transcribe", include=["logprobs"], chunking_strategy={"type": "server_vad"})
    assert "".join(each.token for each in answer.logprobs) == answer.text
    assert all(-100 <= each.logprob <= 0 and math.isfinite(each.logprob) for each in answer.logprobs)


def test_hints_are_taken(client: OpenAI, bridge_url: str) -> None:
    """A prompt, words to expect, possible languages, a temperature: all of them reach the job."""
    raw = client.audio.transcriptions.with_raw_response
    with (RECORDINGS / "ko-8s.flac").open("rb") as file:
        answer = raw.create(
            file=file, model="whisper-1", prompt="회의", keywords=["학교"], languages=["ko"], temperature=0.2
        )
    options = asked_of(bridge_url, f"/{answer.headers['x-sayit-job']}")["options"]
    asked = {name: options[name] for name in ("language", "prompt", "hotwords", "temperature")}
    assert asked == {"language": "ko", "prompt": "회의", "hotwords": "학교", "temperature": 0.2}


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_a_translation(client: OpenAI) -> None:
    """Another address, the same answers; the bundled model cannot translate, which is not what is tested."""
    with SHORT.open("rb") as file:
        answer = client.audio.translations.create(file=file, model="whisper-1", response_format="verbose_json")
    assert isinstance(answer.text, str)
    assert (answer.language, answer.model_extra and answer.model_extra["task"]) == ("english", "translate")


def test_own_options_go_along(client: OpenAI, bridge_url: str) -> None:
    """SayIt's options as `extra_body`; a prompt of any length."""
    raw = client.audio.transcriptions.with_raw_response
    own = {"guard": "strict", "channels": "split", "languages": ["en", "ko"], "temperatures": [0, 0.4]}
    with SHORT.open("rb") as file:
        answer = raw.create(file=file, model="whisper-1", prompt="before " * 1000, extra_body=own)
    options = asked_of(bridge_url, f"/{answer.headers['x-sayit-job']}")["options"]
    assert {name: options[name] for name in own} == own
    assert len(options["prompt"]) <= 2000


@pytest.mark.skipif(
    not (shutil.which("node") and (TYPESCRIPT / "node_modules" / "openai").exists()),
    reason="needs Node, and `npm ci` in clients/typescript",
)
def test_the_package_for_node(bridge_url: str) -> None:
    """Whole, streamed, with words, own options and errors."""
    command = ["node", TYPESCRIPT / "tests" / "openai.mjs", bridge_url, SHORT]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    saw = json.loads(done.stdout)
    assert word_error_rate(label("en-8s")["text"], saw["text"]) < 20
    assert saw["deltas"] == saw["done"] == saw["text"]
    assert saw["srt"].startswith("1\n00:00:0")
    assert saw["words"] == len(saw["text"].split())
    assert saw["refused"] == [404, "model_not_found"]
    assert "whisper-1" in saw["models"]


def test_a_long_recording_streams(openai: Any, client: OpenAI) -> None:
    """Deltas come while the rest is transcribed; put together they are the text, but for what a re-decode replaced."""
    samples, rate = soundfile.read(LONG, dtype="int16")
    quieter = ("long.wav", wav((samples * 0.6).astype("int16"), rate))  # the cache answers in one piece
    with client.audio.transcriptions.create(file=quieter, model="whisper-1", stream=True, language="ko") as stream:
        *deltas, done = list(stream)
    assert len(deltas) > 2
    # How much is decoded again depends on how windows were batched.
    assert word_error_rate(done.text, "".join(event.delta for event in deltas)) < 20
    assert isinstance(done, openai.types.audio.TranscriptionTextDoneEvent)
    assert done.usage is not None
    assert (done.usage.type, done.usage.model_extra) == (
        "duration",
        {"seconds": pytest.approx(label("ko-150s")["duration_s"], abs=0.01)},
    )
    assert word_error_rate(label("ko-150s")["text"], done.text) < 20


async def test_the_asynchronous_client(openai: Any, bridge_url: str) -> None:
    """Whole and streamed, at the same time."""
    async with openai.AsyncOpenAI(api_key="x", base_url=f"{bridge_url}/v1", max_retries=0) as client:
        audio = SHORT.read_bytes()
        whole = await client.audio.transcriptions.create(file=("a.flac", audio), model="whisper-1")
        stream = await client.audio.transcriptions.create(file=("a.flac", audio), model="whisper-1", stream=True)
        events = [event async for event in stream]
    assert events[-1].type == "transcript.text.done"
    assert events[-1].text == whole.text


def test_the_models(openai: Any, client: OpenAI) -> None:
    """The installation's own, and OpenAI's names for it."""
    names = [model.id for model in client.models.list()]
    assert names[:2] == ["micro", "whisper-1"]
    assert client.models.retrieve("whisper-1").owned_by == "sayit"
    with pytest.raises(openai.NotFoundError, match="'nope' is not available here; available: micro, whisper-1"):
        client.models.retrieve("nope")


@pytest.mark.parametrize(
    ("options", "error", "code", "param"),
    [
        ({"file": b"\x00\x01" * 500}, "BadRequestError", "INVALID_FORMAT", "file"),
        ({"file": b"just some text, and a lot of it " * 9}, "BadRequestError", "INVALID_FORMAT", "file"),
        ({"file": b""}, "BadRequestError", "FILE_REQUIRED", "file"),
        ({"language": "xx"}, "BadRequestError", "INVALID_LANGUAGE", "language"),
        ({"temperature": 2}, "BadRequestError", "INVALID_OPTION", "temperature"),
        ({"known_speaker_names": ["kim"]}, "BadRequestError", "INVALID_OPTION", "known_speaker_names"),
        ({"extra_body": {"vad_filter": "true"}}, "BadRequestError", "INVALID_OPTION", "vad_filter"),
        ({"model": "nope"}, "NotFoundError", "model_not_found", "model"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_wrong_requests_raise_the_right_exception(
    openai: Any, client: OpenAI, options: dict[str, Any], error: str, code: str, param: str, stream: bool
) -> None:
    """The package's own classes, with the stable code and the field at fault; streamed calls fail before they begin."""
    wrong = {"file": SHORT.read_bytes(), "model": "whisper-1", "stream": stream, **options}
    with pytest.raises(getattr(openai, error)) as caught:
        client.audio.transcriptions.create(**wrong)
    assert (caught.value.code, caught.value.param) == (code, param)
    assert caught.value.request_id


def test_who_closes_a_stream_cancels_the_job(client: OpenAI, bridge_url: str) -> None:
    """Nobody works on a text that nobody reads."""
    audio = ("long.wav", repeated("en-90s", 6))
    stream = client.audio.transcriptions.create(file=audio, model="whisper-1", stream=True)
    assert next(stream).type == "transcript.text.delta"
    job = stream.response.headers["x-sayit-job"]
    stream.close()
    assert asked_of(bridge_url, f"/{job}?wait=30")["state"] == "cancelled"
