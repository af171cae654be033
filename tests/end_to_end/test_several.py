"""Several of everything on one PostgreSQL: any part may answer for any job, and any may die."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sayit.client import AsyncClient, Client
from sayit.speech.jobs import ChunkText, Completed, Job, JobState
from sayit.speech.options import Options

from .cluster import running_cluster
from .helper import RECORDINGS, RunningSuite

OPTIONS = Options(language="ko", temperature=0.0)
JOBS = 2
#: Chunks that are done when a scheduler dies, of about fourteen.
KILL_AFTER = 3


async def test_jobs_survive_their_scheduler_and_are_watched_anywhere(
    suite: RunningSuite, tmp_path: Path, postgres_url: str, redis_url: str
) -> None:
    """Jobs made at one gateway are watched at the other, gapless, although one of two schedulers is killed.

    All parts start at once on an empty database. Each job ends once, with the text that a suite with one scheduler
    gives.
    """
    audio = (RECORDINGS / "ko-150s.flac").read_bytes()
    with Client(suite.address) as client:
        expected = client.transcribe(audio, options=OPTIONS).transcript.text
    async with running_cluster(tmp_path, database_url=postgres_url, redis_url=redis_url) as cluster:
        addresses = cluster.addresses
        async with AsyncClient(addresses["gateway-1"]) as here, AsyncClient(addresses["gateway-2"]) as there:
            while (await there.status()).transcribers_online < 2:  # noqa: ASYNC110 - it is another process's state
                await asyncio.sleep(0.1)
            jobs = [await here.create_job(audio, options=OPTIONS) for _ in range(JOBS)]
            done = asyncio.Semaphore(0)
            watchers = [asyncio.create_task(_watched(there, job, done)) for job in jobs]
            for _ in range(KILL_AFTER):
                await done.acquire()
            cluster.kill("scheduler-1")
            assert not any(watcher.done() for watcher in watchers), "the fault did not hit work in progress"
            texts = await asyncio.gather(*watchers)
            for job, text in zip(jobs, texts, strict=True):
                assert (await there.get(job.id)).state is JobState.COMPLETED
                assert text == (await here.transcript(job.id)).text == expected


async def _watched(client: AsyncClient, job: Job, done: asyncio.Semaphore) -> str:
    """Watches a job to its end; the transcript's text."""
    seqs: list[int] = []
    chunks: list[int] = []
    ends = 0
    async for event in client.watch(job.id):
        if event.seq:
            seqs.append(event.seq)
        if isinstance(event.body, ChunkText):
            chunks.append(event.body.chunk_index)
            done.release()
        ends += isinstance(event.body, Completed)
    assert seqs == list(range(1, len(seqs) + 1))
    assert sorted(chunks) == list(range(len(chunks)))
    assert ends == 1
    return (await client.transcript(job.id)).text
