"""Live sessions of compressed audio."""

from __future__ import annotations

from pathlib import Path

import pytest

from sayit.internal.v1 import chunk_service_pb2 as chunk_pb
from sayit.speech import wire
from sayit.speech.errors import ErrorKind
from sayit.speech.live import LiveText
from sayit.v1 import live_service_pb2 as live_pb
from sayit.v1 import resources_pb2 as pb

from .helper import suite
from .live_helper import SPEECH, Client, LiveTranscriber, opus


def _anything(decode: chunk_pb.LiveDecode) -> chunk_pb.LiveOutput:
    length_s = len(decode.audio) / 32_000
    text = "heard " * int(1 + 3 * length_s)  # less would be decoded again
    segment = pb.Segment(text=text, language="en", end=wire.duration_to_proto(length_s))
    return chunk_pb.LiveOutput(id=decode.id, output=chunk_pb.ChunkOutput(segments=[segment], language="en", windows=1))


@pytest.mark.parametrize("container", ["ogg", "webm"])
async def test_compressed_audio_is_heard_as_it_arrives(tmp_path: Path, redis_url: str, container: str) -> None:
    """Opus in a container is a session like any other, also if it breaks off, but for going on with it."""
    content = opus(SPEECH, container)
    sent = {"encoding": getattr(live_pb, f"LIVE_ENCODING_{container.upper()}_OPUS")}
    async with suite(tmp_path, redis_url) as s, LiveTranscriber(s).serving() as transcriber:
        transcriber.says = _anything
        for part, length_s in ((content, 10.0), (content[: len(content) // 2], 5.0)):
            client = Client(s)
            job_id = (await client.begin(**sent)).job.id
            for start in range(0, len(part), 1000):
                await client.send(audio=part[start : start + 1000])
            await client.finish()
            await s.until(job_id, pb.JOB_STATE_COMPLETED)
            transcript = await s.transcript(job_id)
            assert transcript.duration_s == pytest.approx(length_s, abs=1.1)
            assert "heard" in transcript.text
        client = Client(s)
        job_id = (await client.begin(**sent)).job.id
        await client.send(audio=content)
        await client.until(LiveText)
        await client.call.done_writing()
        assert (await client.error()).kind is ErrorKind.UNAVAILABLE
        again = Client(s)
        await again.send(config=live_pb.LiveConfig(resume_job_id=job_id, **sent))
        assert (await again.error()).field == "resume_job_id"


async def test_compressed_audio_that_is_none_fails(tmp_path: Path, redis_url: str) -> None:
    """The call and its job end with what is wrong with it; without any audio there is nothing wrong."""
    sent = {"encoding": live_pb.LIVE_ENCODING_OGG_OPUS}
    async with suite(tmp_path, redis_url) as s, LiveTranscriber(s).serving():
        client = Client(s)
        job_id = (await client.begin(**sent)).job.id
        await client.send(audio=b"no audio at all " * 999)
        assert (await client.error()).kind is ErrorKind.INVALID_FORMAT
        assert (await s.get(job_id)).error.code == "INVALID_FORMAT"
        client = Client(s)
        await client.begin(**sent)
        await client.finish()
