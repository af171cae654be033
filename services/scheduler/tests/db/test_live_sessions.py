"""Live sessions in the database: the lease decides who writes, and what is written together stands together."""

from __future__ import annotations

import secrets
import time
from dataclasses import replace

import pytest

from sayit.scheduler.db.stores import Stores
from sayit.scheduler.jobs.live import WAV_HEADER_BYTES, LiveRecord
from sayit.scheduler.jobs.records import ChunkOutput, JobLimits, JobRecord, NewChunk, PartRecord, UploadRecord
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import ChunkText, JobState, StateChanged
from sayit.speech.options import Options

from .helper import FAR, accepted, chunk, event_log, output, stores


async def begun(s: Stores, job_id: str = "live", *, tenant: str = "t", key: str = "") -> JobRecord:
    """A live session whose upload has its header."""
    now = time.time()
    upload = UploadRecord(
        id=f"u-{job_id}", tenant=tenant, key_id="k", filename="f", size=None, received=0, created_s=now, expires_s=FAR
    )
    await s.uploads.create_upload(upload)
    await s.uploads.add_part(upload.id, PartRecord(offset=0, size=WAV_HEADER_BYTES, object_key="header"))
    job = JobRecord(
        id=job_id,
        tenant=tenant,
        key_id="k",
        upload_id=upload.id,
        filename="f",
        options=Options(language="ko", model="micro"),
        model="micro",
        state=JobState.RECEIVING,
        idempotency_key=key,
        created_s=now,
    )
    made = await s.jobs.create_job(job, JobLimits(jobs=9, of_tenant=9), "{}")
    assert isinstance(made, tuple)
    return made[0]


async def taken(s: Stores, owner: str, job_id: str = "live") -> LiveRecord:
    """The session, for a call that has it now."""
    return await s.live.take("t", job_id, owner, until_s=time.time() + 60)


def part(offset: int, size: int = 1280) -> PartRecord:
    """Stored audio."""
    return PartRecord(offset=offset, size=size, object_key=secrets.token_hex(4))


def utterance(number: int, *, of: ChunkOutput | None = None) -> NewChunk:
    """An utterance with its text."""
    return replace(chunk(number), output=of or output(f"utterance {number}"))


async def test_a_session_is_begun_heard_committed_and_finished(database_url: str) -> None:
    """Audio grows its upload, every utterance is a finished chunk with its event, and the job is merged at the end."""
    async with stores(database_url) as s:
        await begun(s)
        record = await taken(s, "me")
        assert (record.job.state, record.options, record.state, record.samples) == (JobState.RECEIVING, "{}", "", 0)
        assert await s.live.add_part("live", "me", part(44), scanned=30)
        for number in (0, 1):
            appended = part(44 + 1280) if number else None
            assert await s.live.commit(
                "live", "me", utterance(number), state=f"s{number}", speech=[(0, 90)], part=appended
            )
        before = await taken(s, "me")
        assert (before.state, before.samples, before.speech) == ("s1", 1280, ((0, 90),))
        progress = before.job.progress()
        assert (progress.chunks_done, progress.chunks_total, progress.audio_done_s) == (2, None, 200 / 16_000)
        finished = await s.live.finish("live", "me", samples=1280, speech=[(0, 90), (100, 190)])
        assert finished is not None
        assert (finished.state, finished.chunks_total, finished.samples_total) == (JobState.MERGING, 2, 1280)
        assert [(one.spans, one.channel) for one in await s.jobs.speech("live")] == [(((0, 90), (100, 190)), 0)]
        assert [one.output.segments[0].text for one in await s.chunks.done_chunks("live")] == [
            "utterance 0",
            "utterance 1",
        ]
        bodies = [event.body for event in await event_log(s, "live")]
        assert [body.state for body in bodies if isinstance(body, StateChanged)] == [
            JobState.RECEIVING,
            JobState.MERGING,
        ]
        assert [body.chunk_index for body in bodies if isinstance(body, ChunkText)] == [0, 1]
        assert (await s.jobs.lease_merging("other", until_s=FAR)) is not None
        assert [one.size for one in await s.uploads.parts("u-live")] == [44, 1280, 1280]


