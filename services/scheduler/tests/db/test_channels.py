"""Channels in the database: of chunks, of their text, of speech, and in the progress."""

from __future__ import annotations

import time
from dataclasses import replace

from sayit.scheduler.db import codec
from sayit.scheduler.jobs.channels import ChannelSpeech
from sayit.speech.jobs import ChunkText, JobState, Progress
from sayit.speech.transcript import Suppressed, SuppressionReason

from .helper import FAR, SPEECH, accepted, chunk, dispatched, event_log, output, stores


async def test_text_has_the_channel_of_its_chunk(database_url: str) -> None:
    """Whatever an engine, or a cache, gives as text: events, stored text and removed text have the chunk's channel."""
    async with stores(database_url) as s:
        await accepted(s)
        job = await s.jobs.lease_preparing("me", until_s=time.time() + 60)
        assert job is not None
        new = [replace(chunk(number), channel=number + 1) for number in range(2)]
        speech = [ChannelSpeech(channel=number, spans=((0, 200),), levels=b"\x00\x40") for number in (1, 2)]
        await s.jobs.add_chunks(job.id, "me", new, scanned=200, channels=2)
        await s.jobs.finish_preparing(job.id, "me", samples=200, chunks=2, speech=speech, warnings=[])
        removed = Suppressed(text="x", reason=SuppressionReason.NO_SPEECH, start_s=0, end_s=1, channel=7)
        for message in await dispatched(s, job.id):
            claim = await s.chunks.claim(message.chunk_id, message.dispatch, "t1", lease_until_s=FAR)
            assert claim is not None
            assert claim.channel == claim.index + 1
            await s.chunks.commit(claim, replace(output("a"), suppressed=(removed,)))
        done = await s.chunks.done_chunks(job.id)
        events = [event.body for event in await event_log(s, job.id)]
        assert await s.jobs.speech(job.id) == tuple(speech)
    assert [each.channel for each in done] == [1, 2]
    assert [part.channel for each in done for part in (*each.output.segments, *each.output.suppressed)] == [1, 1, 2, 2]
    shown = [part.channel for body in events if isinstance(body, ChunkText) for part in body.segments]
    assert shown == [1, 2]


async def test_progress_is_in_seconds_of_the_recording(database_url: str) -> None:
    """Two channels have twice the samples: what is done is their mean, never more than the recording, never less."""
    async with stores(database_url) as s:
        await accepted(s)
        job = await s.jobs.lease_preparing("me", until_s=time.time() + 60)
        assert job is not None
        both = [replace(chunk(0), channel=1), replace(chunk(0), index=1, channel=2)]
        seen: list[Progress] = []

        async def redecode() -> None:
            seen.append((await s.jobs.get_job("t", "j")).progress())

        await s.jobs.add_chunks(job.id, "me", both, scanned=200, channels=2)
        await redecode()
        speech = [ChannelSpeech(channel=number, spans=((0, 100),)) for number in (1, 2, 3, 4)]
        await s.jobs.finish_preparing(job.id, "me", samples=200, chunks=2, speech=speech[:2], warnings=[])
        await redecode()
        for message in await dispatched(s, job.id):
            claim = await s.chunks.claim(message.chunk_id, message.dispatch, "t1", lease_until_s=FAR)
            assert claim is not None
            await s.chunks.commit(claim, output("a"))
            await redecode()
        assert (await s.jobs.get_job("t", "j")).state is JobState.MERGING
    assert [round(one.audio_done_s * 16_000) for one in seen] == [100, 100, 150, 200]
    assert [one.audio_total_s for one in seen] == [None] + [200 / 16_000] * 3


def test_speech_of_older_jobs_is_read() -> None:
    """A list of spans is a mixed recording's; that is also how one is still written."""
    assert codec.speech_text([SPEECH]) == "[[0,50]]"
    assert codec.speech_of("[[0,50]]") == (SPEECH,)
    assert codec.speech_of("[]") == (ChannelSpeech(channel=0, spans=()),)
