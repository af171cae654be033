"""Callers that sign their calls, with keys of the database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sayit.chassis.handlers import Handler
from sayit.gateway.auth.stored_keys import StoredKeys
from sayit.speech.api_keys import ApiKey
from sayit.speech.request_signatures import (
    CALL,
    CONTENT_DIGEST,
    SIGNATURE,
    SIGNATURE_INPUT,
    RequestSignature,
    checked_signature,
    digest_of,
    refused,
)

#: What a call brings beside its request.
Metadata: TypeAlias = Sequence[tuple[str, str | bytes]]


@dataclass(frozen=True)
class SignedCalls:
    """Checks signatures.

    Args:
        secrets: of which the keys are made; none: no call can be signed.
        stored: the keys.
        use_nonce: notes that a key's signature is used; raises SayItError where it was before.
    """

    secrets: Sequence[str]
    stored: StoredKeys
    use_nonce: Callable[[str, str, int], Awaitable[None]]

    async def caller(self, method: str, metadata: Metadata) -> tuple[ApiKey, str]:
        """Who signed a call, and the digest that its request must have, which is empty where none is signed.

        Raises:
            SayItError: INVALID_SIGNATURE; UNAVAILABLE while the key or the nonce cannot be checked.
        """

        def values(name: str) -> list[str]:
            return [str(value).strip() for each, value in metadata if each == name]

        def value_of(component: str) -> str | None:
            own = {"@method": "POST", "@path": method}.get(component)
            return own or ", ".join(values(component)) or None

        signature, _ = checked_signature(
            values(SIGNATURE_INPUT),
            values(SIGNATURE),
            value_of,
            needed=CALL,
            installation_secrets=self.secrets,
        )
        key = await self._key(signature)
        await self.use_nonce(key.id, signature.nonce, signature.created_s)
        return key, (value_of(CONTENT_DIGEST) or "") if CONTENT_DIGEST in signature.components else ""

    async def _key(self, signature: RequestSignature) -> ApiKey:
        key = await self.stored.signing(signature.key_id)
        if key is None:
            raise refused("the key is not known here, is over, or was revoked")
        return key


class SignedRequest:
    """A request whose bytes a signature covers.

    Args:
        handler: its call's.
        digest: what they must have, as Content-Digest has it; empty if the signature covers none.
    """

    def __init__(self, handler: Handler, digest: str) -> None:
        self._read = handler.request_deserializer
        self._digest = digest
        self._fits = False

    def read(self, data: bytes) -> Any:
        """Makes a request of bytes; None if they are not those that were signed."""
        self._fits = digest_of(data) == self._digest
        return self._read(data) if self._fits and self._read else None

    def check(self) -> None:
        """INVALID_SIGNATURE if other bytes were read, or the signature covers none."""
        if not self._digest:
            raise refused(f"it does not cover {CONTENT_DIGEST}")
        if not self._fits:
            raise refused("the body is not the one that was signed")
