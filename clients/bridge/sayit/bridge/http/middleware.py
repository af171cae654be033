"""Middleware of every request: log line, ids and headers, early refusals, protection against foreign web pages.

All are plain ASGI, because bodies and events must pass through as they come.
"""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import prometheus_client
from opentelemetry import trace
from starlette.datastructures import Headers as RequestHeaders
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from sayit.bridge.http.problems import Form, fault_for
from sayit.bridge.http.signatures import has_body
from sayit.bridge.settings import BridgeSettings
from sayit.chassis import telemetry
from sayit.chassis.start import is_loopback
from sayit.speech.errors import ErrorKind, SayItError, Sentence

_REQUESTS = prometheus_client.Counter(
    "sayit_http_requests", "Requests by method, route and status.", ["method", "route", "status"]
)
_SECONDS = prometheus_client.Histogram(
    "sayit_http_request_seconds",
    "Duration of requests by method and route; streams last as long as they are listened to.",
    ["method", "route"],
    buckets=(0.005, 0.02, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800),
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"})
_REQUEST_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)
#: Requested so often that they are not logged.
_QUIET = frozenset({"/livez", "/readyz", "/health"})

#: How long a refused sender's bytes are read and dropped, so that it gets the answer before the connection ends.
_DRAIN_S = 2.0
_DRAIN_BYTES = 64 * 1024 * 1024

