"""Which signed requests were taken: each is taken once, in Redis by all gateways together, or by this one alone."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.request_signatures import WINDOW_S, refused

#: How long a nonce is remembered: while its signature's time is within the window, and a little more.
_KEPT_S = 2 * WINDOW_S + 60
#: Most nonces of one process's memory, about 40 MB.
MOST = 200_000


class Nonces:
    """Nonces that were used.

    Args:
        redis_url: where they are remembered; while it does not answer, signed requests are refused. Empty: in memory,
            which a restart empties, so that signatures older than this process are not taken.
        prefix: what the installation's names in Redis begin with.
        clock: for tests.
    """

    def __init__(self, redis_url: str, prefix: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._redis: Any = None
        self._failures: tuple[type[Exception], ...] = (OSError,)
        if redis_url:
            # Imported here: it takes a fifth of a second, and most installations have no keys that sign.
            from redis.asyncio import Redis  # noqa: PLC0415
            from redis.exceptions import RedisError  # noqa: PLC0415

            self._failures = (RedisError, OSError)
            self._redis = Redis.from_url(redis_url, socket_timeout=1.0, socket_connect_timeout=1.0)
        self._prefix = prefix
        self._began_s = int(time.time())
        #: When each of them may be forgotten, in the order of their use.
        self._used: OrderedDict[bytes, float] = OrderedDict()

    async def aclose(self) -> None:
        """Closes the connections."""
        if self._redis is not None:
            await self._redis.aclose()

    async def use(self, key_id: str, nonce: str, created_s: int) -> None:
        """Notes that a key's signature is used.

        Raises:
            SayItError: INVALID_SIGNATURE for one that was used before, UNAVAILABLE while that cannot be found out.
        """
        digest = hashlib.sha256(f"{key_id} {nonce}".encode()).digest()
        if not await (self._is_new_here(digest, created_s) if self._redis is None else self._is_new(digest)):
            raise refused("it was used before")

    async def _is_new(self, digest: bytes) -> bool:
        try:
            return bool(await self._redis.set(f"{self._prefix}:nonce:{digest.hex()}", b"", nx=True, ex=_KEPT_S))
        except self._failures as error:
            cause = f"nonces: {type(error).__name__}"
            raise SayItError(ErrorKind.UNAVAILABLE, retry_after_s=2.0, cause=cause) from None

    async def _is_new_here(self, digest: bytes, created_s: int) -> bool:
        if created_s < self._began_s:
            raise refused("it is older than this server's memory of signatures: sign the request again")
        now_s = self._clock()
        while self._used and next(iter(self._used.values())) < now_s:
            self._used.popitem(last=False)
        if digest in self._used:
            return False
        if len(self._used) >= MOST:
            raise SayItError(ErrorKind.OVERLOADED, retry_after_s=60.0, cause="full: nonces")
        self._used[digest] = now_s + _KEPT_S
        return True
