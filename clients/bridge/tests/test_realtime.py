"""OpenAI's Realtime API for transcription: with the official package, and message by message, on scripted sessions."""

from __future__ import annotations

import asyncio
import base64
import gc
import importlib
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import httpx
import pytest
import soundfile
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from clients.python.tests.helper import until
from clients.python.tests.story import JOB
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.live import LiveProgress, LiveSpeech, LiveText
from sayit.v1 import live_service_pb2 as live_pb
from tests.end_to_end.helper import RECORDINGS, label, word_error_rate

from .live_gateway import bridge, final

COMMIT, FINISH = live_pb.LIVE_COMMAND_COMMIT, live_pb.LIVE_COMMAND_FINISH
SECOND = bytes(48_000)


@asynccontextmanager
async def connected(url: str, query: str = "?intent=transcription", **options: Any) -> AsyncIterator[ClientConnection]:
    """A connection that was told of its session."""
    async with connect(f"{url}/v1/realtime{query}", proxy=None, **options) as socket:
        created = await received(socket)
        assert created["type"] in {"session.created", "transcription_session.created"}
        yield socket


async def received(socket: ClientConnection) -> Any:
    """The next message."""
    return json.loads(await socket.recv())


async def sent(socket: ClientConnection, kind: str, **fields: Any) -> None:
    """Sends a client event."""
    await socket.send(json.dumps({"type": kind, **fields}))


async def said(socket: ClientConnection, audio: bytes = SECOND) -> None:
    """Sends audio."""
    await sent(socket, "input_audio_buffer.append", audio=base64.b64encode(audio).decode())


async def test_the_official_package() -> None:
    """A session from its update to two completed items; the package's own types, the key, and every option arrive."""
    openai = importlib.import_module("openai")  # it takes longer than to collect all other tests of the bridge
    transcription = {"model": "whisper-1", "language": "ko", "prompt": "회의", "keywords": ["SayIt"]}
    turns = {"type": "server_vad", "threshold": 0.6, "silence_duration_ms": 700, "prefix_padding_ms": 300}
    audio_input = {"format": {"type": "audio/pcm", "rate": 24000}, "transcription": transcription}
    async with bridge() as (url, gateway):
        client = openai.AsyncOpenAI(api_key="secret", base_url=f"{url.replace('ws', 'http', 1)}/v1")
        async with client.realtime.connect(extra_query={"intent": "transcription"}) as connection:
            events = aiter(connection)
            created = await anext(events)
            assert (created.type, created.session.type) == ("session.created", "transcription")
            session = {"type": "transcription", "audio": {"input": {**audio_input, "turn_detection": turns}}}
            await connection.session.update(session=session)
            updated = await anext(events)
            assert updated.session.audio.input.turn_detection.silence_duration_ms == 700
            await connection.input_audio_buffer.append(audio=base64.b64encode(SECOND).decode())
            for event in (
                LiveSpeech(begins=True, offset_s=0.25, utterance=0),
                LiveText(utterance=0, committed="hello", tentative=" word", start_s=0.25, end_s=0.8),
                LiveSpeech(begins=False, offset_s=1.0, utterance=0),
                final(0, "hello world", 0.25, 1.0),
            ):
                gateway.answers.put_nowait(event)
            told = []
            while not told or not told[-1].type.endswith(".completed"):
                told.append(await anext(events))
            await connection.close()
        await until(lambda: gateway.commands == [FINISH])
    assert [each.type for each in told] == [
        "input_audio_buffer.speech_started",
        "conversation.item.input_audio_transcription.delta",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.created",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed",
    ]
    assert told[0].audio_start_ms == 250
    assert (told[-1].transcript, told[-1].usage.type, told[-1].usage.seconds) == ("hello world", "duration", 0.75)
    assert len({each.item_id for each in told if hasattr(each, "item_id")}) == 1
    assert bytes(gateway.heard) == SECOND
    assert gateway.metadata["authorization"] == "Bearer secret"
    asked = gateway.config
    assert (asked.encoding, asked.sample_rate_hz) == (live_pb.LIVE_ENCODING_LINEAR16, 24_000)
    assert (asked.turn_detection.silence.ToMilliseconds(), round(asked.turn_detection.threshold, 2)) == (700, 0.6)
    options = asked.job.options
    assert (options.language, options.prompt, options.hotwords, options.model) == ("ko", "회의", "SayIt", "")


