"""Compressed live audio through a child process, as it arrives."""

from __future__ import annotations

import asyncio
import io
from contextlib import suppress

import numpy as np
import pytest

from sayit.scheduler.ingest.audio_reader.demux import read_audio
from sayit.scheduler.ingest.audio_reader.limits import MediaLimits
from sayit.scheduler.ingest.audio_reader.pool import AudioReaderPool
from sayit.speech.errors import ErrorKind, SayItError

from .media import SECONDS, encoded


async def decoded(content: bytes, *, piece: int = 500) -> bytes:
    """What comes of a stream that arrives in pieces."""
    async with AudioReaderPool() as pool, pool.live() as (writer, audio):

        async def send() -> None:
            with suppress(ConnectionError):
                for start in range(0, len(content), piece):
                    writer.write(content[start : start + piece])
                    await writer.drain()
                writer.close()

        sending = asyncio.create_task(send())
        try:
            return b"".join([block async for block in audio])
        finally:
            await sending


@pytest.mark.parametrize("name", ["ogg-opus", "webm-opus"])
async def test_audio_comes_while_it_is_sent(name: str) -> None:
    """Of half a stream nearly half the audio is there before the rest is sent; in the end there is all of it."""
    content = encoded(name, 8.0)
    heard: list[bytes] = []
    async with AudioReaderPool() as pool, pool.live() as (writer, audio):
        writer.write(content[: len(content) // 2])
        async with asyncio.timeout(60):
            while sum(map(len, heard)) < 32_000 * 2.5:
                heard.append(await anext(audio))
        writer.write(content[len(content) // 2 :])
        writer.close()
        heard += [block async for block in audio]
    samples = np.frombuffer(b"".join(heard), "<i2").astype(float)
    assert len(samples) == read_audio(io.BytesIO(content), MediaLimits(), lambda _: None).samples
    assert max(map(len, heard)) <= 3_200
    assert np.sqrt(np.mean(samples**2)) > 100


@pytest.mark.parametrize("name", ["ogg-opus", "webm-opus"])
async def test_what_breaks_off_is_heard_as_far_as_it_came(name: str) -> None:
    """A stream that ends in the midst of a packet is no error."""
    content = encoded(name)
    heard = await decoded(content[: len(content) * 3 // 4 - 7])
    assert 0.4 * SECONDS < len(heard) / 32_000 < SECONDS


@pytest.mark.parametrize(
    "content", [b"no audio at all " * 999, encoded("mp3"), encoded("webm-opus")[:30], b"OggS" * 99]
)
async def test_what_is_none_is_refused(content: bytes) -> None:
    """Garbage, another container and a head alone raise the file's error."""
    with pytest.raises(SayItError) as error:
        await decoded(content)
    assert error.value.kind in {ErrorKind.INVALID_FORMAT, ErrorKind.DAMAGED_FILE}


async def test_a_session_that_is_left_leaves_no_child() -> None:
    """The context ends the child although it still had audio to deliver."""
    async with AudioReaderPool() as pool, asyncio.timeout(30), pool.live() as (writer, _):
        writer.write(encoded("ogg-opus"))
