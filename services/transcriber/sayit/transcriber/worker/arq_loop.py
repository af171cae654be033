"""arq's worker with wake-ups: a chunk starts milliseconds after it was enqueued, and Redis may restart.

What differs from arq's own worker, and why:

- It polls at a wake-up (pub/sub; also after every new subscription, since wake-ups may have been missed),
  when a slot becomes free, and once a second besides. Polls never overlap, and it only polls while it has a free
  slot. arq polls twice a second.
- It takes its first chunk at once, and each further one a little later, the more it holds: a worker that holds less
  is earlier, so a transcriber holds more than it decodes only when the others are busy, too.
  - Two slots beyond the others are for urgent messages only, so that bulk work which waits here does not delay them.
  - A message is claimed as soon as it is locked, for its id says all; arq reads it meanwhile. The wake-up names it, so
  that an idle worker locks it without reading the queue.
- A slot is taken until the chunk is done, although the arq job ends with the answer to the claim.
- Redis errors never end it: it polls again, and tries to remove a finished message until that works. arq's worker
  exits, or leaves the message in the queue and locked.
- Free slots are computed from what is running. arq keeps a counter that leaks when Redis fails in between.
- The lock on a message lasts for a claim, not for a chunk, so a killed worker's message is soon free.
- Scores order the queue and never delay: a clock that lags behind the scheduler's costs nothing.
- No results are kept, nothing is pickled; what is not a scheduler's message is removed: only the id of one is believed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager, suppress
from functools import partial
from math import isfinite
from typing import Any, cast

from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix, job_key_prefix, retry_key_prefix
from arq.worker import RetryJob, Worker, func
from redis.asyncio import ConnectionPool
from redis.exceptions import OutOfMemoryError, RedisError, ResponseError

from sayit.chassis.background_tasks import end
from sayit.chassis.telemetry import logger
from sayit.speech.chunk_queue import (
    PREFIX,
    RUN_CHUNK,
    ChunkMessage,
    dumps,
    is_interactive,
    loads,
    queue_name,
    wake_up_channel,
)
from sayit.transcriber.worker.slots import CLAIM_TIMEOUT_S, ClaimResult, Runner

#: A Redis that answers nothing for so long counts as gone; after as much silence the shared connection gets a PING.
_QUIET_S = 5.0
_BACKOFF_S = (0.05, 1.0)
#: Ids read per poll; more than all workers have slots, as messages that others are claiming are at the head.
_READ_LIMIT = 1000
#: How long other workers leave a message alone that one has begun to claim, in seconds.
_LOCK_S = CLAIM_TIMEOUT_S * 2
#: Before it takes one more it waits for so long per chunk that it holds, in seconds, and no longer than for so many. An
#: idle transcriber locks a message within a few milliseconds of the wake-up.
_YIELD_S, _MOST_YIELDS = 0.01, 5
#: Slots for interactive messages only.
_URGENT_SLOTS = 2
#: Tries are counted by arq, but the scheduler decides how often a chunk is attempted.
_MAX_TRIES = 1_000_000

#: What may lie in Redis for a message beside its place in the queue.
_KEYS_OF_MESSAGE = (in_progress_key_prefix, job_key_prefix, retry_key_prefix)

_Gone = (RedisError, OSError)


class WakeableWorker(Worker):
    """Takes messages for one model while the runner has free slots.

    Args:
        redis_url: `redis://`, `rediss://` or `unix://`.
        prefix: what the installation's names in Redis begin with.
        model: whose queue.
        runner: what claims and holds chunks.
        slots: chunks that may be held at once, not counting urgent ones.
        idle_s: it polls this often even without a wake-up.
        yield_s: how long it leaves a message to others, per chunk that it holds.
    """

    def __init__(
        self,
        redis_url: str,
        *,
        prefix: str = PREFIX,
        model: str,
        runner: Runner,
        slots: int,
        idle_s: float = 1.0,
        yield_s: float = _YIELD_S,
    ) -> None:
        pool = ConnectionPool.from_url(
            redis_url, socket_timeout=_QUIET_S, socket_connect_timeout=2.0, socket_keepalive=True
        )
        redis = ArqRedis(pool_or_conn=pool, job_serializer=dumps, job_deserializer=loads)
        super().__init__(
            functions=[func(cast("Any", self._run_chunk), name=RUN_CHUNK, timeout=_LOCK_S, max_tries=_MAX_TRIES)],
            queue_name=queue_name(model, prefix),
            redis_pool=redis,
            handle_signals=False,
            max_jobs=slots + _URGENT_SLOTS,
            keep_result=0,
            queue_read_limit=_READ_LIMIT,
            job_serializer=dumps,
            job_deserializer=loads,
            log_results=False,
        )
        self.in_progress_timeout_s = _LOCK_S
        self._wake_up_channel = wake_up_channel(model, prefix)
        self._idle_s = idle_s
        self._yield_s = yield_s
        self._runner = runner
        self._notified = asyncio.Event()
        #: The message of the last wake-up while nothing was held, if the queue was not read since.
        self._rung_for: bytes | None = None
        self._away_until_s = 0.0
        self._away_delay_s = _BACKOFF_S[0]
        self._closing = False
        self._slots = slots
        self._claims_ahead: dict[str, asyncio.Task[ClaimResult]] = {}
        self._freed = asyncio.Event()
        runner.on_free = self._free_again

    @property
    def _takes(self) -> bool:
        """Whether it takes messages now."""
        return self.allow_pick_jobs and not self._runner.reserved and not self._away_for_s()

    @property
    def free(self) -> int:
        """Slots that hold neither a message nor a chunk; below 0 where urgent ones take what is theirs."""
        return self._slots - self._taken

    @property
    def _taken(self) -> int:
        return len(self.tasks.keys() | set(self._held))

    @property
    def _held(self) -> Collection[str]:
        return self._runner.held

    def notify(self) -> None:
        """Polls the queue now."""
        self._notified.set()

    def _free_again(self) -> None:
        self._freed.set()
        self.notify()

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Takes work while the block runs, and closes the connections at its end; held chunks are the runner's."""
        async with asyncio.TaskGroup() as tasks:
            loops = [tasks.create_task(self.main(), name="poll"), tasks.create_task(self._listen(), name="wake-ups")]
            try:
                yield
            finally:
                await end(*loops)
        await self.close()

    def stop_taking(self) -> None:
        """Leaves what is in the queue to others from now on."""
        self.allow_pick_jobs = False

    async def close(self) -> None:
        """Ends what is left of arq's jobs, and the connections."""
        self._closing = True
        self.stop_taking()
        if self.tasks:
            await asyncio.wait(self.tasks.values(), timeout=1.0)
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)
        await self.pool.aclose(close_connection_pool=True)

    async def main(self) -> None:
        """Polls for ever."""
        delay_s = _BACKOFF_S[0]
        while True:
            await self._let_others_go_first()
            self._notified.clear()
            try:
                await self._poll_iteration()
            except _Gone as error:
                if delay_s == _BACKOFF_S[0]:
                    logger().warning("queue_unreachable", error=str(error))
                await asyncio.sleep(delay_s)
                delay_s = min(delay_s * 2, _BACKOFF_S[1])
                continue
            if delay_s != _BACKOFF_S[0]:
                logger().info("queue_reachable_again")
                delay_s = _BACKOFF_S[0]
            with suppress(TimeoutError):
                async with asyncio.timeout(self._away_for_s() or self._idle_s):
                    await self._notified.wait()

    async def _let_others_go_first(self) -> None:
        """Waits, the longer the more chunks are held; a chunk that ends meanwhile shortens it."""
        began_s = self.loop.time()
        while (left_s := began_s + self._yield_s * min(self._taken, _MOST_YIELDS) - self.loop.time()) > 0:
            self._freed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._freed.wait()

    async def _poll_iteration(self) -> None:
        """Starts the first message in the queue that it may have, if there is one and a slot."""
        rung_for, self._rung_for = self._rung_for, None
        if self.free > -_URGENT_SLOTS and self._takes:
            # A worker that was idle at the wake-up has seen the queue empty, so this is its first message.
            if rung_for is not None and not self._taken and await self._start(rung_for):
                return
            last = self.queue_read_limit - 1
            queued = await self.pool.zrange(self.queue_name, 0, last, withscores=True)
            await self.start_jobs([raw for raw, score in queued if self.free > 0 or is_interactive(score)])

    async def start_jobs(self, job_ids: list[bytes]) -> None:
        """Locks and starts the first message that no other worker has; then polls again."""
        for raw in job_ids:
            if not self._takes or await self._start(raw):
                return

    async def _start(self, raw: bytes) -> bool:
        """Locks and starts a message, unless a worker has it already or it is not in the queue."""
        message = ChunkMessage.parse(raw)
        if message is None:
            await self._drop(raw)
            return False
        job_id = message.arq_job_id
        if job_id in self.tasks or job_id in self._held:
            return False
        score = await self._lock(job_id)
        if score is None:
            return False
        if not isfinite(score):
            await self._drop(raw)
            return False
        self._claims_ahead[job_id] = asyncio.create_task(self._runner.take(message))
        task = asyncio.create_task(self._run(raw, job_id, int(score)), name=f"message {job_id}")
        self.tasks[job_id] = task
        task.add_done_callback(partial(self._ended, job_id))
        self.notify()
        return True

    async def _run(self, raw: bytes, job_id: str, score: int) -> None:
        try:
            await self.run_job(job_id, score)
        except OutOfMemoryError:
            raise
        except ResponseError:
            await self._drop(raw)  # what lies under the message's name is of another type than arq's

    async def _drop(self, raw: bytes) -> None:
        """Removes what no scheduler has put into the queue: left there, it would be read again for ever."""
        await self.pool.zrem(self.queue_name, raw)
        await self.pool.delete(*(prefix.encode() + raw for prefix in _KEYS_OF_MESSAGE))
        logger().warning("queue_message_dropped", message=ascii(raw[:100]))

    async def _lock(self, job_id: str) -> float | None:
        """The message's score if no other worker is claiming it and it is still there."""
        key = in_progress_key_prefix + job_id
        async with self.pool.pipeline(transaction=True) as pipe:
            pipe.set(key, b"1", px=int(_LOCK_S * 1000), nx=True)
            pipe.zscore(self.queue_name, job_id)
            locked, score = await pipe.execute()
        if locked and score is None:
            await self.pool.delete(key)
        return float(score) if locked and score is not None else None

    def _ended(self, job_id: str, task: asyncio.Task[None]) -> None:
        del self.tasks[job_id]
        self._claims_ahead.pop(job_id, None)  # if arq never asked for it, the chunk goes on all the same
        if not task.cancelled() and (error := task.exception()) is not None:
            # Its lock expires, and a worker takes it again.
            logger().warning("message_failed", message_id=job_id, error=f"{type(error).__name__}: {error}")
        self._free_again()

    async def _run_chunk(self, ctx: dict[str, Any], *_: object) -> None:
        """The arq function; ends with the answer to the claim, which began when the message was locked."""
        match await self._claims_ahead.pop(ctx["job_id"]):
            case ClaimResult.UNANSWERED:
                # The message stays in the queue; the next poll comes a little later, so that this is no busy loop.
                self._away_until_s = self.loop.time() + self._away_delay_s
                self._away_delay_s = min(self._away_delay_s * 2, _BACKOFF_S[1])
                raise RetryJob
            case _:
                self._away_delay_s = _BACKOFF_S[0]

    def _away_for_s(self) -> float:
        """Seconds for which the scheduler is left alone."""
        return max(0.0, self._away_until_s - float(self.loop.time()))

    async def finish_job(self, *args: Any, **kwargs: Any) -> None:
        """As arq's, until it works: a message left behind would be locked and in the queue."""
        await self._until_it_works(partial(super().finish_job, *args, **kwargs))

    async def finish_failed_job(self, *args: Any, **kwargs: Any) -> None:
        """As arq's, until it works."""
        await self._until_it_works(partial(super().finish_failed_job, *args, **kwargs))

    async def _until_it_works(self, finish: Callable[[], Awaitable[None]]) -> None:
        delay_s = _BACKOFF_S[0]
        while not self._closing:
            with suppress(*_Gone):
                await finish()
                return
            await asyncio.sleep(delay_s)
            delay_s = min(delay_s * 2, _BACKOFF_S[1])

    async def _listen(self) -> None:
        """Receives wake-ups; connects again whenever the connection breaks."""
        delay_s = _BACKOFF_S[0]
        while True:
            pubsub = self.pool.pubsub()
            try:
                await pubsub.subscribe(self._wake_up_channel)
                asked = False
                while True:
                    message = await pubsub.get_message(timeout=_QUIET_S)
                    if message is None:
                        if asked:
                            raise ConnectionError("no answer to PING")
                        await pubsub.ping()
                    elif message["type"] in {"message", "subscribe"}:
                        delay_s = _BACKOFF_S[0]
                        if message["type"] == "message" and not self._taken:
                            self._rung_for = message["data"] or None
                        self.notify()
                    asked = message is None
            except _Gone as error:
                if delay_s == _BACKOFF_S[0]:
                    logger().info("wake_up_channel_lost", error=str(error))
            finally:
                with suppress(*_Gone):
                    await pubsub.aclose()  # type: ignore[no-untyped-call]  # redis-py left it out
            await asyncio.sleep(delay_s)
            delay_s = min(delay_s * 2, _BACKOFF_S[1])
