"""Alembic's entry: runs the migrations on the database of the URL it is given."""

from __future__ import annotations

import asyncio

from alembic import context
from sqlalchemy import Connection, create_engine
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from sayit.scheduler.db.locks import lock_name
from sayit.scheduler.db.schema import metadata


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection, target_metadata=metadata, render_as_batch=True, transaction_per_migration=True
    )
    with context.begin_transaction():
        context.run_migrations()


def _migrate_sqlite(url: URL) -> None:
    engine = create_engine(url.set(drivername="sqlite"), poolclass=NullPool)
    with engine.begin() as connection:
        _migrate(connection)
    engine.dispose()


async def _migrate_postgresql(url: URL) -> None:
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.begin() as connection:
        # Several schedulers may start at once; the others find the work done.
        await connection.run_sync(lock_name, "migrate")
        await connection.run_sync(_migrate)
    await engine.dispose()


_url: URL = context.config.attributes["url"]
if _url.get_backend_name() == "sqlite":
    _migrate_sqlite(_url)
else:
    asyncio.run(_migrate_postgresql(_url))
