"""Who may call the gateway, and what: those with credentials where these are asked for, else one local principal."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import grpc

from sayit.chassis import principal
from sayit.chassis.handlers import guarded
from sayit.chassis.interceptors import is_open
from sayit.chassis.principal import LOCAL
from sayit.chassis.server import RunningServer
from sayit.chassis.start import StartError, is_loopback
from sayit.gateway.auth.addresses import FORWARDED_FOR, AddressRules, is_near
from sayit.gateway.auth.callers import Callers
from sayit.gateway.auth.certificates import Certificates
from sayit.gateway.auth.identity import Identity
from sayit.gateway.auth.signatures import Metadata, SignedRequest
from sayit.gateway.settings import GatewaySettings
from sayit.speech.api_keys import ADMIN, DEFAULT_SCOPES, READ, TRANSCRIBE
from sayit.speech.errors import ErrorKind, SayItError, Sentence
from sayit.speech.request_signatures import SIGNATURE_INPUT
from sayit.speech.share_links import SHARED

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
_ADMINISTRATION = ("/sayit.v1.AdminService/", _KEYS := "/sayit.v1.KeyService/")
#: Methods that only links call, which say what they show.
_OF_A_LINK = "/sayit.v1.ShareService/GetShared"
#: How often keys are looked at while no call does.
CHECK_KEYS_S = 2.0
_EVERYONE = Identity(principal=LOCAL, scopes=DEFAULT_SCOPES)
#: Else keys that anyone made would open an installation that asks for keys later.
_NO_ADMINISTRATOR = Sentence(
    en="Keys are not asked for here, so only the operator may manage them, with `sayit keys`.",
    ko="여기서는 키를 요구하지 않으므로 운영자만 `sayit keys`로 키를 관리할 수 있습니다.",
)


def check_exposure(settings: GatewaySettings) -> None:
    """Refuses to serve other machines without keys, unless a setting allows it.

    Raises:
        StartError: the address is reachable from other machines, there are no keys, and no setting allows that.
    """
    if settings.asks_for_keys or settings.allow_unauthenticated or is_loopback(settings.listen):
        return
    raise StartError(
        f"{settings.listen} can be reached from other machines, and no API keys are asked for: set "
        "SAYIT_REQUIRE_KEYS=true (`sayit keys create` makes one) or SAYIT_API_KEYS_FILE, or "
        "SAYIT_ALLOW_UNAUTHENTICATED=true to serve every client"
    )


def check_near(peer: str, metadata: Iterable[tuple[str, str | bytes]]) -> None:
    """Refuses administration without keys to a caller on another machine, also where all clients are served.

    Args:
        peer: as gRPC tells it: "ipv4:127.0.0.1:1234", "ipv6:[::1]:1234", "unix:/path".
        metadata: the call's, in which a proxy on this machine says for whom it calls.

    Raises:
        SayItError: PERMISSION_DENIED.
    """
    if not is_near(peer, (str(value) for name, value in metadata if name == FORWARDED_FOR)):
        raise SayItError(ErrorKind.PERMISSION_DENIED, sentences=_FAR_AWAY)


class PrincipalInterceptor(grpc.aio.ServerInterceptor):
    """Sets the principal of every call, and refuses what it may not do; health and reflection need none.

    Args:
        callers: who has keys and links.
        certificates: who is known by its certificate, where it sends nothing else.
        used: called with every caller; refuses by raising SayItError.
        addresses: from where calls may come.
        everyone: whether everyone is the local principal, but for those who come with a link.
    """

    def __init__(
        self,
        callers: Callers,
        certificates: Certificates,
        used: Callable[[Identity], Awaitable[None]],
        addresses: AddressRules,
        *,
        everyone: bool,
    ) -> None:
        self._certificates = certificates
        self._everyone = everyone
        self._callers = callers
        self._used = used
        self._addresses = addresses

    async def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]], details: grpc.HandlerCallDetails
    ) -> Any:
        """Binds the principal for the call's task, or refuses with UNAUTHENTICATED, PERMISSION_DENIED, RATE_LIMITED."""
        method = str(details.method)
        if is_open(method):
            return await continuation(details)
        metadata = tuple(details.invocation_metadata or ())
        who, digest = await self._identity(metadata, method)
        if who is not None:
            principal.bind(who.principal)
            if digest is None and not self._addresses.concern(who.networks):
                await self._used(who)
                return await continuation(details)
        handler = await continuation(details)
        if handler is None:
            return None
        signed = None if digest is None or handler.request_streaming else SignedRequest(handler, digest)
        forwarded = [str(value) for name, value in metadata if name == FORWARDED_FOR]

        async def checked(context: Any) -> None:
            # Only a call that has begun knows its peer. It counts when it may be made: others use no limit up.
            caller = who or self._of_certificate(context.auth_context(), method)
            principal.bind(caller.principal)
            self._addresses.check(context.peer(), forwarded, caller.networks)
            if signed is not None:
                signed.check()
            await self._used(caller)

        return guarded(handler, checked, None if signed is None else signed.read)

    async def _identity(self, metadata: Metadata, method: str) -> tuple[Identity | None, str | None]:
        """Who calls, and the digest that its request must have: empty if none was signed, None without a signature.

        None calls who has no credentials, where certificates may stand for them.

        Raises:
            SayItError: UNAUTHENTICATED, INVALID_SIGNATURE, PERMISSION_DENIED, UNAVAILABLE.
        """
        needed = scope_of(method)
        if self._everyone and needed != SHARED:
            if method.startswith(_KEYS):
                raise SayItError(ErrorKind.PERMISSION_DENIED, sentences=_NO_ADMINISTRATOR)
            return _EVERYONE, None
        credential, found, digest = _credential(dict(metadata)), None, None
        if credential:
            found = await self._callers.identify(credential)
        elif any(name == SIGNATURE_INPUT for name, _ in metadata):
            found, digest = await self._callers.identify_signer(method, metadata)
        elif self._certificates and needed != SHARED:
            return None, None
        if found is None:
            raise SayItError(ErrorKind.UNAUTHENTICATED, sentences=_UNKNOWN_KEY if credential else _NO_KEY)
        _check_scope(found, needed)
        return found, digest

    def _of_certificate(self, shown: Mapping[str, Iterable[bytes]], method: str) -> Identity:
        found = self._certificates.identify(shown)
        if found is None:
            raise SayItError(ErrorKind.UNAUTHENTICATED, sentences=_NO_KEY, cause="no certificate that is mapped")
        _check_scope(found, scope_of(method))
        return found


