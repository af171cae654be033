"""Stores on a fresh database, and rows for them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sayit.scheduler.db.engine import Publish
from sayit.scheduler.db.stores import Stores, opened
from sayit.scheduler.db.transactions import Rules
from sayit.scheduler.dispatch.order import choose
from sayit.scheduler.jobs.channels import ChannelSpeech
from sayit.scheduler.jobs.records import ChunkOutput, Full, JobLimits, JobRecord, NewChunk, PartRecord, UploadRecord
from sayit.speech import wire
from sayit.speech.chunk_queue import ChunkMessage
from sayit.speech.jobs import JobEvent, JobState
from sayit.speech.options import Options
from sayit.speech.transcript import Segment
from sayit.v1 import resources_pb2 as pb

#: A time that never comes.
FAR = 1e12
#: Speech of a mixed recording.
SPEECH = ChannelSpeech(channel=0, spans=((0, 50),))


@asynccontextmanager
async def stores(url: str, *, result_ttl_s: float = 3600.0, published: Publish | None = None) -> AsyncIterator[Stores]:
    """Opens stores as a scheduler does."""
    rules = Rules(result_ttl_s=result_ttl_s, choose=choose)
    async with opened(url, rules, published=published) as opened_stores:
        yield opened_stores


async def uploaded(s: Stores, upload_id: str, *, tenant: str = "t") -> UploadRecord:
    """An upload of one part of 10 bytes."""
    now = time.time()
    upload = UploadRecord(
        id=upload_id,
        tenant=tenant,
        key_id="k",
        filename="f",
        size=None,
        received=0,
        created_s=now,
        expires_s=now + 60,
    )
    await s.uploads.create_upload(upload)
    await s.uploads.add_part(upload.id, PartRecord(offset=0, size=10, object_key=f"uploads/{upload.id}/0"))
    return upload


async def accepted(s: Stores, job_id: str = "j", *, tenant: str = "t", key: str = "") -> JobRecord:
    """A job on an upload of one part."""
    upload = await uploaded(s, f"u-{job_id}", tenant=tenant)
    job = JobRecord(
        id=job_id,
        tenant=tenant,
        key_id="k",
        upload_id=upload.id,
        filename="f",
        options=Options(language="ko", model="micro"),
        model="micro",
        state=JobState.PREPARING,
        idempotency_key=key,
        created_s=time.time(),
    )
    return await create(s, job)


async def create(s: Stores, job: JobRecord, *, most: int = 1_000) -> JobRecord:
    """The job, which must have been accepted."""
    made = await s.jobs.create_job(job, JobLimits(jobs=most, of_tenant=most))
    assert not isinstance(made, Full)
    return made[0]


async def prepared(s: Stores, count: int, job_id: str = "j", *, tenant: str = "t") -> JobRecord:
    """A job with this many chunks, all due."""
    await accepted(s, job_id, tenant=tenant)
    job = await s.jobs.lease_preparing("me", until_s=time.time() + 60)
    assert job is not None
    await s.jobs.add_chunks(job.id, "me", [chunk(i) for i in range(count)], scanned=count * 100)
    await s.jobs.finish_preparing(job.id, "me", samples=count * 100, chunks=count, speech=[SPEECH], warnings=["W"])
    return await s.jobs.get_job(tenant, job.id)


def chunk(index: int, *, text: str = "") -> NewChunk:
    """A chunk of 100 samples, due unless it has a text already."""
    return NewChunk(
        index=index,
        start_sample=index * 100,
        end_sample=index * 100 + 100,
        hard_start=False,
        hard_end=False,
        pieces=((index * 100, index * 100 + 100),),
        object_key=f"jobs/j/chunks/{index}",
        interactive=False,
        output=output(text) if text else None,
    )


async def dispatched(s: Stores, job_id: str) -> list[ChunkMessage]:
    """Dispatches everything; the messages of a job's unclaimed chunks, in order."""
    await s.chunks.dispatch("micro", limit=999)
    messages = [message for message, _ in await s.chunks.unclaimed(before_s=FAR)]
    mine = [message for message in messages if message.chunk_id.rpartition("-")[0] == job_id]
    return sorted(mine, key=lambda message: int(message.chunk_id.rpartition("-")[2]))


async def event_log(s: Stores, job_id: str, *, tenant: str = "t") -> list[JobEvent]:
    """The job's event log."""
    _, stored = await s.jobs.events_after(tenant, job_id, 0, 1000)
    return [wire.event_from_proto(pb.JobEvent.FromString(event)) for event in stored]


def output(text: str) -> ChunkOutput:
    """A chunk's text."""
    return ChunkOutput(
        segments=(Segment(id=0, start_s=0.0, end_s=1.0, text=text, language="ko"),),
        language="ko",
        language_probability=0.5,
        suppressed=(),
        compute_s=0.25,
    )


async def completed(s: Stores, job_id: str = "j", *, text: str = "", tenant: str = "t") -> JobRecord:
    """A job without speech that has ended with a text."""
    await accepted(s, job_id, tenant=tenant)
    assert await s.jobs.lease_preparing("me", until_s=time.time() + 60)
    await s.jobs.finish_preparing(job_id, "me", samples=0, chunks=0, speech=[], warnings=[])
    assert await s.jobs.lease_merging("me", until_s=time.time() + 60)
    assert await s.jobs.complete_job(job_id, "me", events=[], cached=False, samples=0, text=text)
    return await s.jobs.get_job(tenant, job_id)
