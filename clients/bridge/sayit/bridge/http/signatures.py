"""Signed requests: whose signature it is, and whether the body is the one that was signed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sayit.speech.request_signatures import (
    CONTENT_DIGEST,
    REQUEST,
    SIGNATURE,
    SIGNATURE_INPUT,
    RequestSignature,
    SigningKey,
    checked_signature,
    digest_text,
    refused,
)


def has_body(scope: Scope) -> bool:
    """Whether a request announces a body."""
    headers = Headers(scope=scope)
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def signer_of(connection: HTTPConnection, secrets: Sequence[str]) -> tuple[RequestSignature, SigningKey]:
    """The signature of a request, and the key that made it. The gateway has to be asked about both.

    Args:
        connection: a request, or a WebSocket's.
        secrets: of which keys are made that sign.

    Raises:
        SayItError: INVALID_SIGNATURE.
    """
    scope, headers = connection.scope, connection.headers
    own = {
        "@method": scope.get("method", "GET"),
        "@path": scope.get("raw_path", b"").decode("latin-1"),
        "@query": f"?{scope['query_string'].decode('latin-1')}",
    }

    def value_of(component: str) -> str | None:
        values = headers.getlist(component)
        return own.get(component) or (", ".join(value.strip() for value in values) if values else None)

    return checked_signature(
        headers.getlist(SIGNATURE_INPUT),
        headers.getlist(SIGNATURE),
        value_of,
        needed=(*REQUEST, CONTENT_DIGEST) if has_body(scope) else REQUEST,
        installation_secrets=secrets,
    )


class SignedBodies:
    """Refuses a signed request at the end of its body, if that is not the one that was signed.

    Its reader gets INVALID_SIGNATURE in place of the last piece, and so never the whole.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        if SIGNATURE_INPUT not in headers or CONTENT_DIGEST not in headers:
            await self._app(scope, receive, send)
            return
        signed = ", ".join(headers.getlist(CONTENT_DIGEST))
        hashed = hashlib.sha256()

        async def heard() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                hashed.update(message.get("body", b""))
                if not message.get("more_body", False) and digest_text(hashed.digest()) != signed:
                    raise refused("the body is not the one that was signed")
            return message

        await self._app(scope, heard, send)
