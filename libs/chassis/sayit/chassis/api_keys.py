"""What API keys read, and what is stored of them.

A key reads `sayit_<id>_<secret>`; the secret has 256 random bits, so that one round of SHA-256 is as good as any slow
hash. A key cannot be recovered from what is stored.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from sayit.speech.api_keys import ApiKey

_PREFIX = "sayit"
#: Bytes of an id (its text is twice as long) and of a salt.
_ID_BYTES, _SALT_BYTES = 6, 16
#: Longest id that is looked for.
_LONGEST_ID = 64


@dataclass(frozen=True, kw_only=True)
class Secret:
    """The secret of a key that is being made, and what is stored of it."""

    #: The key's id.
    key_id: str
    #: What the key reads.
    text: str
    #: Random bytes.
    salt: bytes
    #: SHA-256 of the salt and the secret.
    hash: bytes


@dataclass(frozen=True, kw_only=True)
class StoredKey:
    """A key with what is needed to check it."""

    key: ApiKey
    #: Random bytes.
    salt: bytes
    #: SHA-256 of the salt and the secret.
    hash: bytes

    def admits(self, secret: str) -> bool:
        """Whether the secret is this key's and the key is still valid."""
        return same_secret(self.salt, self.hash, secret) and self.key.valid


def new_secret() -> Secret:
    """A secret for a new key, with an id for it."""
    key_id, secret, salt = secrets.token_hex(_ID_BYTES), secrets.token_urlsafe(32), secrets.token_bytes(_SALT_BYTES)
    return Secret(key_id=key_id, text=f"{_PREFIX}_{key_id}_{secret}", salt=salt, hash=_hash(salt, secret))


def parts_of(text: str) -> tuple[str, str] | None:
    """Id and secret of what a key reads; None for what is no key."""
    prefix, _, rest = text.partition("_")
    key_id, _, secret = rest.partition("_")
    if prefix != _PREFIX or not secret or not (key_id.isascii() and key_id.isalnum() and len(key_id) <= _LONGEST_ID):
        return None
    return key_id, secret


def same_secret(salt: bytes, stored_hash: bytes, secret: str) -> bool:
    """Whether this is the secret whose hash is stored."""
    return hmac.compare_digest(_hash(salt, secret), stored_hash)


def _hash(salt: bytes, secret: str) -> bytes:
    return hashlib.sha256(salt + secret.encode()).digest()
