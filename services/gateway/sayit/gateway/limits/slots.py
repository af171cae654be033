"""How many uploads and watchers one gateway serves at once; each holds a call to the scheduler and a message."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter

from sayit.speech.errors import ErrorKind, SayItError

_REFUSED = Counter("sayit_gateway_refused", "Calls that were refused because a gateway served too many.", ["full"])
#: Weight of the newest call in the mean of how long one takes.
_NEWEST = 0.2
#: Bounds of the retry time.
_SHORTEST_S, _LONGEST_S = 1.0, 60.0


class Slots:
    """Counts calls of a kind.

    Args:
        limit: how many there may be; may be changed at any time.
        kind: what they are, for the operator.
    """

    def __init__(self, limit: int, kind: str) -> None:
        self.limit = limit
        self._kind = kind
        self._taken = 0
        self._mean_s = 0.0

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Takes a slot while the block runs.

        Raises:
            SayItError: OVERLOADED, to be tried again when a slot should be free, from how long calls took lately.
        """
        if self._taken >= self.limit:
            _REFUSED.labels(self._kind).inc()
            retry_after_s = min(_LONGEST_S, max(_SHORTEST_S, self._mean_s / self.limit))
            raise SayItError(ErrorKind.OVERLOADED, retry_after_s=retry_after_s, cause=f"full: {self._kind}")
        self._taken += 1
        began = time.monotonic()
        try:
            yield
        finally:
            self._taken -= 1
            self.note(time.monotonic() - began)

    def note(self, seconds: float) -> None:
        """Counts a call that took this long."""
        self._mean_s += _NEWEST * (seconds - self._mean_s)
