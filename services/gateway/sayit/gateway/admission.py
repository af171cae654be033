"""How many uploads one gateway receives at once; each holds a connection to the scheduler and a message in memory."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter

from sayit.speech.errors import ErrorKind, SayItError

_REFUSED = Counter("sayit_uploads_refused", "Uploads that were refused because too many were being received.")
#: Weight of the newest upload in the mean of how long one takes.
_NEWEST = 0.2
#: Bounds of the retry time.
_SHORTEST_S, _LONGEST_S = 1.0, 60.0


class UploadSlots:
    """Counts uploads.

    Args:
        limit: how many there may be; may be changed at any time.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._taken = 0
        self._mean_s = 0.0

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Takes a slot while the block runs.

        Raises:
            SayItError: OVERLOADED, to be tried again when a slot should be free, from how long uploads took lately.
        """
        if self._taken >= self.limit:
            _REFUSED.inc()
            retry_after_s = min(_LONGEST_S, max(_SHORTEST_S, self._mean_s / self.limit))
            raise SayItError(ErrorKind.OVERLOADED, retry_after_s=retry_after_s, cause="full: uploads")
        self._taken += 1
        began = time.monotonic()
        try:
            yield
        finally:
            self._taken -= 1
            self.note(time.monotonic() - began)

    def note(self, seconds: float) -> None:
        """Counts an upload that took this long."""
        self._mean_s += _NEWEST * (seconds - self._mean_s)
