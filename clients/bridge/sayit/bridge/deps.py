"""What every surface is given."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from opentelemetry import trace
from starlette.requests import HTTPConnection

from sayit.bridge.bodies import Bodies
from sayit.bridge.gateway import Gateway
from sayit.bridge.settings import BridgeSettings
from sayit.chassis import telemetry

#: A WebSocket's subprotocol that carries an API key.
KEY_PROTOCOL = "sayit.key."


@dataclass(frozen=True, kw_only=True)
class Deps:
    """The bridge's parts, as its surfaces use them."""

    settings: BridgeSettings
    #: The gateway, without credentials; see `gateway_for`.
    gateway: Gateway
    #: Takes audio out of requests.
    bodies: Bodies
    #: Set when the bridge stops: streams and waiting requests end at once, their clients go on elsewhere.
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def gateway_for(self, request: HTTPConnection) -> Gateway:
        """The gateway, called with the credentials of an HTTP request or WebSocket, and in its trace."""
        authorization = request.headers.get("authorization", "")
        key = request.headers.get("x-api-key", "")
        if key and not authorization:
            authorization = f"Bearer {key}"
        authorization = authorization or _offered(request.headers.get("sec-websocket-protocol", ""))
        inside = trace.get_current_span().get_span_context().is_valid
        traceparent = telemetry.traceparent() if inside else request.headers.get("traceparent", "")
        return self.gateway.acting_for(authorization=authorization, traceparent=traceparent)


def _offered(protocols: str) -> str:
    """The credentials among the subprotocols of a WebSocket: a browser can send a key nowhere else."""
    for name in protocols.split(","):
        if name.strip().startswith(KEY_PROTOCOL):
            return f"Bearer {name.strip().removeprefix(KEY_PROTOCOL)}"
    return ""
