"""Transactions: what a cancelled caller, an exception and a light write leave behind."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from sayit.scheduler.db.engine import Database, database_at
from sayit.speech.errors import ErrorKind, SayItError


@pytest.fixture
async def database(empty_database_url: str) -> AsyncIterator[Database]:
    """A database with an empty table."""
    opened = database_at(empty_database_url)
    await opened.write(lambda connection: connection.execute(text("CREATE TABLE t (x INTEGER)")))
    yield opened
    await opened.close()


def insert(connection: Connection) -> None:
    """Writes a row."""
    connection.execute(text("INSERT INTO t VALUES (1)"))


def count(connection: Connection) -> int:
    """The rows that are there."""
    found: int = connection.execute(text("SELECT count(*) FROM t")).scalar_one()
    return found


async def test_an_exception_undoes_everything(database: Database) -> None:
    """What was written before it is gone, and the next transaction works."""

    def fail(connection: Connection) -> None:
        insert(connection)
        raise ValueError("halfway")

    with pytest.raises(ValueError, match="halfway"):
        await database.write(fail)
    assert await database.read(count) == 0
    await database.write(insert, durable=False)
    await database.write(insert)
    assert await database.read(count) == 2


async def test_a_broken_statement_is_an_absent_database(database: Database) -> None:
    """The domain hears UNAVAILABLE, not a driver's error."""
    with pytest.raises(SayItError) as error:
        await database.read(lambda connection: connection.execute(text("SELECT * FROM nothing")))
    assert error.value.kind is ErrorKind.UNAVAILABLE


async def test_a_cancelled_writer_has_written_nothing(tmp_path: Path) -> None:
    """A caller that goes away during its transaction waits for its end, which undoes it; others go on."""
    database = database_at(f"sqlite:///{tmp_path / 'x.db'}")
    await database.write(lambda connection: connection.execute(text("CREATE TABLE t (x INTEGER)")))
    begun, go_on = threading.Event(), threading.Event()

    def slow(connection: Connection) -> None:
        insert(connection)
        begun.set()
        go_on.wait(10)

    writing = asyncio.create_task(database.write(slow))
    await asyncio.to_thread(begun.wait, 10)
    writing.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert await database.read(count) == 0
    await database.write(insert)
    assert await database.read(count) == 1
    await database.close()


async def test_only_durable_writes_wait_for_the_disk(database: Database) -> None:
    """A light transaction leaves the log to the next durable one; this one is not infected by it."""
    question = text("PRAGMA synchronous" if database.is_sqlite else "SHOW synchronous_commit")
    light, full = (1, 2) if database.is_sqlite else ("off", "on")
    for durable, expected in ((True, full), (False, light), (True, full)):
        found = await database.write(lambda connection: connection.execute(question).scalar_one(), durable=durable)
        assert found == expected


async def test_a_locked_file_is_soon_an_absent_database(tmp_path: Path) -> None:
    """While somebody else holds the file everybody hears of it in time, instead of one after the other."""
    opened = database_at(f"sqlite:///{tmp_path / 'd.db'}")
    await opened.write(lambda connection: connection.execute(text("CREATE TABLE t (x INTEGER)")))
    with closing(sqlite3.connect(tmp_path / "d.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        async with asyncio.timeout(30):  # ten of them, each waiting for itself, would take 50 s
            told = await asyncio.gather(*(opened.write(insert) for _ in range(10)), return_exceptions=True)
        assert [error.kind for error in told if isinstance(error, SayItError)] == [ErrorKind.UNAVAILABLE] * 10
        holder.execute("ROLLBACK")
    await opened.write(insert)
    assert await opened.read(count) == 1
    await opened.close()
