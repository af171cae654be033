"""A recorded call through a real scheduler with a scripted transcriber: two channels, one transcript."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import numpy as np
import soundfile

from sayit.v1 import resources_pb2 as pb

from .helper import ENDED, RECORDINGS, Transcriber, suite


def call(*names: str) -> bytes:
    """A WAV file with a recording on each channel, as long as the longest; "" for a silent one."""
    tracks = [
        soundfile.read(RECORDINGS / f"{name}.flac", dtype="int16")[0] if name else np.zeros(16_000, np.int16)
        for name in names
    ]
    longest = max(map(len, tracks))
    buffer = io.BytesIO()
    padded = np.stack([np.pad(track, (0, longest - len(track))) for track in tracks], axis=1)
    soundfile.write(buffer, padded, 16_000, format="WAV")
    return buffer.getvalue()


async def test_channels_become_one_transcript(tmp_path: Path, redis_url: str) -> None:
    """Each channel has its chunks, the first ones interactive; events and transcript name the channel of every text."""
    async with suite(tmp_path, redis_url) as s:
        worker = Transcriber(s, slots=2)
        await worker.report()
        job = await s.create(call("en-90s", "ko-8s", ""), channels=pb.CHANNELS_SPLIT)
        assert job.options.channels == pb.CHANNELS_SPLIT
        interactive = []
        for _ in range(2):
            attempt = await worker.claim(*await worker.take())
            interactive.append(attempt.assignment.interactive)
            await attempt.finish(f"chunk {attempt.assignment.chunk_index}")
        runner = asyncio.create_task(worker.run())
        events = await s.events(job.id)
        done = await s.get(job.id)
        again = await s.create(call("en-90s", "ko-8s", ""), channels=pb.CHANNELS_SPLIT)
        cached = await s.until(again.id, *ENDED)
        runner.cancel()
        transcript, repeated = await s.transcript(job.id), await s.transcript(again.id)
    assert done.state == pb.JOB_STATE_COMPLETED
    assert interactive == [True, True]
    assert [one.channel for one in transcript.segments].count(2) == 1
    assert {one.channel for one in transcript.segments} == {1, 2}, "the silent channel costs nothing"
    assert [(one.start_s, one.channel) for one in transcript.segments] == sorted(
        (one.start_s, one.channel) for one in transcript.segments
    )
    texts = [event.chunk_text for event in events if event.HasField("chunk_text")]
    assert sorted(each.chunk_index for each in texts) == list(range(len(texts)))
    assert all(one.channel for each in texts for one in each.segments)
    progress = [event.progress for event in events if event.HasField("progress")]
    assert all(one.audio_done.ToSeconds() <= done.progress.audio_total.ToSeconds() for one in progress)
    assert done.progress.audio_done == done.progress.audio_total
    assert cached.cached
    assert repeated.segments == transcript.segments


async def test_a_mono_file_is_channel_one(tmp_path: Path, redis_url: str) -> None:
    """A recording with one channel may be split, too; mixed, it has no channel."""
    async with suite(tmp_path, redis_url) as s:
        worker = Transcriber(s)
        runner = asyncio.create_task(worker.run())
        channels = []
        for option in (pb.CHANNELS_SPLIT, pb.CHANNELS_MIX):
            job = await s.create(call("ko-8s"), channels=option)
            await s.until(job.id, *ENDED)
            channels.append({one.channel for one in (await s.transcript(job.id)).segments})
        runner.cancel()
    assert channels == [{1}, {0}]


#: As much as is said in eight seconds.
TWICE = "같은 말을 두 번 한다고 해서 더 나은 말이 되지는 않는다"


async def test_crosstalk_goes_unless_the_guard_is_off(tmp_path: Path, redis_url: str) -> None:
    """The same recording on both channels is written once, listed, and announced as a refinement; or left as it is."""
    async with suite(tmp_path, redis_url) as s:
        worker = Transcriber(s)
        await worker.report()
        found = []
        for guard in (pb.GUARD_STANDARD, pb.GUARD_OFF):
            job = await s.create(call("ko-8s", "ko-8s"), channels=pb.CHANNELS_SPLIT, guard=guard)
            for _ in range(0 if found else 2):  # the second job's chunks are known, as they were before the guard
                await (await worker.claim(*await worker.take())).finish(
                    "같은 말을 두 번 한다고 해서 더 나은 말이 되지는 않는다"
                )
            events = await s.events(job.id)
            transcript = await s.transcript(job.id)
            refined = [list(event.refinement.chunk_indexes) for event in events if event.HasField("refinement")]
            removed = [(one.reason.value, one.channel) for one in transcript.suppressed]
            found.append(([one.channel for one in transcript.segments], removed, refined, transcript.coverage.gaps))
    assert found == [([1], [("crosstalk", 2)], [[1]], ()), ([1, 2], [], [], ())]
