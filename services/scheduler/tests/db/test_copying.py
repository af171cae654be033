"""Rows that a backup takes from PostgreSQL to an SQLite file and back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from alembic.script import ScriptDirectory
from sqlalchemy.engine import URL, make_url

from sayit.scheduler.db.migrations import config, downgrade
from sayit.scheduler.retention.backup import postgresql

from .helper import stores
from .test_migrations import Rows, fill, rows_at

if TYPE_CHECKING:
    from tests.postgresql import PostgresServer

#: Nobody holds a lease in a database that was just restored.
_LEASES = {"lease_owner", "lease_until_s"}


def _without_leases(rows: Rows) -> Rows:
    return {
        name: [{key: value for key, value in row.items() if key not in _LEASES} for row in table]
        for name, table in rows.items()
    }


async def test_every_value_survives_the_way_to_sqlite_and_back(tmp_path: Path, shared_postgres: PostgresServer) -> None:
    """Rows of every table, of the newest schema, the one before and the first, are the same in another database."""
    file = URL.create("sqlite", database=str(tmp_path / "copy.db"))
    with shared_postgres.database() as url:
        source = make_url(url)
        async with stores(url) as s:
            await fill(s)
        newest, before, *_, first = ScriptDirectory.from_config(config(source)).walk_revisions()
        for script in (newest, before, first):
            await downgrade(source, script.revision)
            saved = await rows_at(source)
            assert all(saved.values())
            await asyncio.to_thread(postgresql.dump, source, tmp_path / "copy.db")
            assert await rows_at(file) == saved
        with shared_postgres.database() as other:
            await asyncio.to_thread(postgresql.load, tmp_path / "copy.db", make_url(other))
            restored = _without_leases(await rows_at(make_url(other)))
    for name, rows in _without_leases(saved).items():
        for before, after in zip(rows, restored[name], strict=True):
            assert before.items() <= after.items()
