"""Deepgram's streaming API: with its official package, and message by message, on scripted sessions."""

from __future__ import annotations

import hashlib
import importlib
import json
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
import soundfile
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK, InvalidStatus

from clients.python.tests.helper import until
from clients.python.tests.story import JOB
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.live import LiveProgress, LiveSpeech, LiveText, UtteranceEnd
from sayit.v1 import live_service_pb2 as live_pb
from tests.end_to_end.helper import RECORDINGS, label, wav, word_error_rate

from .live_gateway import bridge, final

COMMIT, FINISH = live_pb.LIVE_COMMAND_COMMIT, live_pb.LIVE_COMMAND_FINISH
SECOND = bytes(32_000)
RAW = "encoding=linear16&sample_rate=16000"


@asynccontextmanager
async def connected(url: str, query: str = RAW, **options: Any) -> AsyncIterator[ClientConnection]:
    """A connection with this query."""
    async with connect(f"{url}/v1/listen?{query}", proxy=None, **options) as socket:
        yield socket


async def received(socket: ClientConnection) -> Any:
    """The next message."""
    return json.loads(await socket.recv())


def progress(at_s: float, decoded_s: float = 0.0, position_s: float = 0.0) -> LiveProgress:
    """How far the session is."""
    lag_s = max(0.0, position_s - at_s)
    return LiveProgress(received_samples=0, committed_s=at_s, lag_s=lag_s, decoded_s=decoded_s)


def transcript(results: Any) -> str:
    """The text of Results."""
    return str(results["channel"]["alternatives"][0]["transcript"])


@asynccontextmanager
async def package(url: str, **asked: Any) -> AsyncIterator[Any]:
    """A connection of the official package."""
    deepgram = importlib.import_module("deepgram")
    environment = importlib.import_module("deepgram.environment").DeepgramClientEnvironment
    where = environment(base=url, production=url, agent=url, agent_rest=url)
    client = deepgram.AsyncDeepgramClient(api_key="secret", environment=where)
    async with client.listen.v1.connect(model="nova-3", encoding="linear16", sample_rate=16000, **asked) as connection:
        yield connection


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the package uses what websockets will leave out
async def test_the_official_package() -> None:
    """Options, key, audio, interim and final results, the end of speech and of the stream, in the package's types."""
    asked = {
        "language": "ko", "keyterm": ["SayIt", "gRPC"],
        "interim_results": "true", "endpointing": 300, "utterance_end_ms": 1000, "vad_events": "true",
    }  # fmt: skip
    async with bridge() as (url, gateway), package(url, **asked) as connection:
        await connection.send_media(SECOND)
        await connection.send_keep_alive()
        for event in (
            LiveSpeech(begins=True, offset_s=0.25, utterance=0),
            LiveText(utterance=0, committed="Hello", tentative=" word", stability=0.5, start_s=0.25, end_s=0.8),
            final(0, "Hello world.", 0.25, 1.0),
        ):
            gateway.answers.put_nowait(event)
        started, interim, result = [await connection.recv() for _ in range(3)]
        await connection.send_media(SECOND)
        gateway.answers.put_nowait(progress(2.0))
        ended = await connection.recv()
        await connection.send_close_stream()
        metadata = await connection.recv()
        with pytest.raises(Exception, match="1000"):
            await connection.recv()
    assert (started.type, started.timestamp) == ("SpeechStarted", 0.25)
    assert (interim.is_final, interim.channel.alternatives[0].transcript) == (False, "Hello word")
    assert (result.is_final, result.speech_final, result.from_finalize, result.start) == (True, True, False, 0.25)
    best = result.channel.alternatives[0]
    assert (best.transcript, best.confidence) == ("Hello world.", 0.5)
    assert [(word.word, word.punctuated_word) for word in best.words] == [("hello", "Hello"), ("world", "world.")]
    assert (ended.type, ended.last_word_end) == ("UtteranceEnd", 1.0)
    assert (metadata.type, metadata.duration, metadata.job_id) == ("Metadata", 2.0, JOB)
    assert metadata.sha256 == hashlib.sha256(SECOND * 2).hexdigest()
    assert bytes(gateway.heard) == SECOND * 2
    assert gateway.metadata["authorization"] == "Bearer secret"
    options = gateway.config.job.options
    assert (options.language, options.hotwords, options.model) == ("ko", "SayIt, gRPC", "")
    assert gateway.config.turn_detection.silence.ToMilliseconds() == 300