def _check_scope(who: Identity, needed: str) -> None:
    if needed not in who.scopes and (needed == SHARED or ADMIN not in who.scopes):
        lacking = Sentence(
            en=f"This key may not do that: it lacks the scope {needed}.",
            ko=f"이 키로는 허용되지 않는 작업입니다. {needed} 권한이 필요합니다.",
        )
        raise SayItError(ErrorKind.PERMISSION_DENIED, sentences=lacking, scope=needed)


def scope_of(method: str) -> str:
    """The scope that a method, "/package.Service/Method", needs; `admin` is enough for each but a link's."""
    if method.startswith(_OF_A_LINK):
        return SHARED
    if method.startswith(_ADMINISTRATION):
        return ADMIN
    return READ if method.rpartition("/")[2].startswith(_READING) else TRANSCRIBE


async def end_calls_of_old_keys(callers: Callers, server: RunningServer) -> None:
    """Ends the calls of keys that were revoked or are over meanwhile, streams among them; without end."""
    while True:
        await callers.refresh(server.callers())
        ended = SayItError(ErrorKind.UNAUTHENTICATED, cause="key ended")
        server.cut_off_of(lambda who: not callers.is_valid(who), ended)
        await asyncio.sleep(CHECK_KEYS_S)


def _credential(metadata: dict[str, str | bytes]) -> str:
    """What `authorization: Bearer …` or `x-api-key: …` says; empty where there is none."""
    authorization = str(metadata.get("authorization", ""))
    if authorization.lower().startswith(_BEARER):
        return authorization[len(_BEARER) :].strip()
    return str(metadata.get("x-api-key", "")).strip()
