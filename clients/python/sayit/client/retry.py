"""How long to retry after failures: growing pauses with jitter, and a limit."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from sayit.speech.errors import ErrorKind, SayItError

_Value = TypeVar("_Value")

#: The first pause after a failure, in seconds.
_FIRST_PAUSE_S = 0.1
#: The longest pause unless the server asks for a longer one, in seconds.
_LONGEST_PAUSE_S = 5.0


class Explain(Protocol):
    """Says more about an error, and whether another attempt is of no use."""

    async def __call__(self, error: SayItError, *, first: bool) -> tuple[SayItError, bool]:
        """`first`: it is the first failure, and not raised yet unless that is so."""


async def _unexplained(error: SayItError, *, first: bool) -> tuple[SayItError, bool]:  # noqa: ARG001 - as above
    return error, False


class RetryBudget:
    """Counts failures until there was no progress for `limit_s()` seconds.

    Args:
        limit_s: asked at each failure.
        explain: called with the first error, and with one before it is raised.
    """

    def __init__(self, limit_s: Callable[[], float], explain: Explain = _unexplained) -> None:
        self._limit_s = limit_s
        self._explain = explain
        self._pause_s = _FIRST_PAUSE_S
        self._since_s: float | None = None
        #: Failures so far; progress does not reset them.
        self.failures = 0

    def progress(self) -> None:
        """Notes progress: the next failure is a first one again."""
        self._pause_s = _FIRST_PAUSE_S
        self._since_s = None

    async def call(
        self, attempt: Callable[[], Awaitable[_Value]], possible: Callable[[], bool] = lambda: True
    ) -> _Value:
        """Makes attempts until one succeeds, as `wait` permits, and as long as another one is possible."""
        while True:
            try:
                return await attempt()
            except SayItError as error:
                await self.wait(error, possible=possible())

    async def wait(self, error: SayItError, *, possible: bool = True) -> None:
        """Returns when it is time for the next attempt.

        Raises:
            SayItError: the given error, if another attempt makes no sense or would come too late.
        """
        if not passes(error):
            raise error
        self.failures += 1
        lasting = not possible
        if possible and self.failures == 1:
            error, lasting = await self._explain(error, first=True)
        now = asyncio.get_running_loop().time()
        if self._since_s is None:
            self._since_s = now
        # Spread, so that the clients of a restarted gateway do not all come back at once.
        pause_s = max(self._pause_s * random.uniform(0.5, 1.0), error.retry_after_s or 0.0)  # noqa: S311  # no secret
        if lasting or now + pause_s > self._since_s + self._limit_s():
            raise (await self._explain(error, first=False))[0]
        await asyncio.sleep(pause_s)
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)


def passes(error: SayItError) -> bool:
    """Whether the error is temporary: no answer came, or the service said when to try again."""
    if error.kind is ErrorKind.UNAVAILABLE:
        return True
    return error.kind in {ErrorKind.OVERLOADED, ErrorKind.RATE_LIMITED} and error.retry_after_s is not None
