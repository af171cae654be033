"""An older scheduler goes on beside a newer one that has migrated their database: what it writes is stored and read."""

from __future__ import annotations

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, delete, select, update
from sqlalchemy.engine import make_url

from sayit.scheduler.db.engine import database_at
from sayit.scheduler.db.migrations import NEWEST, config, downgrade, upgrade
from sayit.speech.jobs import JobState

from .helper import stores
from .test_migrations import fill, rows_at, rows_of

#: Steps that an older version may be behind.
_STEPS = 3


@pytest.mark.parametrize("steps", range(1, _STEPS + 1))
async def test_what_an_older_version_writes_is_stored_and_read_by_this_one(steps: int, empty_database_url: str) -> None:
    """Rows with the older schema's columns alone can be inserted, changed and read after the migration."""
    url = make_url(empty_database_url)
    revisions = [script.revision for script in ScriptDirectory.from_config(config(url)).walk_revisions()]
    assert revisions[0] == NEWEST
    async with stores(empty_database_url) as s:
        await fill(s)
    await downgrade(url, revisions[steps])
    older, rows = MetaData(), await rows_at(url)
    database = database_at(empty_database_url)
    await database.read(older.reflect)
    await upgrade(url)

    def write_as_before(connection: Connection) -> None:
        tables = [table for table in older.sorted_tables if table.name in rows]
        for table in reversed(tables):
            connection.execute(delete(table))
        for table in tables:
            for row in rows[table.name]:
                connection.execute(table.insert().values(row))
        connection.execute(update(older.tables["jobs"]).values(last_seq=older.tables["jobs"].c.last_seq + 1))
        for table in tables:
            assert len(connection.execute(select(table)).all()) == len(rows[table.name])

    await database.write(write_as_before)
    now = await database.read(rows_of)
    await database.close()
    assert {name: len(now[name]) for name in rows} == {name: len(found) for name, found in rows.items()}
    async with stores(empty_database_url) as s:
        job = await s.jobs.get_job("t", "j")
        assert job.state is JobState.RUNNING
        assert [each.output.segments[0].text for each in await s.chunks.done_chunks("j")] == ["안녕"]
        s.rules.usage_s = 60.0
        cancelled, done = await s.jobs.cancel_job("t", "j")
        assert done
        assert cancelled.state is JobState.CANCELLED
        assert await s.usage.usage(since_s=0.0, groups=(), tenant="", utc_offset_s=0, limit=1)