async def test_speech_that_is_divided_does_not_start_again() -> None:
    """The next utterance begins where the last one ended; after a pause it does start."""
    async with bridge() as (url, gateway), connected(url, f"{RAW}&vad_events=true") as socket:
        for begins, at_s, utterance in (
            (True, 0.5, 0),
            (False, 20.0, 0),
            (True, 20.0, 1),
            (False, 25.0, 1),
            (True, 26.0, 2),
        ):
            gateway.answers.put_nowait(LiveSpeech(begins=begins, offset_s=at_s, utterance=utterance))
        assert [(await received(socket))["timestamp"] for _ in range(2)] == [0.5, 26.0]


async def test_interim_results_are_only_told_where_they_are_asked_for() -> None:
    """Nor are the beginnings of speech."""
    async with bridge() as (url, gateway), connected(url) as socket:
        gateway.answers.put_nowait(LiveSpeech(begins=True, offset_s=0.0, utterance=0))
        gateway.answers.put_nowait(LiveText(utterance=0, committed="one", start_s=0.0, end_s=1.0))
        gateway.answers.put_nowait(final(0, "one two", 0.0, 1.0))
        assert transcript(await received(socket)) == "one two"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # as above
async def test_finalize_is_answered_once_all_before_it_has_its_text() -> None:
    """By the text that reaches it, although others come first; by empty results where nothing waits."""
    async with bridge() as (url, gateway), package(url) as connection:
        await connection.send_media(SECOND * 4)
        gateway.answers.put_nowait(LiveSpeech(begins=True, offset_s=0.0, utterance=0))
        await connection.send_finalize()
        await until(lambda: gateway.commands == [COMMIT])
        gateway.answers.put_nowait(replace(final(0, "one", 0.0, 1.0), ended_by=UtteranceEnd.PAUSE))
        gateway.answers.put_nowait(LiveSpeech(begins=True, offset_s=2.0, utterance=1))
        gateway.answers.put_nowait(replace(final(1, "two", 2.0, 3.9), ended_by=UtteranceEnd.COMMIT))
        gateway.answers.put_nowait(replace(final(2, "three", 4.0, 5.0), ended_by=UtteranceEnd.PAUSE))
        results = [await connection.recv() for _ in range(3)]
        assert [(each.speech_final, each.from_finalize) for each in results] == [
            (True, False),
            (False, True),
            (True, False),
        ]
        await connection.send_media(SECOND * 3)
        await connection.send_finalize()
        await until(lambda: gateway.commands == [COMMIT] * 2)
        gateway.answers.put_nowait(progress(7.0))
        empty = await connection.recv()
        assert (empty.is_final, empty.from_finalize, empty.channel.alternatives[0].transcript) == (True, True, "")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # as above
async def test_words_end_where_noise_follows_them() -> None:
    """UtteranceEnd looks at words, whatever else is heard; an utterance that noise keeps open is ended for it."""
    async with bridge() as (url, gateway), package(url, utterance_end_ms=1000) as connection:
        await connection.send_media(SECOND)
        for event in (
            LiveSpeech(begins=True, offset_s=0.0, utterance=0),
            LiveText(utterance=0, committed="one", start_s=0.0, end_s=0.8),
            progress(0.8, 2.0, 2.5),
        ):
            gateway.answers.put_nowait(event)
        await until(lambda: gateway.commands == [COMMIT])
        gateway.answers.put_nowait(replace(final(0, "one", 0.0, 0.8), ended_by=UtteranceEnd.COMMIT, end_s=2.5))
        gateway.answers.put_nowait(LiveSpeech(begins=True, offset_s=2.5, utterance=1))
        result, ended = await connection.recv(), await connection.recv()
        assert (result.is_final, result.speech_final, result.from_finalize) == (True, False, False)
        assert (ended.type, ended.last_word_end) == ("UtteranceEnd", 0.8)
        assert gateway.config.interim_results


