"""The places of API keys that `sayit keys` works on: a file, the scheduler's database, the service."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol, TypeVar

from sayit.chassis import principal
from sayit.chassis.principal import Principal
from sayit.chassis.settings import secrets_of
from sayit.cli import scheduler_database
from sayit.cli.connection import SuiteConnection
from sayit.cli.exit_codes import Exit, Failure, failing
from sayit.gateway.auth import keys as key_file
from sayit.scheduler.api.key_control import KeyControl
from sayit.scheduler.db.api_keys import KeyStore
from sayit.scheduler.db.migrations import is_newest
from sayit.scheduler.rules import rules_of
from sayit.scheduler.settings import SchedulerSettings
from sayit.speech.api_keys import DEFAULT_SCOPES, ApiKey, NewApiKey

T = TypeVar("T")

#: Who does in the audit log what this command does.
_OPERATOR = "operator"


class Keys(Protocol):
    """Keys in one place. Every method raises Failure or SayItError for what cannot be done."""

    def create(
        self,
        tenant: str,
        *,
        name: str,
        scopes: Sequence[str],
        valid_for_s: float | None,
        requests: str,
        addresses: Sequence[str],
        signed: bool,
    ) -> NewApiKey:
        """Makes a key."""

    def listed(self) -> Sequence[ApiKey]:
        """All keys, the oldest first."""

    def revoke(self, key_id: str) -> ApiKey:
        """Revokes a key."""

    def rotate(self, key_id: str, *, overlap_s: float) -> NewApiKey:
        """Makes a key in place of one."""


class FileKeys:
    """Keys of a file."""

    def __init__(self, path: Path | None) -> None:
        if path is None:
            raise Failure(Exit.USAGE, "--in file: name it with --file or SAYIT_API_KEYS_FILE")
        self._path = path

    def create(
        self,
        tenant: str,
        *,
        name: str,
        scopes: Sequence[str],
        valid_for_s: float | None,
        requests: str,
        addresses: Sequence[str],
        signed: bool,
    ) -> NewApiKey:
        """See `Keys`."""
        if signed:
            raise Failure(Exit.USAGE, "Keys that sign are kept in the database.")
        with failing(key_file.KeysFileError):
            key, secret = key_file.create_key(
                self._path,
                tenant=tenant,
                name=name,
                scopes=scopes or DEFAULT_SCOPES,
                valid_for=None if valid_for_s is None else timedelta(seconds=valid_for_s),
                requests=requests,
                addresses=addresses,
            )
        return NewApiKey(key=_of_file(key), secret=secret)

    def listed(self) -> Sequence[ApiKey]:
        """See `Keys`."""
        with failing(key_file.KeysFileError):
            return [_of_file(key) for key in key_file.list_keys(self._path)]

    def revoke(self, key_id: str) -> ApiKey:
        """See `Keys`."""
        with failing(key_file.KeysFileError):
            return _of_file(key_file.revoke_key(self._path, key_id))

    def rotate(self, key_id: str, *, overlap_s: float) -> NewApiKey:
        """See `Keys`."""
        with failing(key_file.KeysFileError):
            key, secret = key_file.rotate_key(self._path, key_id, timedelta(seconds=overlap_s))
        return NewApiKey(key=_of_file(key), secret=secret)


class DatabaseKeys:
    """Keys of the scheduler's database, of every tenant; the suite may run meanwhile, or never have run."""

    def __init__(self, data: Path) -> None:
        self._settings = SchedulerSettings(data_dir=data)

    def create(
        self,
        tenant: str,
        *,
        name: str,
        scopes: Sequence[str],
        valid_for_s: float | None,
        requests: str,
        addresses: Sequence[str],
        signed: bool,
    ) -> NewApiKey:
        """See `Keys`."""
        return self._done(
            lambda keys: keys.create(
                tenant,
                name=name,
                scopes=scopes,
                valid_for_s=valid_for_s,
                requests=requests,
                addresses=addresses,
                signed=signed,
            )
        )

    def listed(self) -> Sequence[ApiKey]:
        """See `Keys`."""
        return self._done(lambda keys: keys.store.list_keys(None))

    def revoke(self, key_id: str) -> ApiKey:
        """See `Keys`."""
        return self._done(lambda keys: keys.store.revoke_key(None, key_id))

    def rotate(self, key_id: str, *, overlap_s: float) -> NewApiKey:
        """See `Keys`."""
        return self._done(lambda keys: keys.rotate(None, key_id, overlap_s=overlap_s))

    def _done(self, work: Callable[[KeyControl], Awaitable[T]]) -> T:
        async def connected() -> T:
            async with scheduler_database.opened(self._settings, made=True) as database:
                if not await database.write(is_newest):
                    raise Failure(Exit.FAILED, "The database is of another version: start its scheduler first.")
                with principal.use(Principal(key_id=_OPERATOR, tenant=_OPERATOR)):
                    store = KeyStore(database, rules_of(self._settings, webhooks=False))
                    return await work(KeyControl(store, secrets_of(self._settings.signing_secrets)))

        return asyncio.run(connected())


class ServiceKeys:
    """Keys of the caller's tenant, through the gateway."""

    def __init__(self, connection: SuiteConnection) -> None:
        self._connection = connection

    def create(
        self,
        tenant: str,  # noqa: ARG002 - it is the caller's
        *,
        name: str,
        scopes: Sequence[str],
        valid_for_s: float | None,
        requests: str,
        addresses: Sequence[str],
        signed: bool,
    ) -> NewApiKey:
        """See `Keys`."""
        return self._connection.call(
            lambda client: client.create_key(
                name, scopes, valid_for_s=valid_for_s, requests=requests, addresses=addresses, signed=signed
            )
        )

    def listed(self) -> Sequence[ApiKey]:
        """See `Keys`."""
        return self._connection.call(lambda client: client.list_keys())

    def revoke(self, key_id: str) -> ApiKey:
        """See `Keys`."""
        return self._connection.call(lambda client: client.revoke_key(key_id))

    def rotate(self, key_id: str, *, overlap_s: float) -> NewApiKey:
        """See `Keys`."""
        return self._connection.call(lambda client: client.rotate_key(key_id, overlap_s=overlap_s))


def _of_file(key: key_file.FileKey) -> ApiKey:
    return ApiKey(
        id=key.id,
        tenant=key.tenant,
        name=key.name,
        scopes=key.scopes,
        created_at_s=datetime.fromisoformat(key.created).timestamp(),
        expires_at_s=datetime.fromisoformat(key.expires).timestamp() if key.expires else None,
        revoked_at_s=datetime.fromisoformat(key.revoked).timestamp() if key.revoked else None,
        requests=key.requests,
        addresses=key.addresses,
    )
