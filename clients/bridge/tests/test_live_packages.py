"""Commits and Finalize of the official packages on a real suite: each is answered once all before it has its text."""

from __future__ import annotations

import asyncio
import base64
import importlib
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.end_to_end.helper import RECORDINGS, label, word_error_rate

RATE = 16_000
#: 8 s of speech.
SPEECH = soundfile.read(RECORDINGS / "en-8s.flac", dtype="int16")[0].tobytes()
SILENCE = np.random.default_rng(0).integers(-20, 20, 3 * RATE).astype("<i2").tobytes()
TEXT = label("en-8s")["text"]


async def test_commits_of_openai_s_package(live_url: str) -> None:
    """Without turn detection: of speech that ends in silence, of silence, with more speech behind; and at the end."""
    openai = importlib.import_module("openai")
    spoken = {
        "format": {"type": "audio/pcm", "rate": RATE},
        "transcription": {"language": "en"},
        "turn_detection": None,
    }
    client = openai.AsyncOpenAI(api_key="any", base_url=f"{live_url}/v1")
    completed: list[Any] = []
    committed: list[str] = []
    two = asyncio.Event()
    async with client.realtime.connect(extra_query={"intent": "transcription"}) as connection:

        async def read() -> None:
            async for event in connection:
                if event.type == "input_audio_buffer.committed":
                    committed.append(event.item_id)
                elif event.type.endswith(".completed"):
                    completed.append(event)
                if len(completed) == 2:
                    two.set()

        await connection.session.update(session={"audio": {"input": spoken}})
        reading = asyncio.create_task(read())
        for audio in (SPEECH + SILENCE, SILENCE):
            await connection.input_audio_buffer.append(audio=base64.b64encode(audio).decode())
            await connection.input_audio_buffer.commit()
        await connection.input_audio_buffer.append(audio=base64.b64encode(SPEECH).decode())
        await two.wait()
        await connection.input_audio_buffer.commit()
        await connection.input_audio_buffer.append(audio=base64.b64encode(SPEECH).decode())
        await connection.send({"type": "sayit.finish"})
        await reading
    assert [event.item_id for event in completed] == committed
    texts = [event.transcript for event in completed]
    assert texts[1] == ""
    assert all(word_error_rate(TEXT, texts[number]) < 30 for number in (0, 2, 3))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the package uses what websockets will leave out
async def test_finalize_of_deepgram_s_package(live_url: str) -> None:
    """At once behind the speech, and in silence; where words end is told before the next ones."""
    deepgram = importlib.import_module("deepgram")
    url = live_url.replace("http", "ws", 1)
    where = importlib.import_module("deepgram.environment").DeepgramClientEnvironment(
        base=url, production=url, agent=url, agent_rest=url
    )
    client = deepgram.AsyncDeepgramClient(api_key="any", environment=where)
    asked = {"encoding": "linear16", "sample_rate": RATE, "language": "en", "utterance_end_ms": 1000}
    finals: list[Any] = []
    ends: list[float] = []
    async with client.listen.v1.connect(model="nova-3", **asked) as connection:

        async def answer() -> Any:
            while True:
                event = await connection.recv()
                if event.type == "UtteranceEnd":
                    ends.append(event.last_word_end)
                elif event.type == "Results" and event.is_final:
                    finals.append(event)
                    if event.from_finalize:
                        return event

        await connection.send_media(SPEECH)
        await connection.send_finalize()
        await answer()
        words = [word for each in finals for word in each.channel.alternatives[0].words]
        assert word_error_rate(TEXT, " ".join(word.punctuated_word for word in words)) < 30
        await connection.send_media(SILENCE)
        await connection.send_finalize()
        assert (await answer()).channel.alternatives[0].transcript == ""
        assert ends[-1] == words[-1].end
        await connection.send_close_stream()
