"""The scheduler's service of keys, in a few lines."""

# ruff: noqa: D102, N802 - the methods are the proto's

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from sayit.chassis.api_keys import StoredKey, new_secret
from sayit.internal.v1 import key_service_pb2, key_service_pb2_grpc
from sayit.speech import wire
from sayit.speech.api_keys import ApiKey
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.request_signatures import SigningKey

#: Of which keys are made that sign.
SIGNING_SECRET = "a-secret-of-these-tests-and-of-no-other-ones"


@dataclass
class FakeKeys(key_service_pb2_grpc.KeyServiceServicer):
    """Keys of the database, in memory."""

    stored: dict[str, StoredKey] = field(default_factory=dict)
    #: Whether the database is away.
    away: bool = False
    #: Ids of every question, and those that were used.
    asked: list[list[str]] = field(default_factory=list)
    used: list[str] = field(default_factory=list)

    def create(self, **values: Any) -> tuple[str, str]:
        """A key's id, and what it reads."""
        secret = new_secret()
        key = ApiKey(**{"id": secret.key_id, "tenant": "acme", **values})
        self.stored[key.id] = StoredKey(key=key, salt=secret.salt, hash=secret.hash)
        return key.id, secret.text

    def create_signing(self, **values: Any) -> SigningKey:
        """A key that signs, of `SIGNING_SECRET`."""
        key_id, _ = self.create(signed=True, **values)
        self.stored[key_id] = replace(self.stored[key_id], salt=b"", hash=b"")
        return SigningKey.made(SIGNING_SECRET, key_id)

    def revoke(self, key_id: str) -> None:
        """Revokes a key."""
        stored = self.stored[key_id]
        self.stored[key_id] = replace(stored, key=replace(stored.key, revoked_at_s=1.0))

    async def LookUpKeys(self, request: Any, context: Any) -> key_service_pb2.LookUpKeysResponse:
        self.asked.append(list(request.key_ids))
        if self.away:
            raise SayItError(ErrorKind.UNAVAILABLE, cause="database")
        self.used += request.used_key_ids
        found = [self.stored[one] for one in request.key_ids if one in self.stored]
        keys = [key_service_pb2.StoredKey(key=wire.key_to_proto(k.key), salt=k.salt, hash=k.hash) for k in found]
        return key_service_pb2.LookUpKeysResponse(keys=keys)