async def test_whoever_took_the_session_last_writes(database_url: str) -> None:
    """What an earlier call writes afterwards is refused, and nothing of it is left."""
    async with stores(database_url) as s:
        await begun(s)
        await taken(s, "old")
        await taken(s, "new")
        assert not await s.live.add_part("live", "old", part(44), scanned=0)
        assert not await s.live.save_state("live", "old", "x")
        assert not await s.live.commit("live", "old", utterance(0), state="x", speech=[], part=part(44))
        assert await s.live.finish("live", "old", samples=0, speech=[]) is None
        assert not await s.jobs.renew_lease("live", "old", until_s=FAR)
        assert await s.live.save_state("live", "new", "y")
        record = await taken(s, "newest")
        assert (record.state, record.samples, record.job.chunks_done) == ("y", 0, 0)
        assert len(await s.uploads.parts("u-live")) == 1


async def test_a_session_that_its_client_left_is_found_after_its_time(database_url: str) -> None:
    """Not while a call has it, nor before its time; one whose scheduler died counts from the end of its lease."""
    async with stores(database_url) as s:
        await begun(s)
        await taken(s, "me")
        now = time.time()
        assert await s.live.take_left("sweep", until_s=FAR, before_s=now + 30) is None
        await s.jobs.return_lease("live", "me", not_before_s=now)
        assert await s.live.take_left("sweep", until_s=FAR, before_s=now - 1) is None
        found = await s.live.take_left("sweep", until_s=now + 60, before_s=now + 1)
        assert found is not None
        assert await s.live.take_left("other", until_s=FAR, before_s=now + 1) is None
        assert await s.live.take_left("other", until_s=FAR, before_s=now + 61) is not None


async def test_a_session_that_never_had_a_call_is_found_as_well(database_url: str) -> None:
    """Its scheduler may be killed between accepting it and the beginning of the call."""
    async with stores(database_url) as s:
        await begun(s)
        assert await s.live.take_left("sweep", until_s=FAR, before_s=time.time() + 1) is not None


async def test_a_scheduler_that_starts_alone_gives_clients_their_time(database_url: str) -> None:
    """Its start ends all leases; clients of live sessions may come back as long as after any break."""
    async with stores(database_url) as s:
        await begun(s)
        await taken(s, "dead")
        now = time.time()
        await s.jobs.drop_leases()
        assert not await s.live.save_state("live", "dead", "x")
        assert await s.live.take_left("sweep", until_s=FAR, before_s=now - 1) is None
        assert await s.live.take_left("sweep", until_s=FAR, before_s=now + 60) is not None


async def test_a_cancelled_session_takes_nothing_more(database_url: str) -> None:
    """Cancelling ends the lease; a call that goes on with it learns its state, and deleting takes all of it along."""
    async with stores(database_url) as s:
        await begun(s)
        await taken(s, "me")
        await s.live.commit("live", "me", utterance(0), state="x", speech=[], part=part(44))
        await s.jobs.cancel_job("t", "live")
        assert not await s.live.add_part("live", "me", part(44 + 1280), scanned=0)
        assert (await taken(s, "me")).job.state is JobState.CANCELLED
        assert not await s.live.save_state("live", "me", "x")
        await s.jobs.delete_job("t", "live")
        with pytest.raises(SayItError) as error:
            await taken(s, "me")
        assert error.value.kind is ErrorKind.JOB_NOT_FOUND
        assert set(await s.transcribers.garbage()) >= {"jobs/live/", "uploads/u-live/"}


async def test_only_live_sessions_of_ones_own_are_taken(database_url: str) -> None:
    """Another tenant's session is not there; a job on a file is none."""
    async with stores(database_url) as s:
        await begun(s, tenant="other")
        await accepted(s, "file")
        for job_id, kind in {"live": ErrorKind.JOB_NOT_FOUND, "file": ErrorKind.INVALID_ARGUMENT}.items():
            with pytest.raises(SayItError) as error:
                await taken(s, "me", job_id)
            assert error.value.kind is kind
        assert await s.jobs.lease_preparing("p", until_s=FAR) is not None
        assert await s.jobs.lease_preparing("p", until_s=FAR) is None


async def test_an_idempotency_key_makes_one_session(database_url: str) -> None:
    """A client that never heard its first answer finds its session again."""
    async with stores(database_url) as s:
        first = await begun(s, key="once")
        again = await s.jobs.create_job(replace(first, id="second"), JobLimits(jobs=9, of_tenant=9), "{}")
        assert again == (await s.jobs.get_job("t", "live"), False)


async def test_a_gap_in_the_audio_is_refused(database_url: str) -> None:
    """A part that does not begin where the upload ends would move everything behind it."""
    async with stores(database_url) as s:
        await begun(s)
        await taken(s, "me")
        with pytest.raises(SayItError) as error:
            await s.live.add_part("live", "me", part(100), scanned=0)
        assert error.value.kind is ErrorKind.INTERNAL
        assert (await taken(s, "me")).samples == 0
