"""Who may call the gateway: API keys where there is a file of them, one local principal otherwise."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from sayit.chassis import principal, telemetry
from sayit.chassis.interceptors import is_open
from sayit.chassis.principal import LOCAL, Principal
from sayit.chassis.start import StartError, is_loopback
from sayit.gateway.auth.keys import KeyRing
from sayit.gateway.settings import GatewaySettings
from sayit.speech.errors import ErrorKind, SayItError

_BEARER = "bearer "


def check_exposure(settings: GatewaySettings) -> None:
    """Refuses to serve other machines without keys, unless a setting allows it.

    Raises:
        StartError: the address is reachable from other machines, there are no keys, and no setting allows that.
    """
    if settings.api_keys_file or settings.allow_unauthenticated or is_loopback(settings.listen):
        return
    raise StartError(
        f"{settings.listen} can be reached from other machines, and there are no API keys: "
        "set SAYIT_API_KEYS_FILE (`sayit keys create` makes it), or SAYIT_ALLOW_UNAUTHENTICATED=true to serve every "
        "client"
    )


class PrincipalInterceptor(grpc.aio.ServerInterceptor):
    """Sets the principal of every call; health and reflection need none."""

    def __init__(self, keys: KeyRing | None) -> None:
        self._keys = keys
        self._told = ""

    async def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]], details: grpc.HandlerCallDetails
    ) -> Any:
        """Binds the principal for the call's task, or refuses with UNAUTHENTICATED."""
        if not is_open(str(details.method)):
            principal.bind(self._principal(dict(details.invocation_metadata or ())))
        return await continuation(details)

    def _principal(self, metadata: dict[str, str | bytes]) -> Principal:
        if self._keys is None:
            return LOCAL
        found = self._keys.principal_of(_key(metadata))
        if self._keys.problem != self._told:
            self._told = self._keys.problem
            if self._told:
                telemetry.logger().error("keys_file_unreadable", problem=self._told, keys="as before")
        if found is None:
            raise SayItError(ErrorKind.UNAUTHENTICATED)
        return found


def _key(metadata: dict[str, str | bytes]) -> str:
    """The key from `authorization: Bearer …` or `x-api-key: …`; empty where there is none."""
    authorization = str(metadata.get("authorization", ""))
    if authorization.lower().startswith(_BEARER):
        return authorization[len(_BEARER) :].strip()
    return str(metadata.get("x-api-key", "")).strip()
