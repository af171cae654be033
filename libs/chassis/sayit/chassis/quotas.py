"""How much a caller may use in a time: counted in Redis for all processes together, or in this one's memory."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from limits import RateLimitItem, WindowStats, parse_many
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import StorageError
from redis.asyncio import ConnectionPool

from sayit.chassis import telemetry
from sayit.speech.chunk_queue import PREFIX
from sayit.speech.errors import ErrorKind, SayItError

#: How long Redis is left alone after it did not answer.
_PAUSE_S = 10.0
_Answer = TypeVar("_Answer")


def limits_of(text: str, *, unit: int = 1) -> tuple[RateLimitItem, ...]:
    """The limits that a setting says: "600/minute", "20/second; 10000/hour"; none for an empty text.

    Args:
        text: the setting.
        unit: what it says is multiplied by that.

    Raises:
        ValueError: it says something else.
    """
    try:
        limits = parse_many(text) if text.strip() else []
    except ValueError:
        raise ValueError("write such as 600/minute, or 20/second; 10000/hour") from None
    return tuple(type(limit)(limit.amount * unit, limit.multiples) for limit in limits)


class Quotas:
    """Counts by the sliding window of two counters, so that a caller takes the same memory however much it sends.

    Args:
        redis_url: where it is counted; empty: in memory. While Redis does not answer, it is counted in memory, too.
        prefix: what the installation's names in Redis begin with.
    """

    def __init__(self, redis_url: str = "", prefix: str = PREFIX) -> None:
        self._memory = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._redis: SlidingWindowCounterRateLimiter | None = None
        self._pool: Any = None
        if redis_url:
            self._pool = ConnectionPool.from_url(redis_url, socket_timeout=1.0, socket_connect_timeout=1.0)
            storage = RedisStorage(
                f"async+{redis_url}",
                wrap_exceptions=True,
                implementation="redispy",
                key_prefix=f"{prefix}:limits",
                connection_pool=self._pool,
            )
            self._redis = SlidingWindowCounterRateLimiter(storage)
        self._away_until_s = 0.0

    async def aclose(self) -> None:
        """Closes the connections."""
        if self._pool is not None:
            await self._pool.disconnect()

    async def use(self, limits: Sequence[RateLimitItem], subject: str, cost: int = 1) -> None:
        """Takes `cost` out of what the subject has left.

        Args:
            limits: what it has in all.
            subject: who, such as "tenant:acme"; QuotaFailure names it.
            cost: 0 only looks whether anything is left.

        Raises:
            SayItError: RATE_LIMITED, with the time at which there is some again; nothing is taken then from this limit.
        """
        for limit in limits:
            if not await self._hit(limit, subject, cost):
                reset_s = (await self._stats(limit, subject)).reset_time
                refill_s = max(1.0, reset_s - time.time())
                text = str(limit).replace(" per 1 ", "/")
                raise SayItError(
                    ErrorKind.RATE_LIMITED,
                    retry_after_s=refill_s,
                    subject=subject,
                    limit=text,
                    quota=limit.amount,
                    window_s=limit.get_expiry(),
                )

    async def spend(self, limits: Sequence[RateLimitItem], subject: str, cost: int) -> None:
        """Takes `cost` out of what the subject has left, or all of it: for what is known only afterwards."""
        for limit in limits:
            if not await self._hit(limit, subject, cost):
                left = (await self._stats(limit, subject)).remaining
                await self._hit(limit, subject, max(1, left))

    async def _hit(self, limit: RateLimitItem, subject: str, cost: int) -> bool:
        return await self._ask(lambda limiter: _counted(limiter, limit, subject, cost))

    async def _stats(self, limit: RateLimitItem, subject: str) -> WindowStats:
        return await self._ask(lambda limiter: limiter.get_window_stats(limit, subject))

    async def _ask(self, question: Callable[[SlidingWindowCounterRateLimiter], Awaitable[_Answer]]) -> _Answer:
        try:
            return await question(self._limiter())
        except StorageError as error:
            self._away_until_s = time.monotonic() + _PAUSE_S
            telemetry.logger().warning("quotas_in_memory", cause=type(error.storage_error).__name__)
            return await question(self._memory)

    def _limiter(self) -> SlidingWindowCounterRateLimiter:
        return self._memory if self._redis is None or time.monotonic() < self._away_until_s else self._redis


async def _counted(limiter: SlidingWindowCounterRateLimiter, limit: RateLimitItem, subject: str, cost: int) -> bool:
    return await (limiter.hit(limit, subject, cost=cost) if cost else limiter.test(limit, subject))
