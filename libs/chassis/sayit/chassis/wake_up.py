"""A bell between two loops of one process."""

from __future__ import annotations

import asyncio


class WakeUp:
    """Wakes whoever waits; rings are not counted, and one that nobody waited for is kept."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def notify(self) -> None:
        """Wakes the listener, now or at its next `wait`."""
        self._event.set()

    async def wait(self, timeout_s: float) -> bool:
        """Waits for a ring, at most `timeout_s` seconds; whether it rang."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True
