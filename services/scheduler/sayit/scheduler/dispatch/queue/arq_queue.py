"""The dispatch queue: arq's keys on Redis, written in one transaction together with the wake-up.

arq's own `enqueue_job` sends no wake-up and takes three round trips; its format is small enough to be written
directly: a string `arq:job:<id>` with the call, and a sorted set per queue whose members are ids, ordered by scores.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from arq.constants import in_progress_key_prefix, job_key_prefix, retry_key_prefix
from arq.jobs import serialize_job
from redis.asyncio import Redis
from redis.exceptions import (
    AuthenticationError,
    NoPermissionError,
    OutOfMemoryError,
    RedisError,
    ResponseError,
)

from sayit.chassis.start import StartError
from sayit.speech.chunk_queue import (
    PREFIX,
    RUN_CHUNK,
    ChunkMessage,
    dumps,
    events_channel,
    queue_name,
    score_of,
    wake_up_channel,
)
from sayit.speech.errors import ErrorKind, SayItError

#: A message that is not taken disappears after this time; the scheduler has dispatched its chunk again long before.
_MESSAGE_TTL_MS = 3_600_000
#: A Redis that answers nothing for so long is treated as gone.
_TIMEOUT_S = 5.0
_NOEVICTION = "noeviction"
_SILENT = "Redis does not answer"


@dataclass(frozen=True, kw_only=True)
class QueueHealth:
    """The state of the queue."""

    #: Whether it answered.
    reachable: bool
    #: What is wrong, for people; empty if nothing is.
    detail: str = ""
    #: The `maxmemory-policy`; None where Redis did not say.
    eviction_policy: str | None = None
    #: Whether the append-only file is on; None where Redis did not say.
    append_only: bool | None = None

    @property
    def may_evict(self) -> bool:
        """Whether queued work may silently disappear under memory pressure, as far as we know."""
        return self.reachable and self.eviction_policy != _NOEVICTION


class ArqQueue:
    """Puts messages for due chunks into the queue.

    Args:
        redis_url: `redis://`, `rediss://` or `unix://`.
        prefix: what the installation's names in Redis begin with.
        allow_evicting: accept an eviction policy that is wrong or that Redis does not report.
    """

    def __init__(self, redis_url: str, *, prefix: str = PREFIX, allow_evicting: bool = False) -> None:
        self._redis: Redis = Redis.from_url(
            redis_url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=2.0, socket_keepalive=True
        )
        self._prefix = prefix
        self._allow_evicting = allow_evicting

    async def enqueue(self, message: ChunkMessage, *, model: str, interactive: bool) -> None:
        """Puts a message into the model's queue and publishes a wake-up, in one transaction.

        Twice the same message is once; a message replaces the one that dispatched its chunk before, so the queue never
        holds more than one per chunk.

        Raises:
            SayItError: UNAVAILABLE when Redis does not answer, OVERLOADED when it is full; nothing was enqueued as far
                as we know.
        """
        now_ms = int(time.time() * 1000)
        job_id = message.arq_job_id
        call = serialize_job(RUN_CHUNK, (message.chunk_id, message.dispatch), {}, None, now_ms, serializer=dumps)
        score = score_of(now_ms, interactive=interactive)
        former = replace(message, dispatch=message.dispatch - 1).arq_job_id
        queue = queue_name(model, self._prefix)
        with _as_unavailable():
            async with self._redis.pipeline(transaction=True) as pipe:
                if message.dispatch > 1:
                    pipe.zrem(queue, former)
                    pipe.delete(job_key_prefix + former, in_progress_key_prefix + former, retry_key_prefix + former)
                pipe.set(job_key_prefix + job_id, call, px=_MESSAGE_TTL_MS, nx=True)
                pipe.zadd(queue, {job_id: score}, nx=True)
                pipe.publish(wake_up_channel(model, self._prefix), job_id)
                await pipe.execute()

    async def lost(self, messages: Sequence[tuple[ChunkMessage, str]]) -> list[ChunkMessage]:
        """Those of these messages (and their models) that are not in the queue.

        Raises:
            SayItError: UNAVAILABLE when Redis does not answer.
        """
        if not messages:
            return []
        with _as_unavailable():
            async with self._redis.pipeline(transaction=False) as pipe:
                for message, model in messages:
                    pipe.zscore(queue_name(model, self._prefix), message.arq_job_id)
                scores = await pipe.execute()
        return [message for (message, _), score in zip(messages, scores, strict=True) if score is None]

    async def check(self) -> QueueHealth:
        """How Redis is; never raises. INFO is asked, not CONFIG, which managed Redis services refuse."""
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.info("memory")
                pipe.info("persistence")
                memory, persistence = await pipe.execute(raise_on_error=False)
        except (AuthenticationError, ResponseError) as error:
            return QueueHealth(reachable=False, detail=f"Redis refuses us: {error}")
        except (RedisError, OSError):
            return QueueHealth(reachable=False, detail=_SILENT)
        policy = memory.get("maxmemory_policy") if isinstance(memory, dict) else None
        aof = persistence.get("aof_enabled") if isinstance(persistence, dict) else None
        health = QueueHealth(
            reachable=True,
            eviction_policy=policy,
            append_only=None if aof is None else bool(aof),
        )
        return replace(health, detail=self._complaint(health))

    async def verify(self) -> QueueHealth:
        """Refuses a Redis that refuses us, or that may evict queued work; one that does not answer yet is not refused.

        Raises:
            StartError: the line names what it says, or the policy and the remedy.
        """
        try:
            await self._try_out()
        except (AuthenticationError, ResponseError) as error:
            # What else it may answer passes: it is full, loads, cannot save, or is about to become the primary.
            if isinstance(error, AuthenticationError | NoPermissionError) or "DB index" in str(error):
                raise StartError(f"Redis refuses what a scheduler does: {error}") from None
        except (RedisError, OSError):
            return QueueHealth(reachable=False, detail=_SILENT)
        health = await self.check()
        if health.may_evict and not self._allow_evicting:
            raise StartError(health.detail)
        return health

    async def _try_out(self) -> None:
        """Does what schedulers do, with names that nothing else uses."""
        key, queue, channel = job_key_prefix + "check", queue_name("", self._prefix), wake_up_channel("", self._prefix)
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.set(key, b"", px=_MESSAGE_TTL_MS, nx=True)
            pipe.zadd(queue, {"check": 0}, nx=True)
            pipe.zscore(queue, "check")
            pipe.zrem(queue, "check")
            pipe.delete(key)
            pipe.publish(channel, b"")
            await pipe.execute()
        async with self._redis.pubsub() as listening:
            await listening.subscribe(events_channel("", self._prefix))
            await listening.get_message(timeout=_TIMEOUT_S)

    async def close(self) -> None:
        """Closes the connections."""
        await self._redis.aclose()

    def _complaint(self, health: QueueHealth) -> str:
        if health.may_evict and not self._allow_evicting:
            known = health.eviction_policy or "unknown to us"
            return (
                f"Redis may drop queued work: its maxmemory-policy is {known}. Set it to {_NOEVICTION}, or set "
                "SAYIT_ALLOW_EVICTING_REDIS=true to start anyway"
            )
        if health.append_only is False:
            return "Redis keeps no append-only file: after its restart queued work waits until it is dispatched again"
        return ""


@contextmanager
def _as_unavailable() -> Iterator[None]:
    """Redis's errors in our terms."""
    try:
        yield
    except (RedisError, OSError) as error:
        kind = ErrorKind.OVERLOADED if isinstance(error, OutOfMemoryError) else ErrorKind.UNAVAILABLE
        raise SayItError(kind, retry_after_s=1.0, cause=f"Redis: {error}") from error
