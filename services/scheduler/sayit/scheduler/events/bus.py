"""The event bus: what happens to a job reaches its watchers, in this process at once, in other schedulers over Redis.

Watchers of the publishing process are served directly, so a suite with one scheduler streams even while Redis is away.
Other schedulers listen on one shared connection per process, to the channels of the jobs that have watchers there.
Nothing here is durable: after every gap a watcher gets a wake and reads the event log. What comes from Redis is
checked, because others may write there: of stored events it says no more than that there are new ones.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from contextvars import Context

from google.protobuf.message import DecodeError
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from sayit.chassis.background_tasks import end
from sayit.chassis.telemetry import logger
from sayit.scheduler.events.subscription import WAKE, Subscription
from sayit.speech.chunk_queue import PREFIX, events_channel
from sayit.v1 import resources_pb2 as pb

#: Payloads that one watcher may have unread.
_SUBSCRIPTION_LIMIT = 256
#: Payloads that may wait for Redis; when it is away for long the oldest are dropped.
_OUTBOUND_LIMIT = 4096
#: Payloads sent in one round trip.
_BATCH = 256
_BACKOFF_S = (0.05, 2.0)
#: Silence after which the shared connection is asked whether it lives, and must answer within as long again.
_QUIET_S = 5.0
#: What a message begins with: who sent it.
_ORIGIN_BYTES = 16
#: The longest payload; the text of 30 s is far below it.
_MAX_BYTES = 1 << 20
#: Events that are not stored, so that watchers get them as they come.
_EPHEMERAL = {"progress", "partial_text"}


class RedisBus:
    """Publishes to and subscribes to job events. Connects when it is first used inside a running loop.

    Args:
        redis_url: `redis://`, `rediss://` or `unix://`.
        prefix: what the installation's names in Redis begin with.
    """

    def __init__(self, redis_url: str, *, prefix: str = PREFIX) -> None:
        self._redis: Redis = Redis.from_url(
            redis_url, socket_timeout=_QUIET_S, socket_connect_timeout=2.0, socket_keepalive=True
        )
        self._prefix = prefix
        # Every process listens here, so that its connection is subscribed to something from the start.
        self._idle_channel = events_channel("", prefix)
        # Marks our own messages, which we have delivered directly when they come back.
        self._origin = uuid.uuid4().bytes
        self._watchers: defaultdict[str, set[Subscription]] = defaultdict(set)
        self._outbound: deque[tuple[str, bytes]] = deque(maxlen=_OUTBOUND_LIMIT)
        self._outbound_filled = asyncio.Event()
        self._pubsub: PubSub | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def publish(self, job_id: str, payload: bytes = WAKE) -> None:
        """Hands a serialized event to the job's watchers; WAKE means: read the event log. Never raises.

        Call it inside the running loop.
        """
        self._start()
        self._deliver(job_id, payload)
        self._outbound.append((job_id, payload))
        self._outbound_filled.set()

    def publish_stored(self, job_id: str, event: bytes) -> None:
        """Hands an event of the log to the job's watchers; those of other schedulers are told to read the log."""
        self._start()
        self._deliver(job_id, event)
        self._outbound.append((job_id, WAKE))
        self._outbound_filled.set()

    @asynccontextmanager
    async def subscribe(self, job_id: str) -> AsyncIterator[Subscription]:
        """What is published for a job from now on, as long as the context lasts.

        A wake arrives whenever something may have been missed: when the channel is subscribed to at Redis, also again
        after Redis was away.
        """
        self._start()
        subscription = Subscription(limit=_SUBSCRIPTION_LIMIT)
        first = job_id not in self._watchers
        self._watchers[job_id].add(subscription)
        try:
            if first:
                await self._change("subscribe", job_id)
            yield subscription
        finally:
            self._watchers[job_id].discard(subscription)
            if not self._watchers[job_id]:
                del self._watchers[job_id]
                await self._change("unsubscribe", job_id)

    async def close(self) -> None:
        """Stops and closes the connections; what waits for an absent Redis is dropped."""
        await end(*self._tasks)
        self._tasks.clear()
        await self._redis.aclose()

    def _start(self) -> None:
        if not self._tasks:
            # In a context of their own: they must not carry the span and principal of the call that came first.
            self._tasks = [
                asyncio.create_task(self._listen(), name="bus: listen", context=Context()),
                asyncio.create_task(self._send(), name="bus: send", context=Context()),
            ]

    def _deliver(self, job_id: str, payload: bytes) -> None:
        for subscription in self._watchers.get(job_id, ()):
            subscription.put(payload)

    async def _change(self, command: str, job_id: str) -> None:
        """Subscribes or unsubscribes; without a connection the listener does it when it has one."""
        if self._pubsub is not None:
            # The listener meets the same error and connects anew, with the channels that are watched then.
            with suppress(RedisError, OSError):
                await getattr(self._pubsub, command)(events_channel(job_id, self._prefix))

    def _channels(self) -> list[str]:
        return [self._idle_channel, *(events_channel(job_id, self._prefix) for job_id in self._watchers)]

    async def _listen(self) -> None:
        delay = _BACKOFF_S[0]
        while True:
            pubsub = self._redis.pubsub()
            try:
                await pubsub.subscribe(*self._channels())
                self._pubsub = pubsub
                # Watchers that came while we subscribed; subscribing twice is harmless.
                await pubsub.subscribe(*self._channels())
                delay = _BACKOFF_S[0]
                await self._receive(pubsub)
            except (RedisError, OSError) as error:
                if delay == _BACKOFF_S[0]:
                    logger().warning("bus_disconnected", error=str(error))
            finally:
                self._pubsub = None
                with suppress(RedisError, OSError):
                    await pubsub.aclose()  # type: ignore[no-untyped-call]  # redis-py left it out
            await asyncio.sleep(delay)
            delay = min(delay * 2, _BACKOFF_S[1])

    async def _receive(self, pubsub: PubSub) -> None:
        """Delivers what arrives until the connection breaks or stays silent although it was asked."""
        asked = False
        while True:
            message = await pubsub.get_message(timeout=_QUIET_S)
            if message is None:
                if asked:
                    raise ConnectionError("no answer to PING")
                await pubsub.ping()
            asked = message is None
            if message is None or message["type"] not in {"message", "subscribe"}:
                continue
            job_id = message["channel"].decode().removeprefix(self._idle_channel)
            if message["type"] == "subscribe":
                self._deliver(job_id, WAKE)
            elif not message["data"].startswith(self._origin):
                try:
                    self._deliver(job_id, _payload(job_id, message["data"]))
                except (ValueError, DecodeError) as error:
                    logger().warning("bus_message_dropped", job_id=job_id, cause=str(error))

    async def _send(self) -> None:
        delay = _BACKOFF_S[0]
        while True:
            await self._outbound_filled.wait()
            self._outbound_filled.clear()
            while self._outbound:
                batch = [self._outbound.popleft() for _ in range(min(_BATCH, len(self._outbound)))]
                try:
                    async with self._redis.pipeline(transaction=False) as pipe:
                        for job_id, payload in batch:
                            pipe.publish(events_channel(job_id, self._prefix), self._origin + payload)
                        await pipe.execute()
                    delay = _BACKOFF_S[0]
                except (RedisError, OSError):
                    # Texts may be lost, wakes not: other schedulers' watchers must read the log once Redis is back.
                    wakes = dict.fromkeys(job_id for job_id, _ in (*batch, *self._outbound))
                    self._outbound.clear()
                    self._outbound.extend((job_id, WAKE) for job_id in wakes)
                    await asyncio.sleep(delay)
                    delay = min(delay * 2, _BACKOFF_S[1])


def _payload(job_id: str, message: bytes) -> bytes:
    """What a message on a job's channel says to its watchers.

    Raises:
        ValueError, DecodeError: no scheduler sends such a message.
    """
    payload = message[_ORIGIN_BYTES:]
    if len(message) < _ORIGIN_BYTES or len(payload) > _MAX_BYTES:
        raise ValueError(f"{len(message)} bytes")
    if payload == WAKE:
        return WAKE
    event = pb.JobEvent.FromString(payload)
    if event.job_id != job_id:
        raise ValueError("an event of another job")
    if event.seq or event.WhichOneof("event") not in _EPHEMERAL:
        raise ValueError("a stored event, which only the log has")
    return payload
