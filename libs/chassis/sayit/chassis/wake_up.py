"""Wake-ups from one loop of a process to another."""

from __future__ import annotations

import asyncio


class WakeUp:
    """Wakes the loop that waits; several wake-ups before the next `wait` count as one."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def notify(self) -> None:
        """Wakes the listener, now or at its next `wait`."""
        self._event.set()

    async def wait(self, timeout_s: float) -> bool:
        """Waits for a wake-up, at most `timeout_s` seconds; whether one came."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True