async def test_commits_of_a_client_that_finds_turns_itself() -> None:
    """Telephone audio, no turn detection, the older schema, and the key of a browser."""
    change = {"input_audio_format": "g711_ulaw", "turn_detection": None, "include": ["sayit.progress"], "refine": True}
    protocols: Any = ["realtime", "openai-insecure-api-key.secret", "openai-beta.realtime-v1"]
    async with bridge() as (url, gateway), connected(url, subprotocols=protocols) as socket:
        assert socket.subprotocol == "realtime"
        await sent(socket, "transcription_session.update", session=change)
        updated = await received(socket)
        assert updated["type"] == "transcription_session.updated"
        assert (updated["session"]["input_audio_format"], updated["session"]["turn_detection"]) == ("g711_ulaw", None)
        await said(socket, bytes(8_000))
        progress = {"type": "sayit.progress", "job_id": JOB, "received_samples": 0, "lag_s": 0.0}
        assert (await received(socket)).items() >= progress.items()
        await sent(socket, "input_audio_buffer.commit")
        committed = [await received(socket) for _ in range(4)]
        gateway.answers.put_nowait(LiveProgress(received_samples=8_000, committed_s=1.0, lag_s=0.0))
        completed, _ = await received(socket), await received(socket)
        assert (completed["transcript"], completed["usage"]["seconds"]) == ("", 1.0)
        assert completed["item_id"] == committed[0]["item_id"]
        await sent(socket, "sayit.finish")
        assert (await received(socket))["type"] == "sayit.finished"
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1000
        assert gateway.commands == [COMMIT, FINISH]
        assert gateway.config.turn_detection.off
        assert gateway.config.encoding == live_pb.LIVE_ENCODING_MULAW
        assert gateway.config.refine
        assert gateway.metadata["authorization"] == "Bearer secret"


#: Wrong messages, with the code and the field that are told.
WRONG: tuple[tuple[Any, str, str], ...] = (
    ("no JSON", "INVALID_ARGUMENT", "event"),
    ("[" * 100_000, "INVALID_ARGUMENT", "event"),
    ("[]", "invalid_value", "type"),
    ({"type": "response.create"}, "invalid_value", "type"),
    ({"type": {}}, "invalid_value", "type"),
    ({"type": "input_audio_buffer.append"}, "INVALID_ARGUMENT", "audio"),
    ({"type": "input_audio_buffer.append", "audio": "%%"}, "INVALID_ARGUMENT", "audio"),
    ({"type": "input_audio_buffer.append", "audio": 5}, "INVALID_ARGUMENT", "audio"),
    ({"type": "input_audio_buffer.commit"}, "input_audio_buffer_commit_empty", "event"),
    ({"type": "sayit.finish"}, "INVALID_ARGUMENT", "event"),
    ({"type": "session.update"}, "INVALID_OPTION", "session"),
    ({"type": "session.update", "session": {"type": "realtime"}}, "INVALID_OPTION", "session.type"),
    ({"type": "session.update", "session": {"audio": {"input": 5}}}, "INVALID_OPTION", "session.audio.input"),
    ({"type": "session.update", "session": {"voice": "x"}}, "INVALID_OPTION", "session.voice"),
    (
        {"type": "transcription_session.update", "session": {"input_audio_format": 5}},
        "INVALID_OPTION",
        "session.audio.input.format.type",
    ),
)


async def test_a_wrong_message_is_told_and_the_session_goes_on() -> None:
    """In OpenAI's form, with the id of the client's event."""
    async with bridge() as (url, gateway), connected(url) as socket:
        for message, code, param in WRONG:
            named = isinstance(message, dict)
            await socket.send(json.dumps(message | {"event_id": "mine"}) if named else message)
            told = await received(socket)
            assert (told["type"], told["error"]["type"]) == ("error", "invalid_request_error"), message
            assert (told["error"]["code"], told["error"]["param"]) == (code, param), message
            assert told["error"]["event_id"] == ("mine" if named else None), message
        await said(socket)
        gateway.answers.put_nowait(final(0, "still there", 0.0, 1.0))
        assert (await received(socket))["delta"] == "still there"


