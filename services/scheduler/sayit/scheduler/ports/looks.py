"""What second looks ask of the database. One method is one transaction, as in `ports.database`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sayit.scheduler.job.looks import Look, NewLook
from sayit.scheduler.job.records import Dispatch


class LookStore(Protocol):
    """Looks, which are chunks that nobody counts. Claims, results and leases are `ChunkStore`'s."""

    async def add(
        self, job_id: str, owner: str, new: Sequence[NewLook], *, round_: int, limit: int = 0
    ) -> list[Dispatch] | None:
        """Makes looks due and gives the job's lease back: nobody merges it until all of them have an end.

        None when the lease is lost or the job has ended. With a limit, dispatches at once what there is room for.
        """
        ...

    async def had(self, job_id: str) -> list[Look]:
        """All looks at a job's audio, in order, whatever became of them."""
        ...

    async def give_up_waiting(self, *, before_s: float) -> int:
        """Gives up looks that have been due since before then and that nobody claimed; returns how many."""
        ...