async def test_wav_says_what_it_is() -> None:
    """It is passed on without its header; anything else is told, and the connection goes on."""
    wav = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36, b"WAVE", b"fmt ", 16, 1, 2, 8000, 32000, 4, 16, b"data", 0)
    async with bridge() as (url, gateway), connected(url, "model=nova-2-general") as socket:
        for audio in (b"Oggs" + SECOND, wav[:30], b"RIFF"):
            await socket.send(audio)
            assert (await received(socket))["code"] == "INVALID_OPTION"
        await socket.send(wav + SECOND)
        await until(lambda: bytes(gateway.heard) == SECOND)
        config = gateway.config
        asked = (live_pb.LIVE_ENCODING_LINEAR16, 8_000, 2)
        assert (config.encoding, config.sample_rate_hz, config.channels) == asked


@pytest.mark.parametrize(("begins", "encoding"), [(b"OggS", "OGG"), (b"\x1a\x45\xdf\xa3", "WEBM")])
async def test_compressed_audio_says_what_it_is(begins: bytes, encoding: str) -> None:
    """It is passed on as it is, at the rate that its header says."""
    async with bridge() as (url, gateway), connected(url, "model=nova-3&sample_rate=16000&channels=1") as socket:
        await socket.send(begins + SECOND)
        await until(lambda: bytes(gateway.heard) == begins + SECOND)
        assert gateway.config.encoding == getattr(live_pb, f"LIVE_ENCODING_{encoding}_OPUS")
        assert (gateway.config.sample_rate_hz, gateway.config.channels) == (0, 0)


async def test_wrong_messages_are_told_and_the_stream_goes_on() -> None:
    """Text that is no message of Deepgram's."""
    async with bridge() as (url, gateway), connected(url) as socket:
        for message in ("{", "[]", '{"type": "Whatever"}', '"KeepAlive"'):
            await socket.send(message)
            told = await received(socket)
            assert (told["type"], told["variant"], told["code"]) == ("Error", "SchemaError", "INVALID_ARGUMENT")
        gateway.answers.put_nowait(final(0, "still there", 0.0, 1.0))
        assert transcript(await received(socket)) == "still there"
        await socket.send(b"")  # the older way to close
        assert (await received(socket))["type"] == "Metadata"


async def test_a_session_is_kept_by_its_clients_own_messages() -> None:
    """However often they come: the service hears of them."""
    async with bridge() as (url, gateway), connected(url) as socket:
        await socket.send(SECOND)
        await socket.send(json.dumps({"type": "KeepAlive"}))
        await until(lambda: live_pb.LIVE_COMMAND_KEEP_ALIVE in gateway.commands)


async def test_audio_behind_the_end_is_not_heard() -> None:
    """A microphone may be a block behind who closes; what was said before has its text."""
    async with bridge() as (url, gateway), connected(url) as socket:
        await socket.send(SECOND)
        gateway.answers.put_nowait(final(0, "all of it", 0.0, 1.0))
        assert transcript(await received(socket)) == "all of it"
        await socket.send(json.dumps({"type": "CloseStream"}))
        await socket.send(SECOND)
        assert (await received(socket))["type"] == "Metadata"
        with pytest.raises(ConnectionClosedOK):
            await socket.recv()
        assert bytes(gateway.heard) == SECOND


