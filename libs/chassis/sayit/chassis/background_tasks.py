"""Ending background tasks for certain."""

from __future__ import annotations

import asyncio
from typing import Any

#: How long a cancelled task may take to end before it is cancelled again.
_AGAIN_S = 0.5


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancels tasks and returns once they have ended; what they raised stays with them.

    One `cancel()` is not always enough: a library that catches the CancelledError on its way, as connection clean-up
    code does now and then, leaves a loop that goes on for ever.
    """
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=_AGAIN_S)
