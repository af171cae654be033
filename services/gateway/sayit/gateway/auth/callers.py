"""Who calls: by the file of keys, by the keys of the database, by an identity provider's tokens."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import TYPE_CHECKING

from sayit.chassis import telemetry
from sayit.chassis.api_keys import parts_of
from sayit.chassis.principal import LOCAL, Principal
from sayit.gateway.auth.identity import TOKEN_ID, Identity, is_token
from sayit.gateway.auth.keys import FileKey, KeyRing
from sayit.gateway.auth.signatures import Metadata, SignedCalls
from sayit.gateway.auth.stored_keys import StoredKeys
from sayit.gateway.settings import networks_of
from sayit.speech.api_keys import ApiKey
from sayit.speech.errors import SayItError
from sayit.speech.request_signatures import SigningKey, refused

if TYPE_CHECKING:
    from sayit.gateway.auth.tokens import Tokens


class Callers:
    """All who may call.

    Args:
        file: keys of a file; None where there is none.
        stored: keys of the database.
        signed: checks the signatures of calls.
        tokens: an identity provider's tokens; None where none are taken.
    """

    def __init__(
        self, file: KeyRing | None, stored: StoredKeys, signed: SignedCalls, tokens: Tokens | None = None
    ) -> None:
        self._file = file
        self._signed = signed
        self._stored = stored
        self._tokens = tokens
        #: What was last told to be wrong with the file.
        self._told = ""

    async def identify(self, credential: str) -> Identity | None:
        """The caller that sends this; None for an unknown one.

        Raises:
            SayItError: UNAVAILABLE while that cannot be found out, INVALID_SIGNATURE for a key that signs.
        """
        if SigningKey.of_text(credential) is not None:
            raise refused("this key signs requests, and is not sent itself: make another one")
        if self._tokens is not None and is_token(credential):
            return await self._tokens.identify(credential)
        found: FileKey | ApiKey | None
        if self._file is not None:
            self._file.refresh()
        if self._file is not None and self._file.holds((parts_of(credential) or ("",))[0]):
            found = self._file.find(credential)
        else:
            found = await self._stored.find(credential)
        return None if found is None else _identity_of(found)

    async def identify_signer(self, method: str, metadata: Metadata) -> tuple[Identity, str]:
        """The caller that signed a call, and the digest that its request must have; empty where none is signed.

        Raises:
            SayItError: INVALID_SIGNATURE, UNAVAILABLE.
        """
        key, digest = await self._signed.caller(method, metadata)
        return _identity_of(key), digest

    def is_valid(self, who: Principal) -> bool:
        """Whether a caller that was identified may go on."""
        if who == LOCAL:
            return True
        if who.key_id.startswith(TOKEN_ID):
            return who.expires_s > time.time()
        if self._file is not None and self._file.holds(who.key_id):
            return self._file.is_valid(who.key_id)
        return self._stored.is_valid(who.key_id)

    async def refresh(self, running: Collection[Principal]) -> None:
        """Looks at all keys again; those who have calls that run are in use."""
        if self._file is not None:
            self._file.refresh()
            if self._file.problem not in {"", self._told}:
                telemetry.logger().error("keys_file_unreadable", problem=self._file.problem, keys="as before")
            self._told = self._file.problem
        if self._tokens is not None:
            self._tokens.refresh()
        others = (who for who in running if who != LOCAL and not who.key_id.startswith(TOKEN_ID))
        ids = {who.key_id for who in others if not self._of_file(who)}
        try:
            await self._stored.refresh(ids)
        except SayItError as error:
            telemetry.logger().debug("keys_not_refreshed", cause=error.cause)

    def _of_file(self, who: Principal) -> bool:
        return self._file is not None and self._file.holds(who.key_id)


def _identity_of(key: FileKey | ApiKey) -> Identity:
    return Identity(
        principal=Principal(key_id=key.id, tenant=key.tenant),
        scopes=key.scopes,
        requests=key.requests,
        networks=networks_of(",".join(key.addresses)),
    )
