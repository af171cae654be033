"""Who may call the gateway: API keys where there is a file of them, one local principal otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any
from urllib.parse import unquote

import grpc

from sayit.chassis import principal, telemetry
from sayit.chassis.interceptors import is_open
from sayit.chassis.principal import LOCAL, Principal
from sayit.chassis.start import StartError, is_loopback
from sayit.gateway.auth.keys import ADMIN, READ, TRANSCRIBE, KeyRing
from sayit.gateway.settings import GatewaySettings
from sayit.speech.errors import ErrorKind, SayItError, Sentence

_BEARER = "bearer "
_NO_KEY = Sentence(
    en="An API key is required: send it as Authorization: Bearer KEY, or as X-Api-Key.",
    ko="API 키가 필요합니다. Authorization: Bearer 키 또는 X-Api-Key로 보냅니다.",
)
_FAR_AWAY = Sentence(
    en="Without API keys, administration is open to callers on the server's own machine only.",
    ko="API 키가 설정되지 않은 서버의 관리 기능은 그 서버에서만 사용할 수 있습니다.",
)
_UNKNOWN_KEY = Sentence(
    en="This API key is not known here, is over, or was revoked.", ko="등록되지 않았거나 만료 또는 폐기된 API 키입니다."
)
#: Methods that only read, by how their names begin; all others need the scope to transcribe, also those of the future.
_READING = ("Get", "List", "Watch")
#: Services that only keys with the scope admin may call.
_ADMINISTRATION = frozenset({"sayit.v1.AdminService"})
#: How often the file of keys is looked at while no call does.
CHECK_KEYS_S = 2.0


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


def check_near(peer: str) -> None:
    """Refuses administration without keys to a caller on another machine, also where all clients are served.

    Args:
        peer: as gRPC tells it: "ipv4:127.0.0.1:1234", "ipv6:[::1]:1234", "unix:/path".

    Raises:
        SayItError: PERMISSION_DENIED.
    """
    kind, _, address = unquote(peer).partition(":")
    if kind == "unix":
        return
    try:
        host: IPv4Address | IPv6Address = ip_address(address.rpartition(":")[0].strip("[]"))
    except ValueError:
        raise SayItError(ErrorKind.PERMISSION_DENIED, sentences=_FAR_AWAY) from None
    mapped = host.ipv4_mapped if isinstance(host, IPv6Address) else None
    if not (mapped or host).is_loopback:
        raise SayItError(ErrorKind.PERMISSION_DENIED, sentences=_FAR_AWAY)


class PrincipalInterceptor(grpc.aio.ServerInterceptor):
    """Sets the principal of every call, and refuses what it may not do; health and reflection need none.

    Args:
        keys: None where everyone is the local principal.
        used: called with every caller; refuses by raising SayItError.
    """

    def __init__(self, keys: KeyRing | None, used: Callable[[Principal], Awaitable[None]]) -> None:
        self._keys = keys
        self._used = used

    async def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]], details: grpc.HandlerCallDetails
    ) -> Any:
        """Binds the principal for the call's task, or refuses with UNAUTHENTICATED, PERMISSION_DENIED, RATE_LIMITED."""
        method = str(details.method)
        if not is_open(method):
            who = self._principal(dict(details.invocation_metadata or ()), method)
            principal.bind(who)
            await self._used(who)
        return await continuation(details)

    def _principal(self, metadata: dict[str, str | bytes], method: str) -> Principal:
        if self._keys is None:
            return LOCAL
        found = self._keys.find(_key(metadata))
        if found is None:
            raise SayItError(ErrorKind.UNAUTHENTICATED, sentences=_UNKNOWN_KEY if _key(metadata) else _NO_KEY)
        service, _, name = method.strip("/").partition("/")
        needed = ADMIN if service in _ADMINISTRATION else READ if name.startswith(_READING) else TRANSCRIBE
        if needed not in found.scopes and ADMIN not in found.scopes:
            raise SayItError(ErrorKind.PERMISSION_DENIED, scope=needed)
        return Principal(key_id=found.id, tenant=found.tenant)


async def end_calls_of_old_keys(
    keys: KeyRing, cut_off_of: Callable[[Callable[[Principal], bool], SayItError], None]
) -> None:
    """Ends the calls of keys that were revoked or are over meanwhile, streams among them; without end."""
    told = ""
    while True:
        keys.refresh()
        if keys.problem not in {"", told}:
            telemetry.logger().error("keys_file_unreadable", problem=keys.problem, keys="as before")
        told = keys.problem
        cut_off_of(lambda who: not keys.is_valid(who.key_id), SayItError(ErrorKind.UNAUTHENTICATED, cause="key ended"))
        await asyncio.sleep(CHECK_KEYS_S)


def _key(metadata: dict[str, str | bytes]) -> str:
    """The key from `authorization: Bearer …` or `x-api-key: …`; empty where there is none."""
    authorization = str(metadata.get("authorization", ""))
    if authorization.lower().startswith(_BEARER):
        return authorization[len(_BEARER) :].strip()
    return str(metadata.get("x-api-key", "")).strip()
