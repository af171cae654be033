"""Which job is next, kept up to date as work is taken and done; pure."""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Share:
    """A job that shares the transcribers with others."""

    tenant: str
    job_id: str
    #: Since when it waits, in seconds, and the index of its next chunk: of equals the lowest goes first.
    since: tuple[float, int] = (0.0, 0)


class Shares:
    """What tenants and jobs hold, by cost; of those that want more the one that holds least goes next.

    Tenants come before their jobs. Each turn costs as many steps as there are tenants, and the logarithm of the jobs.
    """

    def __init__(self) -> None:
        self._tenants: defaultdict[str, float] = defaultdict(float)
        self._jobs: defaultdict[str, float] = defaultdict(float)
        self._wanting: dict[str, Share] = {}
        #: By tenant, jobs that want more, by what they held when they were put there: old entries are passed over.
        self._heaps: defaultdict[str, list[tuple[float, tuple[float, int], str]]] = defaultdict(list)

    def want(self, share: Share) -> None:
        """The job wants more from now on."""
        self._wanting[share.job_id] = share
        self._put(share)

    def enough(self, share: Share) -> None:
        """The job wants no more."""
        self._wanting.pop(share.job_id, None)

    def hold(self, share: Share, cost: float) -> None:
        """The job holds so much more; less, if it is negative."""
        self._tenants[share.tenant] += cost
        self._jobs[share.job_id] += cost
        if share.job_id in self._wanting:
            self._put(share)

    def next(self) -> Share | None:
        """The job whose turn it is, if any wants more."""
        best: tuple[float, float, tuple[float, int], str] | None = None
        for tenant in list(self._heaps):
            heap = self._heaps[tenant]
            while heap and (heap[0][2] not in self._wanting or heap[0][0] != self._jobs[heap[0][2]]):
                heapq.heappop(heap)
            if not heap:
                del self._heaps[tenant]
            elif best is None or (self._tenants[tenant], *heap[0]) < best:
                best = (self._tenants[tenant], *heap[0])
        return None if best is None else self._wanting[best[3]]

    def _put(self, share: Share) -> None:
        heapq.heappush(self._heaps[share.tenant], (self._jobs[share.job_id], share.since, share.job_id))
