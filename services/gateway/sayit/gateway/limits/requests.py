"""How many requests a key and a tenant may send in a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sayit.chassis.principal import Principal
from sayit.gateway.settings import GatewaySettings

if TYPE_CHECKING:
    from limits import RateLimitItem

    from sayit.chassis.quotas import Quotas

#: Limits of keys that are remembered.
_MOST_OWN = 1_000


class RequestLimits:
    """Counts requests, in Redis where a URL of it is set: then all gateways count together."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._redis = settings.redis_url.get_secret_value(), settings.redis_prefix
        self._quotas: Quotas | None = None
        self._limits: dict[str, tuple[RateLimitItem, ...]] = {}
        #: Limits of keys, by what they say.
        self._own: dict[str, tuple[RateLimitItem, ...]] = {}
        self.adopt(settings)

    def adopt(self, now: GatewaySettings) -> None:
        """Takes the limits that hold now."""
        texts = {"key": now.key_requests, "tenant": now.tenant_requests}
        if self._quotas is None and not any(texts.values()):
            return
        self._limits = {kind: self._parsed(text) for kind, text in texts.items()}

    async def aclose(self) -> None:
        """Closes the connections."""
        if self._quotas is not None:
            await self._quotas.aclose()

    async def use(self, who: Principal, own: str = "") -> None:
        """Counts a request.

        Args:
            who: the caller.
            own: the limit of its key, in place of the settings' one for keys; empty: none of its own.

        Raises:
            SayItError: RATE_LIMITED, with a retry time and whose limit it is.
        """
        of_key = self._of_key(own) if own else self._limits.get("key", ())
        if self._quotas is not None:
            await self._quotas.use(of_key, f"key:{who.key_id}")
            await self._quotas.use(self._limits.get("tenant", ()), f"tenant:{who.tenant}")

    def _of_key(self, own: str) -> tuple[RateLimitItem, ...]:
        if own not in self._own:
            if len(self._own) >= _MOST_OWN:
                self._own.clear()
            self._own[own] = self._parsed(own)
        return self._own[own]

    def _parsed(self, text: str) -> tuple[RateLimitItem, ...]:
        # Imported here: the library takes a quarter of a second, and most installations have no limits.
        from sayit.chassis.quotas import Quotas, limits_of  # noqa: PLC0415

        self._quotas = self._quotas or Quotas(*self._redis)
        return limits_of(text)
