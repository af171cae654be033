"""All stores on one database, opened together."""

from __future__ import annotations

import fcntl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sayit.scheduler.stores.chunk_cache import SqlChunkCache
from sayit.scheduler.stores.chunks import SqlChunks
from sayit.scheduler.stores.database import Database, database_at
from sayit.scheduler.stores.fleet import SqlFleet
from sayit.scheduler.stores.jobs import SqlJobs
from sayit.scheduler.stores.leases import SqlLeases
from sayit.scheduler.stores.looks import SqlLooks
from sayit.scheduler.stores.migrations import is_newest, upgrade
from sayit.scheduler.stores.uploads import SqlUploads
from sayit.scheduler.stores.vocabularies import SqlVocabularies
from sayit.speech.errors import ErrorKind, SayItError


class SqlJobStore(SqlJobs, SqlLeases):
    """`ports.JobStore` on a database."""


@dataclass(frozen=True, kw_only=True)
class Stores:
    """Every store of the scheduler."""

    uploads: SqlUploads
    jobs: SqlJobStore
    chunks: SqlChunks
    looks: SqlLooks
    chunk_cache: SqlChunkCache
    fleet: SqlFleet
    vocabularies: SqlVocabularies
    #: Whether no other scheduler can be on this database.
    exclusive: bool


@asynccontextmanager
async def opened(url: str, *, result_ttl_s: float) -> AsyncIterator[Stores]:
    """Migrates the database and opens its stores.

    Args:
        url: SQLAlchemy URL, with an asynchronous driver unless it is SQLite's.
        result_ttl_s: seconds that an ended job is kept.

    Raises:
        SayItError: UNAVAILABLE when another scheduler holds the SQLite file.
    """
    database = database_at(url)
    with _only_one(database):
        if not await database.write(is_newest):
            await upgrade(database.url)
        try:
            yield Stores(
                uploads=SqlUploads(database),
                jobs=SqlJobStore(database, result_ttl_s=result_ttl_s),
                chunks=SqlChunks(database, result_ttl_s=result_ttl_s),
                looks=SqlLooks(database),
                chunk_cache=SqlChunkCache(database),
                fleet=SqlFleet(database),
                vocabularies=SqlVocabularies(database),
                exclusive=database.is_sqlite,
            )
        finally:
            await database.close()


@contextmanager
def _only_one(database: Database) -> Iterator[None]:
    """Holds a lock beside an SQLite file: two schedulers on one file would wait for each other's writes all day."""
    if not database.is_sqlite or not database.url.database or database.url.database == ":memory:":
        yield
        return
    path = Path(database.url.database)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SayItError(ErrorKind.UNAVAILABLE, cause=f"another scheduler uses {path}") from None
        yield
