"""Connections and transactions, alike for SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from sayit.speech.errors import ErrorKind, SayItError

#: Connections that are kept; more are opened under load, and closed after use.
CONNECTIONS = 8
#: What PostgreSQL is told of every connection. A scheduler that stops in the middle of a transaction (SIGSTOP, a
#: machine that sleeps) must not keep its locks from the others for ever.
_POSTGRESQL = {
    "application_name": "sayit-scheduler",
    "idle_in_transaction_session_timeout": "15s",
    "lock_timeout": "10s",
}
#: Seconds until a connection or an answer of PostgreSQL is given up.
_CONNECT_S = 5.0
_ANSWER_S = 30.0
#: SQLSTATE class of values that a column cannot hold, such as a NUL in a text.
_DATA_EXCEPTION = "22"


class Database:
    """A pool of connections with two kinds of transaction.

    SQLite allows one writer. A deferred transaction that reads and then writes gets SQLITE_BUSY whatever the timeout
    says, so writers begin with BEGIN IMMEDIATE, and take turns here instead of waiting inside SQLite.

    On PostgreSQL writers run side by side under READ COMMITTED; `locks` says how they keep out of each other's way.
    """

    def __init__(self, url: str) -> None:
        self.url: URL = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._engine: AsyncEngine = create_async_engine(
            self.url,
            pool_size=CONNECTIONS,
            max_overflow=8,
            pool_timeout=10.0,
            pool_pre_ping=not self.is_sqlite,
            connect_args={} if self.is_sqlite else _postgresql_arguments(),
        )
        self._reading = self._engine
        if not self.is_sqlite:
            self._reading = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._turn = asyncio.Lock()
        if self.is_sqlite:
            event.listen(self._engine.sync_engine, "connect", _prepare_sqlite)
            event.listen(self._engine.sync_engine, "begin", _begin_sqlite)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that writes; committed at the end, undone by an exception.

        Raises:
            SayItError: UNAVAILABLE when the database does not answer or cannot write.
        """
        if not self.is_sqlite:
            async with _available(), _connected(self._engine) as connection, connection.begin():
                yield connection
            return
        async with self._turn, _available(), _connected(self._engine) as connection:
            immediate = await connection.execution_options(sayit_write=True)
            async with immediate.begin():
                yield immediate

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that reads one consistent state."""
        async with _available(), _connected(self._reading) as connection, connection.begin():
            yield connection

    async def close(self) -> None:
        """Closes every connection."""
        await self._engine.dispose()


@asynccontextmanager
async def _connected(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection of the pool. Whoever is cancelled while it opens waits for it: else nobody would ever close it."""
    opening = asyncio.ensure_future(_open(engine))
    try:
        connection = await asyncio.shield(opening)
    except asyncio.CancelledError:
        await asyncio.wait({opening})
        if not opening.cancelled() and opening.exception() is None:
            await opening.result().close()
        raise
    try:
        yield connection
    finally:
        await asyncio.shield(connection.close())


async def _open(engine: AsyncEngine) -> AsyncConnection:
    return await engine.connect()


@asynccontextmanager
async def _available() -> AsyncIterator[None]:
    try:
        yield
    except IntegrityError:
        raise
    except (DBAPIError, PoolTimeoutError, OSError) as error:
        if str(getattr(getattr(error, "orig", None), "sqlstate", "")).startswith(_DATA_EXCEPTION):
            raise SayItError(ErrorKind.INVALID_ARGUMENT, field="", reason="a value that cannot be stored") from error
        raise SayItError(ErrorKind.UNAVAILABLE, retry_after_s=2.0, cause=f"database: {error}") from error


def _postgresql_arguments() -> dict[str, object]:
    return {"server_settings": _POSTGRESQL, "timeout": _CONNECT_S, "command_timeout": _ANSWER_S}


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver must not open transactions by itself: `_begin_sqlite` decides how they begin.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Any) -> None:
    write = connection.get_execution_options().get("sayit_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
