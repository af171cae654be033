"""How many uploads and watchers one gateway serves at once; each holds a call to the scheduler and a message.

A tenant gets at most `_SHARE` times what is left free: alone it has four fifths of all, and however much it asks for,
another one that comes finds some, of which it gets its part, too (dynamic thresholds, Choudhury and Hahne, 1998).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import prometheus_client

from sayit.chassis import principal
from sayit.speech.errors import ErrorKind, SayItError

_REFUSED = prometheus_client.Counter(
    "sayit_gateway_refused", "Calls that were refused because a gateway served too many.", ["full"]
)
#: A tenant's calls to free slots, at most.
_SHARE = 4
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
        for full in (kind, f"{kind} of a tenant"):
            _REFUSED.labels(full)  # begins at 0
        self._taken: Counter[str] = Counter()
        self._mean_s = 0.0

    @property
    def used(self) -> int:
        """How many there are now."""
        return self._taken.total()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Takes a slot for the caller's tenant while the block runs.

        Raises:
            SayItError: OVERLOADED, to be tried again when a slot should be free, from how long calls took lately.
        """
        who = principal.current_or_none() or principal.LOCAL
        free = self.limit - self._taken.total()
        share = free if who == principal.LOCAL else min(free, _SHARE * free - self._taken[who.tenant])
        if share <= 0:
            full = self._kind if free <= 0 else f"{self._kind} of a tenant"
            _REFUSED.labels(full).inc()
            retry_after_s = min(_LONGEST_S, max(_SHORTEST_S, self._mean_s / self.limit))
            raise SayItError(ErrorKind.OVERLOADED, retry_after_s=retry_after_s, cause=f"full: {full}")
        self._taken[who.tenant] += 1
        began = time.monotonic()
        try:
            yield
        finally:
            self._taken[who.tenant] -= 1
            self._taken += Counter()  # forgets tenants without calls
            self.note(time.monotonic() - began)

    def note(self, seconds: float) -> None:
        """Counts a call that took this long."""
        self._mean_s += _NEWEST * (seconds - self._mean_s)