async def test_wrong_options_change_nothing() -> None:
    """The session stays as it was; SayIt's own options are taken beside OpenAI's, under the same rules."""
    place = "session.audio.input.transcription"
    wrong = (
        ({"language": "xx"}, "INVALID_LANGUAGE", "language"),
        ({"model": "nope"}, "model_not_found", "model"),
        ({"guard": "whatever"}, "INVALID_OPTION", f"{place}.guard"),
        ({"temperature_of": 1}, "INVALID_OPTION", f"{place}.temperature_of"),
    )
    async with bridge() as (url, gateway), connected(url) as socket:
        for given in ({"language": "en", "guard": "strict"}, *(each for each, _, _ in wrong)):
            await sent(socket, "session.update", session={"audio": {"input": {"transcription": given}}})
        assert (await received(socket))["session"]["audio"]["input"]["transcription"]["guard"] == "strict"
        for _, code, param in wrong:
            error = (await received(socket))["error"]
            assert (error["code"], error["param"]) == (code, param)
        await said(socket)
        await until(lambda: gateway.config is not None)
        assert gateway.config.job.options.language == "en"


async def test_the_format_stays_once_there_is_audio() -> None:
    """An update to the same is taken, one to another is refused."""
    async with bridge() as (url, _), connected(url) as socket:
        await said(socket)
        for turn_detection in ({"type": "server_vad"}, None):
            await sent(socket, "session.update", session={"audio": {"input": {"turn_detection": turn_detection}}})
        assert [(await received(socket))["type"] for _ in range(2)] == ["session.updated", "error"]


async def test_cleared_audio_has_no_item() -> None:
    """The service has it, and what it says of it is kept back."""
    async with bridge() as (url, gateway), connected(url) as socket:
        await sent(socket, "input_audio_buffer.clear")
        assert (await received(socket))["type"] == "input_audio_buffer.cleared"
        await said(socket)
        await sent(socket, "input_audio_buffer.clear")
        assert (await received(socket))["type"] == "input_audio_buffer.cleared"
        gateway.answers.put_nowait(final(0, "cleared", 0.0, 0.9))
        gateway.answers.put_nowait(final(1, "kept", 1.1, 2.0))
        assert (await received(socket))["delta"] == "kept"
        assert gateway.commands == [COMMIT]


async def test_a_session_that_breaks_is_told_of() -> None:
    """Items that wait have failed, the error follows, and the close says why."""
    async with bridge() as (url, gateway), connected(url) as socket:
        await said(socket)
        gateway.answers.put_nowait(LiveSpeech(begins=True, offset_s=0.0, utterance=0))
        assert (await received(socket))["type"] == "input_audio_buffer.speech_started"
        gateway.breaks.set()
        failed, error = await received(socket), await received(socket)
        assert failed["type"] == "conversation.item.input_audio_transcription.failed"
        assert failed["error"]["code"] == error["error"]["code"] == "JOB_CANCELLED"
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "JOB_CANCELLED")


async def test_who_has_no_key_is_refused_before_anything_is_read() -> None:
    """With OpenAI's 401, or, as a browser cannot read that, with an error event."""
    async with bridge() as (url, gateway):
        gateway.script["ListModels"] = [SayItError(ErrorKind.UNAUTHENTICATED)] * 2
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"{url}/v1/realtime", proxy=None)
        assert refused.value.response.status_code == 401
        assert json.loads(refused.value.response.body)["error"]["code"] == "invalid_api_key"
        origin: Any = url.replace("ws", "http", 1)
        async with connect(f"{url}/v1/realtime", proxy=None, origin=origin) as socket:
            assert (await received(socket))["error"]["code"] == "invalid_api_key"
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd is not None
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "UNAUTHENTICATED")


async def test_one_key_leaves_connections_for_others() -> None:
    """However many WebSockets it opens without beginning a session; a place is free again once one is closed."""
    mine, his = {"X-Api-Key": "mine"}, {"X-Api-Key": "his"}
    async with bridge(bridge_max_connections=11) as (url, _), AsyncExitStack() as opened:
        sockets = []

        async def crowd() -> None:
            while True:
                sockets.append(await opened.enter_async_context(connected(url, additional_headers=mine)))

        with pytest.raises(InvalidStatus) as refused:
            await crowd()
        assert refused.value.response.status_code == 429
        async with connected(url, additional_headers=his):
            await sockets[-1].close()
        while True:  # what is closed is noticed a moment later
            with suppress(InvalidStatus):
                await opened.enter_async_context(connected(url, additional_headers=mine))
                return


