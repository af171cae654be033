"""Runs a command's coroutine so that Ctrl-C, SIGTERM and a closed terminal end it in good order."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextvars import ContextVar
from typing import Any, TypeVar

from sayit.cli.exit_codes import Interrupted
from sayit.client import AsyncClient
from sayit.speech.errors import SayItError

T = TypeVar("T")

_CANCEL_WITHIN_S = 5.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: Cancels what `run` runs.
_cancel: ContextVar[Callable[[int], None]] = ContextVar("cancel")


def run(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Runs the coroutine; a signal cancels it, every further signal cancels again (which ends it without waiting).

    Raises:
        Interrupted: it was cancelled by a signal.
    """
    return asyncio.run(_watched(main))


@contextlib.contextmanager
def first(stop: Callable[[], object]) -> Iterator[None]:
    """In the block, inside of `run`, the first Ctrl-C calls `stop`; the next ones cancel, as everywhere."""
    loop, cancel = asyncio.get_running_loop(), _cancel.get()

    def as_everywhere() -> None:
        loop.add_signal_handler(signal.SIGINT, cancel, signal.SIGINT)

    def on_interrupt() -> None:
        as_everywhere()
        stop()

    loop.add_signal_handler(signal.SIGINT, on_interrupt)
    try:
        yield
    finally:
        as_everywhere()


@contextlib.asynccontextmanager
async def cancelling(client: AsyncClient, job_id: str) -> AsyncIterator[None]:
    """Cancels the job if the block is cancelled, because its result is no longer needed."""
    try:
        yield
    except asyncio.CancelledError:
        with contextlib.suppress(SayItError, TimeoutError):
            async with asyncio.timeout(_CANCEL_WITHIN_S):
                await client.cancel(job_id)
        raise


async def _watched(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    caught: list[int] = []

    def on_signal(number: int) -> None:
        caught.append(number)
        task.cancel()

    _cancel.set(on_signal)
    task = asyncio.create_task(main())
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, on_signal, number)
    try:
        return await task
    except asyncio.CancelledError:
        if caught:
            raise Interrupted(caught[0]) from None
        raise
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
