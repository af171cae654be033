"""What one watcher of a job has not read yet, bounded."""

from __future__ import annotations

import asyncio
from collections import deque

#: The payload that means: read the event log.
WAKE = b""


class Subscription:
    """A job's payloads for one reader; a slow reader does not make them grow.

    When it is full the oldest payload is dropped; payloads are ephemeral by definition. A wake is never lost: one is
    left wherever there was one, behind everything that came before it, so that the log is read after the partial texts
    it supersedes.

    Args:
        limit: most payloads it holds.
    """

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        self._items: deque[bytes] = deque()
        self._filled = asyncio.Event()
        self._wakes = 0
        #: Payloads that went unread.
        self.dropped = 0

    def put(self, payload: bytes) -> None:
        """Adds a payload without waiting."""
        if payload == WAKE:
            if self._items and self._items[-1] == WAKE:
                return
            self._wakes += 1
        self._items.append(payload)
        if len(self._items) > self._limit:
            self._drop_oldest()
        self._filled.set()

    def _drop_oldest(self) -> None:
        """Makes room; where the only wake would be dropped, it moves to the end and the next payload is dropped."""
        if self._items[0] == WAKE and self._wakes == 1:
            self._items.rotate(-1)
        if self._items.popleft() == WAKE:
            self._wakes -= 1
        else:
            self.dropped += 1

    async def next(self, timeout_s: float) -> bytes:
        """The next payload; a wake where none comes in time. May be cancelled without losing one."""
        if not self._items:
            self._filled.clear()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._filled.wait()
            except TimeoutError:
                return WAKE
        payload = self._items.popleft()
        if payload == WAKE:
            self._wakes -= 1
        return payload
