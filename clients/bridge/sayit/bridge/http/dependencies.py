"""What routes of every surface use: the bridge's parts, and answers that a client may cache."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends
from opentelemetry import trace
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from sayit.bridge.gateway_client import Gateway
from sayit.bridge.http.audio_body import Bodies
from sayit.bridge.http.live_room import LiveRoom
from sayit.bridge.http.signatures import signer_of
from sayit.bridge.settings import BridgeSettings
from sayit.chassis import telemetry
from sayit.chassis.settings import secrets_of
from sayit.speech.request_signatures import SIGNATURE_INPUT

_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
#: What begins a WebSocket's subprotocol that carries an API key: ours, and that of OpenAI's clients in browsers.
_KEY_PROTOCOLS = ("sayit.key.", "openai-insecure-api-key.")
#: Deepgram's clients write them in front of a key: as the header's scheme, and as a subprotocol of its own.
_DEEPGRAM_SCHEMES = ("token", "bearer")
#: What may be passed on of an address that a proxy wrote, and of how many of them.
_ADDRESS = re.compile(r"[0-9A-Za-z.:\[\]%_-]{1,64}", re.ASCII)
_MOST_PROXIES = 20


@dataclass(frozen=True, kw_only=True)
class Deps:
    """The bridge's parts, as its surfaces use them; `app.state.deps`."""

    settings: BridgeSettings
    #: The gateway, without credentials; routes take `Caller`.
    gateway: Gateway
    #: Takes audio out of requests.
    bodies: Bodies
    #: The names of OpenAI's models and what they stand for.
    aliases: Mapping[str, str]
    #: WebSockets of live speech, by the credentials of their clients.
    live_sockets: Counter[str] = field(default_factory=Counter)
    #: For the audio that they read ahead.
    live_room: LiveRoom = field(default_factory=LiveRoom)
    #: Set when the bridge stops: streams and waiting requests end at once, and their clients resume at another bridge.
    stopping: asyncio.Event = field(default_factory=asyncio.Event)


async def _parts(connection: HTTPConnection) -> Deps:
    deps: Deps = connection.app.state.deps
    return deps


#: A parameter of a route: the bridge's parts.
Parts = Annotated[Deps, Depends(_parts)]


async def _caller(connection: HTTPConnection, deps: Parts) -> Gateway:
    authorization = connection.headers.get("authorization", "")
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() == "token":
        authorization = f"Bearer {token}"
    key = connection.headers.get("x-api-key", "")
    if key and not authorization:
        authorization = f"Bearer {key}"
    authorization = authorization or _offered(connection.headers.get("sec-websocket-protocol", ""))
    signature = signer = None
    if not authorization and SIGNATURE_INPUT in connection.headers:
        signature, signer = signer_of(connection, secrets_of(deps.settings.signing_secrets))
    inside = trace.get_current_span().get_span_context().is_valid
    traceparent = telemetry.traceparent() if inside else connection.headers.get("traceparent", "")
    gateway = deps.gateway.acting_for(
        authorization=authorization,
        traceparent=traceparent,
        forwarded_for=_forwarded_for(connection),
        signer=signer,
    )
    if signature is not None and signer is not None:
        await gateway.check_signature(signature, signer)
    elif connection.scope.get("method") in _WITH_BODY:
        await gateway.check_credentials()
    return gateway


#: A parameter of a route: the gateway, called with the credentials of the HTTP request or WebSocket, and in its trace.
#: A request with a body is not read, and gets no slot, before its key is known.
Caller = Annotated[Gateway, Depends(_caller)]


def _forwarded_for(connection: HTTPConnection) -> str:
    """From where a request came, as every proxy appends it: the gateway knows which of them it believes."""
    told = ",".join(connection.headers.getlist("x-forwarded-for")).split(",")
    here = [connection.client.host] if connection.client else []
    return ",".join([*(one.strip() for one in told if _ADDRESS.fullmatch(one.strip())), *here][-_MOST_PROXIES:])


def _offered(protocols: str) -> str:
    """The credentials among the subprotocols of a WebSocket: a browser cannot send a key elsewhere."""
    names = [name.strip() for name in protocols.split(",")]
    for name, following in zip(names, [*names[1:], ""], strict=True):
        prefix = next((each for each in _KEY_PROTOCOLS if name.startswith(each)), "")
        key = name.removeprefix(prefix) if prefix else following if name.lower() in _DEEPGRAM_SCHEMES else ""
        if key:
            return f"Bearer {key}"
    return ""


def kept(request: Request, content: bytes, media_type: str, headers: Mapping[str, str]) -> Response:
    """Content under a tag of its own, or 304 to a client that has it.

    Tags are compared weakly, as in RFC 9110, because a proxy may have compressed the content.
    """
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    known = {name.strip().removeprefix("W/") for name in request.headers.get("if-none-match", "").split(",")}
    if known & {tag, "*"}:
        return Response(status_code=304, headers={**headers, "ETag": tag})
    return Response(content, media_type=media_type, headers={**headers, "ETag": tag})