#: What pages may do; the page sets its own where it needs more.
CONTENT_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": CONTENT_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # What may be kept says so itself.
    "Cache-Control": "no-store",
}
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Observing:
    """Gives every request an id, a span and a line in the log, and every answer the headers that it does not set."""

    def __init__(self, app: ASGIApp, *, settings: BridgeSettings) -> None:
        self._app = app
        self._headers = dict(_SECURITY)
        if settings.origins:
            self._headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        if settings.tls_cert_file is not None:
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = RequestHeaders(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        method = scope.get("method", "WEBSOCKET")
        label = method if method in _METHODS or scope["type"] == "websocket" else "other"
        began_s = time.monotonic()
        seen: dict[str, Any] = {"status": 0, "bytes_in": 0, "bytes_out": 0}

        async def heard() -> Message:
            message = await receive()
            seen["bytes_in"] += len(message.get("body", b""))
            return message

        async def say(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen["status"] = message["status"]
                answer = MutableHeaders(scope=message)
                answer["X-Request-Id"] = request_id
                if scope["path"].startswith("/v1/uploads"):
                    answer.setdefault("Tus-Resumable", "1.0.0")  # errors too, as tus requires
                for name, value in self._headers.items():
                    answer.setdefault(name, value)
                if "json" in answer.get("content-type", ""):
                    answer.add_vary_header("Accept-Language")  # sentences of errors, of failed jobs' too
            elif message["type"] == "http.response.body":
                seen["bytes_out"] += len(message.get("body", b""))
            elif message["type"] == "websocket.accept":
                seen["status"] = 101
            elif message["type"] == "websocket.http.response.start":
                seen["status"] = message["status"]
            await send(message)

        span = telemetry.span_from(headers.get("traceparent", ""), f"HTTP {label}", kind=trace.SpanKind.SERVER)
        with span as current, telemetry.call_fields() as fields:
            try:
                await self._app(scope, heard, say)
            finally:
                seconds = time.monotonic() - began_s
                # The route's pattern, which routing notes in the scope: paths hold ids, and clients can send any.
                route = getattr(scope.get("route"), "path", "none")
                _REQUESTS.labels(label, route, str(seen["status"])).inc()
                _SECONDS.labels(label, route).observe(seconds, telemetry.exemplar())
                current.set_attribute("http.response.status_code", seen["status"])
                logger = telemetry.logger()
                write = logger.debug if scope["path"] in _QUIET else logger.info
                own = {"method": label, "path": scope["path"][:200], "seconds": round(seconds, 4), **seen}
                write("request", **{**fields, **own, "request_id": request_id})


class SlowSenders:
    """Delivers the answer to a sender that is refused before it is done.

    A connection that is closed with unread bytes is reset, and the answer may be lost with it. So what is still sent is
    read and dropped for a moment; then the connection ends.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        if scope["type"] != "http" or not has_body(scope):
            await self._app(scope, receive, send)
            return
        # A client that waits for "100 Continue" has sent nothing yet, and must not be asked for it after an answer.
        waits = RequestHeaders(scope=scope).get("expect", "").lower() == "100-continue"
        done = False

        async def heard() -> Message:
            nonlocal waits, done
            waits = False
            message = await receive()
            done = done or message["type"] == "http.disconnect" or not message.get("more_body", False)
            return message

        async def say(message: Message) -> None:
            if done:
                await send(message)
                return
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Connection"] = "close"
                await send(message)
            elif message.get("more_body", False) or waits:
                await send(message)
            else:
                await send({**message, "more_body": True})
                await _drain(heard, lambda: done)
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        await self._app(scope, heard, say)


async def _drain(heard: Receive, is_done: Any) -> None:
    left = _DRAIN_BYTES
    try:
        async with asyncio.timeout(_DRAIN_S):
            while not is_done() and left > 0:
                left -= len((await heard()).get("body", b""))
    except TimeoutError:
        return


class OriginChecks:
    """Keeps other web pages from using the bridge through its user's browser.

    Without keys, every client that reaches the bridge is served; a browser on this machine reaches it for any page. So
    changes and WebSockets of a foreign origin are refused unless it is allowed, and on loopback so is a foreign Host,
    by which DNS rebinding makes a foreign page pass for the bridge's own.
    """

    def __init__(self, app: ASGIApp, *, settings: BridgeSettings, form_of: Callable[[str], Form]) -> None:
        """Wraps the application.

        Args:
            app: what serves the others.
            settings: which hosts and origins are allowed.
            form_of: the form of an error, by the request's path.
        """
        self._app = app
        self._form_of = form_of
        self._origins = frozenset(settings.origins)
        hosts = settings.hosts
        if not hosts and is_loopback(settings.bridge_listen):
            hosts = ("localhost", "127.0.0.1", "::1", urlsplit(f"//{settings.bridge_listen}").hostname or "")
        self._hosts = frozenset() if not hosts or "*" in hosts else frozenset(map(str.lower, hosts))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        # What a browser asks before it sends another page's request is refused with the reason, as that would be.
        changes = scope.get("method", "") not in _SAFE or "access-control-request-method" in connection.headers
        why = self._refusal(connection, changes=changes)
        if why is None:
            await self._app(scope, receive, send)
            return
        error = SayItError(ErrorKind.PERMISSION_DENIED, cause=why.en, sentences=why)
        refusal = self._form_of(scope["path"])(fault_for(error, connection))
        if scope["type"] == "http":
            await refusal(scope, receive, send)
        elif "websocket.http.response" in scope.get("extensions", {}):
            await WebSocket(scope, receive, send).send_denial_response(refusal)
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": why.en[:120]})

    def _refusal(self, connection: HTTPConnection, *, changes: bool) -> Sentence | None:
        """Why the request is refused; None if it is not."""
        host = connection.headers.get("host", "")
        if self._hosts and _name(host) not in self._hosts:
            return Sentence(
                en=f"This bridge is not addressed as {host[:100]!r}; SAYIT_ALLOWED_HOSTS lists its names.",
                ko=f"이 브리지의 주소는 {host[:100]!r}이(가) 아닙니다. 호스트 이름은 SAYIT_ALLOWED_HOSTS로 정합니다.",
            )
        origin = connection.headers.get("origin")
        if not origin or not changes or "*" in self._origins or origin in self._origins:
            return None
        if urlsplit(origin).netloc == host:
            return None
        return Sentence(
            en=f"Pages of {origin[:100]} may not use this bridge; SAYIT_CORS_ORIGINS lists the origins that may.",
            ko=f"{origin[:100]}의 페이지는 이 브리지를 쓸 수 없습니다. 허용할 출처는 SAYIT_CORS_ORIGINS로 정합니다.",
        )


def _name(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""