async def test_pages_of_elsewhere_are_refused() -> None:
    """As every WebSocket of the bridge."""
    async with bridge() as (url, _):
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"{url}/v1/realtime", proxy=None, origin="http://elsewhere.example")  # type: ignore[arg-type]
        assert refused.value.response.status_code == 403


async def test_a_full_service_says_so() -> None:
    """An error event of OpenAI's kind, and the close code for trying again later."""
    async with bridge() as (url, gateway), connected(url) as socket:
        gateway.script["StreamingRecognize"] = [SayItError(ErrorKind.RATE_LIMITED, retry_after_s=60.0)]
        await said(socket)
        error = (await received(socket))["error"]
        assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limit_exceeded")
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1013


async def test_a_connection_that_breaks_does_not_finish_its_session() -> None:
    """Another one goes on with it, from the samples on that are stored."""
    async with bridge() as (url, gateway):
        async with connected(url) as socket:
            await said(socket)
            await until(lambda: bytes(gateway.heard) == SECOND)
            socket.transport.abort()
        await until(lambda: "StreamingRecognize" in gateway.cancelled)
        assert gateway.commands == []
        async with connected(url, f"?intent=transcription&resume={JOB}") as socket:
            await sent(socket, "session.update", session={"include": ["sayit.progress"]})
            await received(socket)
            await said(socket)
            assert (await received(socket))["received_samples"] == 48_000
            assert gateway.config.resume_job_id == JOB


async def test_a_job_that_is_thrown_away_by_a_client_that_left_is_no_defect() -> None:
    """The session ends with an error that no client is there to be told of; nothing is left to complain about."""
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    async with bridge() as (url, gateway):
        gateway.breaks_at_the_end = True
        async with connected(url) as socket:
            await said(socket)
            await until(lambda: bytes(gateway.heard) == SECOND)
        await until(lambda: gateway.commands == [live_pb.LIVE_COMMAND_FINISH])
    gc.collect()
    assert complaints == []


async def test_who_says_nothing_for_long_is_cut_off() -> None:
    """And a message that is too long ends the connection at once."""
    async with bridge(bridge_live_idle_s=0.1) as (url, _), connected(url) as socket:
        assert (await received(socket))["error"]["code"] == "UPLOAD_TOO_SLOW"
    async with bridge() as (url, _), connected(url) as socket:
        await socket.send("x" * 2_000_000)
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


async def test_a_real_suite_hears_what_is_said(live_url: str) -> None:
    """Sent faster than it was spoken: utterances in their order, deltas that are their text, a job with all of it."""
    openai = importlib.import_module("openai")
    samples, rate = soundfile.read(RECORDINGS / "en-8s.flac", dtype="int16")
    turns = {"type": "server_vad", "silence_duration_ms": 300}
    spoken = {
        "format": {"type": "audio/pcm", "rate": rate},
        "transcription": {"language": "en"},
        "turn_detection": turns,
    }
    client = openai.AsyncOpenAI(api_key="any", base_url=f"{live_url}/v1")
    deltas: dict[str, str] = {}
    texts: dict[str, str] = {}
    async with client.realtime.connect(extra_query={"intent": "transcription"}) as connection:
        await connection.session.update(session={"audio": {"input": spoken}, "include": ["sayit.progress"]})
        for start in range(0, len(samples), rate // 10):
            block = samples[start : start + rate // 10].tobytes()
            await connection.input_audio_buffer.append(audio=base64.b64encode(block).decode())
        await connection.send({"type": "sayit.finish"})
        async for event in connection:
            if event.type.endswith(".delta"):
                deltas[event.item_id] = deltas.get(event.item_id, "") + event.delta
            elif event.type.endswith(".completed"):
                texts[event.item_id] = event.transcript
            last = event
    assert word_error_rate(label("en-8s")["text"], " ".join(texts.values())) < 30
    assert deltas == texts
    async with httpx.AsyncClient(base_url=live_url, timeout=60, trust_env=False) as http:
        job = (await http.get(f"/v1/jobs/{last.job_id}", params={"wait": 30})).json()
    assert job["state"] == "completed"
    assert word_error_rate(" ".join(texts.values()), job["transcript"]["text"]) < 10
