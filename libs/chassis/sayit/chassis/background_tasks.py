"""Background tasks that are certain to end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sayit.chassis import telemetry

#: How long a cancelled task may take to end before it is cancelled again.
_AGAIN_S = 0.5
_T = TypeVar("_T")


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancels tasks and returns once they have ended; what they raised stays with them.

    One `cancel()` is not always enough: a library that catches the CancelledError on its way, as connection clean-up
    code does now and then, leaves a loop that never ends.
    """
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=_AGAIN_S)


@asynccontextmanager
async def in_background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Runs a loop while the block runs. A loop that ends by itself has a defect, and ends the block's task."""
    owner, task = asyncio.current_task(), asyncio.create_task(work)

    def ended(done: asyncio.Task[None]) -> None:
        if not done.cancelled() and owner is not None:
            telemetry.logger().error("loop_ended", exc_info=done.exception())
            owner.cancel()

    task.add_done_callback(ended)
    try:
        yield
    finally:
        task.remove_done_callback(ended)
        await end(task)


class BackgroundTasks:
    """Runs what must not be cancelled with its caller, such as giving a chunk back, and waits for it at the end."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def do(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Runs the work in a task of its own; a cancelled caller stops waiting, the work goes on."""
        return await asyncio.shield(self.start(work))

    def start(self, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        """Begins the work in a task of its own."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    async def wait(self) -> None:
        """Returns once everything is done; for the end of the process, before the database is closed."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved, so that asyncio does not complain when the caller could not
