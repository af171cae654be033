"""API keys in the database; of their secrets only hashes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, and_, func, insert, or_, select, update

from sayit.chassis.api_keys import StoredKey
from sayit.scheduler.db.audit import record
from sayit.scheduler.db.locks import lock_name
from sayit.scheduler.db.schema import api_keys
from sayit.scheduler.db.transactions import Store, reads, writes, writes_lightly
from sayit.speech.api_keys import ApiKey
from sayit.speech.errors import ErrorKind, SayItError

Row = Any

#: A use is written where the last one that was written is so many seconds old.
USE_GRAIN_S = 60.0


class KeyStore(Store):
    """Keys by id. A tenant of None stands for every tenant: for the operator, and for gateways."""

    @writes
    def create_key(self, connection: Connection, new: StoredKey, *, most: int) -> None:
        """Stores a key; TOO_MANY_KEYS if its tenant has so many already that have not ended."""
        # From counting to committing no other transaction may store one of this tenant's.
        lock_name(connection, f"keys {new.key.tenant}")
        self._insert(connection, new, most)
        record(connection, self._rules, "key.create", tenant=new.key.tenant, subject=new.key.id, detail=_said(new.key))

    @reads
    def list_keys(self, connection: Connection, tenant: str | None) -> list[ApiKey]:
        """Keys, the oldest first."""
        statement = select(api_keys).where(_of(tenant)).order_by(api_keys.c.created_s, api_keys.c.id)
        return [_key_of(row) for row in connection.execute(statement)]

    @writes
    def revoke_key(self, connection: Connection, tenant: str | None, key_id: str) -> ApiKey:
        """Revokes a key; KEY_NOT_FOUND for another tenant's, too. A revoked one stays as it is."""
        revoking = update(api_keys).where(api_keys.c.id == key_id, _of(tenant), api_keys.c.revoked_s.is_(None))
        if connection.execute(revoking.values(revoked_s=time.time())).rowcount:
            key = _found(connection, tenant, key_id)
            record(connection, self._rules, "key.revoke", tenant=key.tenant, subject=key.id)
            return key
        return _found(connection, tenant, key_id)

    @writes
    def rotate_key(
        self, connection: Connection, tenant: str | None, key_id: str, new: StoredKey, *, until_s: float, most: int
    ) -> None:
        """Stores a key that follows an old one, which ends by then; KEY_NOT_FOUND for an old one that has ended.

        Args:
            connection: the transaction's.
            tenant: whose the old one must be.
            key_id: the old one.
            new: the new one, made of the old one as it was.
            until_s: when the old one ends, unless it does so before.
            most: as in `create_key`; the old one does not count.
        """
        lock_name(connection, f"keys {new.key.tenant}")
        ending = update(api_keys).where(api_keys.c.id == key_id, _of(tenant), _valid())
        ends_s = func.coalesce(api_keys.c.expires_s, until_s)
        earlier = ending.values(expires_s=until_s).where(ends_s >= until_s)
        if not connection.execute(earlier).rowcount and not _found(connection, tenant, key_id).valid:
            raise _not_found(key_id)
        self._insert(connection, new, most + 1)
        detail = f"{_said(new.key)} replaces={key_id}"
        record(connection, self._rules, "key.rotate", tenant=new.key.tenant, subject=new.key.id, detail=detail)

    @reads
    def get_key(self, connection: Connection, tenant: str | None, key_id: str) -> ApiKey:
        """A key; KEY_NOT_FOUND for another tenant's, too."""
        return _found(connection, tenant, key_id)

    @reads
    def look_up(self, connection: Connection, key_ids: Sequence[str]) -> list[StoredKey]:
        """Those of these keys that exist, of every tenant."""
        rows = connection.execute(select(api_keys).where(api_keys.c.id.in_(key_ids)))
        return [StoredKey(key=_key_of(row), salt=row.salt, hash=row.hash) for row in rows]

    @writes_lightly
    def note_use(self, connection: Connection, key_ids: Sequence[str]) -> None:
        """Notes that keys were used just now, of those for which this is not noted yet."""
        now_s = time.time()
        stale = or_(api_keys.c.last_used_s.is_(None), api_keys.c.last_used_s < now_s - USE_GRAIN_S)
        connection.execute(update(api_keys).where(api_keys.c.id.in_(key_ids), stale).values(last_used_s=now_s))

    def _insert(self, connection: Connection, new: StoredKey, most: int) -> None:
        key = new.key
        counted = select(func.count()).select_from(api_keys).where(api_keys.c.tenant == key.tenant, _valid())
        if int(connection.execute(counted).scalar_one()) >= most:
            raise SayItError(ErrorKind.TOO_MANY_KEYS, limit=most)
        values = {
            "id": key.id,
            "tenant": key.tenant,
            "name": key.name,
            "scopes": " ".join(key.scopes),
            "salt": new.salt,
            "hash": new.hash,
            "created_s": key.created_at_s,
            "expires_s": key.expires_at_s,
            "requests": key.requests,
            "addresses": " ".join(key.addresses),
        }
        connection.execute(insert(api_keys).values(values))


def _of(tenant: str | None) -> Any:
    return api_keys.c.tenant == tenant if tenant is not None else api_keys.c.id.is_not(None)


def _valid() -> Any:
    not_over = or_(api_keys.c.expires_s.is_(None), api_keys.c.expires_s > time.time())
    return and_(api_keys.c.revoked_s.is_(None), not_over)


def _found(connection: Connection, tenant: str | None, key_id: str) -> ApiKey:
    row = connection.execute(select(api_keys).where(api_keys.c.id == key_id, _of(tenant))).one_or_none()
    if row is None:
        raise _not_found(key_id)
    return _key_of(row)


def _key_of(row: Row) -> ApiKey:
    return ApiKey(
        id=row.id,
        tenant=row.tenant,
        name=row.name,
        scopes=tuple(row.scopes.split()),
        created_at_s=row.created_s,
        expires_at_s=row.expires_s,
        revoked_at_s=row.revoked_s,
        last_used_at_s=row.last_used_s,
        requests=row.requests,
        addresses=tuple(row.addresses.split()),
        signed=not row.hash,
    )


def _said(key: ApiKey) -> str:
    """What the audit log says of a new key."""
    expires = "" if key.expires_at_s is None else f" expires_s={key.expires_at_s:.0f}"
    return f"scopes={','.join(key.scopes)}{expires}{' signed' if key.signed else ''}"


def _not_found(key_id: str) -> SayItError:
    return SayItError(ErrorKind.KEY_NOT_FOUND, key_id=key_id[:64])
