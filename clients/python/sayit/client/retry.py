"""How long to retry after failures: growing pauses with jitter, and a limit."""

from __future__ import annotations

import asyncio
import random

from sayit.speech.errors import ErrorKind, SayItError

#: The first pause after a failure, in seconds.
_FIRST_PAUSE_S = 0.1
#: The longest pause unless the server asks for a longer one, in seconds.
_LONGEST_PAUSE_S = 5.0


class RetryBudget:
    """Counts failures until there was no progress for `limit_s` seconds."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._pause_s = _FIRST_PAUSE_S
        self._since_s: float | None = None
        #: Failures so far; progress does not reset them.
        self.failures = 0

    def progress(self) -> None:
        """Notes progress: the next failure is a first one again."""
        self._pause_s = _FIRST_PAUSE_S
        self._since_s = None

    async def wait(self, error: SayItError) -> None:
        """Returns when it is time for the next attempt.

        Raises:
            SayItError: the given error, if another attempt makes no sense or would come too late.
        """
        if not passes(error):
            raise error
        self.failures += 1
        now = asyncio.get_running_loop().time()
        if self._since_s is None:
            self._since_s = now
        # Spread, so that the clients of a restarted gateway do not all come back at once.
        pause_s = max(self._pause_s * random.uniform(0.5, 1.0), error.retry_after_s or 0.0)  # noqa: S311  # no secret
        if now + pause_s > self._since_s + self._limit_s:
            raise error
        await asyncio.sleep(pause_s)
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)


def passes(error: SayItError) -> bool:
    """Whether the error is temporary: no answer came, or the service said when to try again."""
    if error.kind is ErrorKind.UNAVAILABLE:
        return True
    return error.kind in {ErrorKind.OVERLOADED, ErrorKind.RATE_LIMITED} and error.retry_after_s is not None
