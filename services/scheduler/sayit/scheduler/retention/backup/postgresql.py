"""PostgreSQL's rows into an SQLite file and back, by our own schema.

pg_dump would have to be there, and of the server's version or newer; its output would fit one kind of database. Ours is
a few tables without sequences, triggers or types of their own: whatever the migrations make on one kind they make on
the other, and the rows are the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from alembic.util import CommandError
from sqlalchemy import Connection, MetaData, create_engine, event, func, insert, inspect, select, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from sayit.scheduler.db.locks import lock_name
from sayit.scheduler.db.migrations import upgrade
from sayit.scheduler.db.refusal import place_of, reason_of
from sayit.scheduler.retention.backup.archive import BackupError

#: Rows that are copied together; a row of `chunks` or `events` may hold some kilobytes.
_BATCH = 500
_CONNECT_S = 10.0
#: The migrations' own table: each side has its own.
_VERSION = "alembic_version"
#: A database without jobs may hold rows of transcribers that reported there.
_EPHEMERAL = "transcribers"
_SCHEDULERS = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'sayit-scheduler'"
)
#: Leases that were held when the backup was made are not held here. A chunk's attempt still has to be ended.
_FREE_JOBS = text("UPDATE jobs SET lease_owner = NULL, lease_until_s = NULL WHERE lease_owner IS NOT NULL")
_EXPIRE_CLAIMS = text("UPDATE chunks SET lease_until_s = 0 WHERE lease_until_s IS NOT NULL")


def dump(url: URL, target: Path) -> None:
    """Copies one consistent state of a database, also while others write, into a new SQLite file. Blocks.

    Raises:
        BackupError: it does not answer, holds no SayIt, or a newer one.
    """
    target.unlink(missing_ok=True)
    _run(_dump(url, target), url)


def load(source: Path, url: URL) -> None:
    """Copies an SQLite file's rows into an empty database, in one transaction. Blocks.

    Both are brought to this version's schema before.

    Raises:
        BackupError: it does not answer, is in use or not empty, or cannot hold a value.
    """
    _run(_load(source, url), url)


def require_empty(url: URL) -> None:
    """Checks whether `load` would begin. Blocks.

    Raises:
        BackupError: the database does not answer, is in use or not empty.
    """
    _run(_require_empty(url), url)


def _run(work: Coroutine[Any, Any, None], url: URL) -> None:
    where = place_of(url)
    try:
        asyncio.run(work)
    except CommandError as error:
        raise BackupError(f"The database {where} is of another version of SayIt: {error}") from None
    except (SQLAlchemyError, OSError) as error:
        raise BackupError(f"The database {where} does not do it: {reason_of(error)}") from None


@asynccontextmanager
async def _connected(url: URL, **options: Any) -> AsyncIterator[AsyncConnection]:
    """A connection in a transaction."""
    engine = create_async_engine(url, poolclass=NullPool, connect_args={"timeout": _CONNECT_S})
    async with engine.execution_options(**options).begin() as connection:
        yield connection
    await engine.dispose()


async def _dump(url: URL, target: Path) -> None:
    async with _connected(url, isolation_level="REPEATABLE READ", postgresql_readonly=True) as connection:
        if not await connection.run_sync(lambda sync: inspect(sync).has_table(_VERSION)):
            raise BackupError(f"There is no SayIt in the database {url.database}.")
        revision = (await connection.execute(text(f"SELECT version_num FROM {_VERSION}"))).scalar_one()  # noqa: S608
        await upgrade(_sqlite(target), revision)
        await connection.run_sync(_into_file, target)


def _into_file(source: Connection, target: Path) -> None:
    with _opened(target) as file:
        _copy(source, file, _tables(file))
        file.commit()


async def _require_empty(url: URL) -> None:
    async with _connected(url) as connection:
        await connection.run_sync(_refuse_use)
        if await connection.run_sync(lambda sync: inspect(sync).has_table(_VERSION)):
            await connection.run_sync(_refuse_rows)


async def _load(source: Path, url: URL) -> None:
    await upgrade(_sqlite(source))
    await upgrade(url)
    async with _connected(url) as connection:
        # A scheduler that starts now waits in its migration until all is there.
        await connection.run_sync(lock_name, "migrate")
        await connection.run_sync(_refuse_use)
        await connection.run_sync(_refuse_rows)
        await connection.run_sync(_from_file, source)
        await connection.execute(_FREE_JOBS)
        await connection.execute(_EXPIRE_CLAIMS)


def _from_file(target: Connection, source: Path) -> None:
    with _opened(source) as file:
        tables = _tables(file)
        target.execute(tables.tables[_EPHEMERAL].delete())
        _copy(file, target, tables)


def _refuse_use(connection: Connection) -> None:
    if connection.execute(_SCHEDULERS).scalar_one():
        raise BackupError(f"A scheduler runs on the database {connection.engine.url.database}: stop it first.")


def _refuse_rows(connection: Connection) -> None:
    tables = _tables(connection)
    for table in tables.sorted_tables:
        if table.name != _EPHEMERAL and connection.execute(select(func.count()).select_from(table)).scalar_one():
            raise BackupError(
                f"The database {connection.engine.url.database} is not empty: make another one and restore into that."
            )


def _tables(connection: Connection) -> MetaData:
    """The tables as they are, in types that every database knows: an older schema's are not those of the code."""
    found = MetaData()
    event.listen(found, "column_reflect", _generic)
    found.reflect(connection)
    if _VERSION in found.tables:
        found.remove(found.tables[_VERSION])
    return found


def _generic(_inspector: object, _table: object, column: dict[str, Any]) -> None:
    column["type"] = column["type"].as_generic(allow_nulltype=True)


def _copy(source: Connection, target: Connection, tables: MetaData) -> None:
    for table in tables.sorted_tables:
        rows = source.execution_options(yield_per=_BATCH).execute(select(table))
        for batch in rows.mappings().partitions():
            target.execute(insert(table), [dict(row) for row in batch])


def _opened(path: Path) -> closing[Connection]:
    return closing(create_engine(_sqlite(path), poolclass=NullPool).connect())


def _sqlite(path: Path) -> URL:
    return URL.create("sqlite", database=str(path))
