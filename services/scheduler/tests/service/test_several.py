"""Two schedulers on one database, one Redis and one data folder: each answers for what the other does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import SecretStr

from sayit.chassis import principal
from sayit.scheduler.db.scratch import scratch_folder
from sayit.v1 import resources_pb2 as pb
from sayit.v1 import transcription_service_pb2 as service_pb

from .helper import ALICE, RECORDINGS, Suite, Transcriber, suite

SHORT = (RECORDINGS / "ko-8s.flac").read_bytes()
LONG = (RECORDINGS / "ko-150s.flac").read_bytes()


@asynccontextmanager
async def two(tmp_path: Path, redis_url: str, postgres_url: str) -> AsyncIterator[tuple[Suite, Suite]]:
    """Two schedulers that share everything."""
    url = SecretStr(postgres_url)
    async with (
        suite(tmp_path, redis_url, database_url=url, heartbeat_s=0.2) as a,
        suite(tmp_path, redis_url, database_url=url, heartbeat_s=0.2) as b,
    ):
        yield a, b


async def test_cancelling_at_one_scheduler_stops_an_attempt_at_the_other(
    tmp_path: Path, redis_url: str, postgres_url: str
) -> None:
    """The attempt's next heartbeat is answered with the order to stop; its result would be refused."""
    async with two(tmp_path, redis_url, postgres_url) as (a, b):
        worker = Transcriber(b)
        await worker.report()
        job = await a.create(SHORT)
        attempt = await worker.claim(*await worker.take())
        await attempt.on_engine()
        with principal.use(ALICE):
            await a.jobs.CancelJob(service_pb.CancelJobRequest(job_id=job.id))
        await attempt.on_engine()
        assert (await attempt.answer()).HasField("cancel")
        events = await b.events(job.id)
    assert events[-1].state_changed.state == pb.JOB_STATE_CANCELLED


async def test_a_job_is_watched_where_it_was_not_made_nor_transcribed(
    tmp_path: Path, redis_url: str, postgres_url: str
) -> None:
    """Chunks are committed at both schedulers; watchers at each get the same numbered events, partial texts too."""
    async with two(tmp_path, redis_url, postgres_url) as (a, b):
        here, there = Transcriber(a, name="t1"), Transcriber(b, name="t2")
        workers = [asyncio.create_task(each.run()) for each in (here, there)]
        job = await a.create(LONG)
        seen = await asyncio.gather(a.events(job.id), b.events(job.id))
        texts = [(await each.transcript(job.id)).text for each in (a, b)]
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    durable = [[(event.seq, event.WhichOneof("event")) for event in events if event.seq] for events in seen]
    assert durable[0] == durable[1]
    assert [seq for seq, _ in durable[0]] == list(range(1, len(durable[0]) + 1))
    assert [kind for _, kind in durable[0]].count("completed") == 1
    assert texts[0] == texts[1]


def test_scratch_of_the_living_stays_and_of_the_dead_goes(tmp_path: Path) -> None:
    """A scheduler that starts removes the folders of dead ones, never those of others at work."""
    with scratch_folder(tmp_path) as living:
        (living / "file").write_bytes(b"x")
        dead = tmp_path / "dead"
        dead.mkdir()
        (tmp_path / "dead.lock").touch()
        with scratch_folder(tmp_path) as other:
            assert other != living
            assert (living / "file").exists()
            assert not dead.exists()
    assert list(tmp_path.iterdir()) == []