@pytest.mark.parametrize(
    ("query", "status", "code", "field"),
    [
        ("encoding=flac", 400, "INVALID_QUERY_PARAMETER", "encoding"),
        ("encoding=linear16", 400, "INVALID_QUERY_PARAMETER", "sample_rate"),
        (f"{RAW}&channels=3", 400, "INVALID_QUERY_PARAMETER", "channels"),
        (f"{RAW}&diarize=true", 400, "INVALID_QUERY_PARAMETER", "diarize"),
        (f"{RAW}&language=xx", 400, "INVALID_QUERY_PARAMETER", "xx"),
        (f"{RAW}&model=nope", 404, "MODEL_NOT_AVAILABLE", "nope"),
    ],
)
async def test_wrong_queries_are_refused(query: str, status: int, code: str, field: str) -> None:
    """In Deepgram's form, before the connection is made."""
    async with bridge() as (url, _):
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"{url}/v1/listen?{query}", proxy=None)
        answer = json.loads(refused.value.response.body)
        assert (refused.value.response.status_code, answer["err_code"]) == (status, code)
        assert field in answer["err_msg"]


async def test_a_full_service_and_a_wrong_key_are_refused() -> None:
    """With the statuses that Deepgram's clients know; a browser, whose key is a subprotocol, is told by a message."""
    protocols: Any = ["token", "secret"]
    async with bridge() as (url, gateway):
        gateway.script["StreamingRecognize"] = [SayItError(ErrorKind.OVERLOADED, retry_after_s=60.0)]
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"{url}/v1/listen?{RAW}", proxy=None, subprotocols=protocols)
        assert refused.value.response.status_code == 429
        assert json.loads(refused.value.response.body)["err_code"] == "TOO_MANY_REQUESTS"
        assert refused.value.response.headers["retry-after"] == "60"
        assert gateway.metadata["authorization"] == "Bearer secret"
        gateway.script["ListModels"] = [SayItError(ErrorKind.UNAUTHENTICATED)]
        origin: Any = url.replace("ws", "http", 1)
        async with connected(url, origin=origin, additional_headers={"Authorization": "Token other"}) as socket:
            assert (await received(socket))["code"] == "UNAUTHENTICATED"
            with pytest.raises(ConnectionClosed):
                await socket.recv()


async def test_a_session_that_breaks_is_told_of() -> None:
    """An error message, and the close says why."""
    async with bridge() as (url, gateway), connected(url) as socket:
        gateway.breaks.set()
        assert (await received(socket))["variant"] == "JOB_CANCELLED"
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.reason == "JOB_CANCELLED"


async def test_a_real_suite_hears_what_is_said(live_url: str) -> None:
    """A WAV as it is: results in their order, with words, and a job with all of it."""
    samples, rate = soundfile.read(RECORDINGS / "en-8s.flac", dtype="int16")
    recording = wav(samples, rate)
    query = "model=nova-3&language=en&interim_results=true&endpointing=300"
    async with connected(live_url.replace("http", "ws", 1), query) as socket:
        for start in range(0, len(recording), 4096):
            await socket.send(recording[start : start + 4096])
        await socket.send(json.dumps({"type": "CloseStream"}))
        said = [json.loads(message) async for message in socket]
    results = [each for each in said if each["type"] == "Results" and each["is_final"]]
    text = " ".join(transcript(each) for each in results)
    assert word_error_rate(label("en-8s")["text"], text) < 30
    words = [word for each in results for word in each["channel"]["alternatives"][0]["words"]]
    assert " ".join(word["punctuated_word"] for word in words) == text
    assert [word["start"] for word in words] == sorted(word["start"] for word in words)
    assert said[-1]["duration"] == pytest.approx(len(samples) / rate, abs=0.01)
    async with httpx.AsyncClient(base_url=live_url, timeout=60, trust_env=False) as http:
        job = (await http.get(f"/v1/jobs/{said[-1]['job_id']}", params={"wait": 30})).json()
    assert job["state"] == "completed"
