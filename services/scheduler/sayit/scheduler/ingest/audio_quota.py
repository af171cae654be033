"""How much audio a tenant may have transcribed in a time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sayit.scheduler.jobs.limits import Limits

if TYPE_CHECKING:
    from sayit.chassis.quotas import Quotas


@dataclass(kw_only=True, eq=False)
class AudioQuota:
    """Counts seconds of audio in Redis, for all schedulers together.

    How long a file is, is known once it is decoded. So a job is accepted while anything is left, and counts then; what
    the cache answered counts nothing.
    """

    limits: Limits
    redis_url: str
    #: What the installation's names in Redis begin with.
    prefix: str
    _quotas: Quotas | None = field(default=None, init=False)

    async def check(self, tenant: str) -> None:
        """Refuses a tenant that has used up its audio, with RATE_LIMITED and the time at which it has some again."""
        await self._count(tenant, 0)

    async def spend(self, tenant: str, seconds: float) -> None:
        """Counts a recording of this length."""
        await self._count(tenant, math.ceil(seconds))

    async def aclose(self) -> None:
        """Closes the connections."""
        if self._quotas is not None:
            await self._quotas.aclose()

    async def _count(self, tenant: str, seconds: int) -> None:
        if not self.limits.tenant_audio:
            return
        # Imported here: the library takes a quarter of a second, and most installations have no limits.
        from sayit.chassis.quotas import Quotas, limits_of  # noqa: PLC0415

        self._quotas = self._quotas or Quotas(self.redis_url, self.prefix)
        limits, subject = limits_of(self.limits.tenant_audio, unit=60), f"tenant:{tenant}"
        if seconds:
            await self._quotas.spend(limits, f"{subject}:audio", seconds)
        else:
            await self._quotas.use(limits, f"{subject}:audio", 0)
