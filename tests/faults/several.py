"""Two of everything on a PostgreSQL that may die, and what its database says."""

from __future__ import annotations

import asyncio
import itertools
import random
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
from sqlalchemy.engine import make_url

from tests.end_to_end.cluster import Cluster

from .books import Books
from .harness import SLOW_OPTIONS, Report, clips
from .load import Load

if TYPE_CHECKING:
    from tests.postgresql import PostgresServer

_ANSWER_S = 20.0


class PostgresBooks(Books):
    """`Books` on a PostgreSQL database.

    Args:
        url: SQLAlchemy's.
    """

    def __init__(self, url: str) -> None:
        super().__init__(Path())
        parsed = make_url(url)
        self._where = {"user": parsed.username, "database": parsed.database, "host": parsed.query["host"]}
        # The tests' own loop is busy being tested.
        self._thread = ThreadPoolExecutor(1)

    @contextmanager
    def _open(self) -> Iterator[Any]:
        yield self

    def execute(self, sql: str, values: Sequence[object] = ()) -> _Rows:
        """Runs a statement that is written for SQLite."""
        numbers = itertools.count(1)
        numbered = re.sub(r"\?", lambda _: f"${next(numbers)}", sql)
        return _Rows(self._thread.submit(asyncio.run, self._fetch(numbered, values)).result(_ANSWER_S))

    async def _fetch(self, sql: str, values: Sequence[object]) -> list[Any]:
        connection = await asyncpg.connect(**self._where, timeout=_ANSWER_S)
        try:
            return list(await connection.fetch(sql, *values))
        finally:
            await connection.close()


class _Rows(list[Any]):
    def fetchall(self) -> list[Any]:
        return self

    def fetchone(self) -> Any:
        return self[0] if self else None


@dataclass(frozen=True, kw_only=True)
class Several:
    """A running cluster, its database, and what the clips say on it."""

    cluster: Cluster
    postgres: PostgresServer
    books: PostgresBooks
    texts: dict[str, str]

    def loads(self, rng: random.Random) -> list[Load]:
        """Clients for each gateway."""
        addresses = [address for name, address in self.cluster.addresses.items() if name.startswith("gateway")]
        return [
            Load(address, clips()[:3], self.texts, SLOW_OPTIONS, rng.getrandbits(32)) for address in sorted(addresses)
        ]

    @property
    def schedulers(self) -> list[str]:
        """The schedulers' names."""
        return [name for name in self.cluster.addresses if name.startswith("scheduler")]


@asynccontextmanager
async def at_work(several: Several, report: Report, rng: random.Random) -> AsyncIterator[list[Load]]:
    """Clients of every gateway at work while the block runs; then the common oracle judges what they were promised."""
    loads = several.loads(rng)
    running = asyncio.gather(*(load.run(at_once=3) for load in loads))
    try:
        yield loads
    finally:
        for load in loads:
            load.enough()
    await running
    for load in loads:
        await load.judge(several.books, report)
