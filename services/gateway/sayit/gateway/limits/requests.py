"""How many requests a key and a tenant may send in a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sayit.chassis.principal import Principal
from sayit.gateway.settings import GatewaySettings

if TYPE_CHECKING:
    from limits import RateLimitItem

    from sayit.chassis.quotas import Quotas


class RequestLimits:
    """Counts requests, in Redis where a URL of it is set: then all gateways count together."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._redis = settings.redis_url.get_secret_value(), settings.redis_prefix
        self._quotas: Quotas | None = None
        self._limits: dict[str, tuple[RateLimitItem, ...]] = {}
        self.adopt(settings)

    def adopt(self, now: GatewaySettings) -> None:
        """Takes the limits that hold now."""
        texts = {"key": now.key_requests, "tenant": now.tenant_requests}
        if self._quotas is None and not any(texts.values()):
            return
        # Imported here: the library takes a quarter of a second, and most installations have no limits.
        from sayit.chassis.quotas import Quotas, limits_of  # noqa: PLC0415

        self._quotas = self._quotas or Quotas(*self._redis)
        self._limits = {kind: limits_of(text) for kind, text in texts.items()}

    async def aclose(self) -> None:
        """Closes the connections."""
        if self._quotas is not None:
            await self._quotas.aclose()

    async def use(self, who: Principal) -> None:
        """Counts a request.

        Raises:
            SayItError: RATE_LIMITED, with a retry time and whose limit it is.
        """
        if self._quotas is not None:
            await self._quotas.use(self._limits["key"], f"key:{who.key_id}")
            await self._quotas.use(self._limits["tenant"], f"tenant:{who.tenant}")
