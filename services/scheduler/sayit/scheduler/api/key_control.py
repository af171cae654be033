"""Making, listing, revoking and rotating API keys."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sayit.chassis.api_keys import StoredKey, new_secret
from sayit.scheduler.db.api_keys import KeyStore
from sayit.speech.api_keys import (
    MAX_KEYS,
    OVERLAP_S,
    ApiKey,
    NewApiKey,
    checked_addresses,
    checked_name,
    checked_scopes,
    checked_tenant,
    checked_time,
)
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.request_signatures import SigningKey

#: Longest text of a limit.
_LONGEST_LIMIT = 100


@dataclass(frozen=True)
class KeyControl:
    """What may be done with keys. A tenant of None stands for every tenant, which only the operator has."""

    store: KeyStore
    #: Of which keys that sign are made, the newest first; none: there are no such keys.
    signing_secrets: Sequence[str] = ()

    async def create(
        self,
        tenant: str,
        *,
        name: str = "",
        scopes: Sequence[str] = (),
        valid_for_s: float | None = None,
        requests: str = "",
        addresses: Sequence[str] = (),
        signed: bool = False,
    ) -> NewApiKey:
        """Makes a key.

        Raises:
            SayItError: INVALID_ARGUMENT, TOO_MANY_KEYS.
        """
        now_s = time.time()
        expires_at_s = None if valid_for_s is None else now_s + checked_time(valid_for_s, "valid_for")
        key = ApiKey(
            id="",
            tenant=checked_tenant(tenant),
            name=checked_name(name),
            scopes=checked_scopes(scopes),
            created_at_s=now_s,
            expires_at_s=expires_at_s,
            requests=_checked_requests(requests),
            addresses=checked_addresses(addresses),
            signed=signed,
        )
        stored, made = self._made(key)
        await self.store.create_key(stored, most=MAX_KEYS)
        return made

    async def rotate(self, tenant: str | None, key_id: str, *, overlap_s: float | None = None) -> NewApiKey:
        """Makes a key that may do what an old one may; that one ends after the overlap, a day where none is said.

        A key that was made for some time has a successor for as long.

        Raises:
            SayItError: KEY_NOT_FOUND, also for one that has ended; INVALID_ARGUMENT, TOO_MANY_KEYS.
        """
        now_s = time.time()
        until_s = now_s + checked_time(OVERLAP_S if overlap_s is None else overlap_s, "overlap")
        old = await self.store.get_key(tenant, key_id)
        length_s = None if old.expires_at_s is None else old.expires_at_s - old.created_at_s
        expires_at_s = None if length_s is None else now_s + length_s
        key = replace(old, created_at_s=now_s, expires_at_s=expires_at_s, revoked_at_s=None, last_used_at_s=None)
        stored, made = self._made(key)
        await self.store.rotate_key(tenant, key_id, stored, until_s=until_s, most=MAX_KEYS)
        return made

    def _made(self, key: ApiKey) -> tuple[StoredKey, NewApiKey]:
        """The key with a secret, as it is stored and as its holder gets it."""
        secret = new_secret()
        key = replace(key, id=secret.key_id)
        if not key.signed:
            return StoredKey(key=key, salt=secret.salt, hash=secret.hash), NewApiKey(key=key, secret=secret.text)
        if not self.signing_secrets:
            reason = "SAYIT_SIGNING_SECRETS is not set here"
            raise SayItError(ErrorKind.INVALID_ARGUMENT, field="signed", reason=reason)
        text = SigningKey.made(self.signing_secrets[0], key.id).text
        return StoredKey(key=key, salt=b"", hash=b""), NewApiKey(key=key, secret=text)


def _checked_requests(text: str) -> str:
    if not text:
        return text
    from sayit.chassis.quotas import limits_of  # noqa: PLC0415 - takes a while, and most keys have no limit

    try:
        limits_of(text)
    except ValueError as error:
        raise SayItError(ErrorKind.INVALID_ARGUMENT, field="requests", reason=str(error)) from None
    if len(text) > _LONGEST_LIMIT:
        raise SayItError(ErrorKind.INVALID_ARGUMENT, field="requests", reason="too long")
    return text
