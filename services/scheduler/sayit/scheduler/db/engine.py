"""Transactions, alike for SQLite and PostgreSQL. One transaction is one function of a connection."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from sayit.chassis import principal
from sayit.chassis.principal import Principal
from sayit.speech.errors import ErrorKind, SayItError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

R = TypeVar("R")
Work = Callable[[Connection], R]
#: Takes a job's id and a serialized event of it; returns at once, and raises nothing.
Publish = Callable[[str, bytes], None]

#: Connections that are kept; more are opened under load, and closed after use.
CONNECTIONS = 8
#: Threads that read SQLite. Two cores gain nothing from more, and long reads must not hold up short ones.
_READERS = 4
#: Seconds that SQLite waits for another process's lock. Transactions that waited so long behind one which failed are
#: not tried: each would take as long again, and their callers are to get UNAVAILABLE soon.
_LOCK_S = 5.0
_LOCK_MS = int(_LOCK_S * 1000)
#: Milliseconds that the log's emptying waits for readers.
_ERASE_MS = 200
#: What PostgreSQL is told of every connection. A scheduler that stops in the middle of a transaction (SIGSTOP, a
#: machine that sleeps) must not keep its locks without end.
_POSTGRESQL = {
    "application_name": "sayit-scheduler",
    "idle_in_transaction_session_timeout": "15s",
    "lock_timeout": "10s",
}
#: Seconds until a connection or an answer of PostgreSQL is given up.
_CONNECT_S = 5.0
_ANSWER_S = 30.0
#: Where a connection keeps the effects of its transaction.
_EFFECTS = "sayit_effects"
#: SQLSTATE class of values that a column cannot hold, such as a NUL in a text.
_DATA_EXCEPTION = "22"


@dataclass(kw_only=True)
class _Effects:
    """What is to be done once a transaction is committed."""

    events: list[tuple[str, bytes]] = field(default_factory=list)
    #: See `after_commit`.
    then: list[Callable[[], None]] = field(default_factory=list)
    #: Whether it deleted what users said or wrote.
    deleted: bool = False
    #: Whose call the transaction serves; None for what the scheduler does by itself.
    caller: Principal | None = None


class Database(ABC):
    """Runs transactions. Work is a function of a connection; it is called once, and must not touch the event loop.

    Args:
        url: where it is.
    """

    #: Whether it has one writer, and so one scheduler.
    is_sqlite: bool

    def __init__(self, url: URL) -> None:
        self.url = url
        #: Called with the events that a transaction has appended (`publish`), once it is committed.
        self.published: Publish | None = None
        self._unerased = True

    async def write(self, work: Work[R], *, durable: bool = True) -> R:
        """Runs a transaction that writes; committed at the end, undone by an exception.

        Args:
            work: what to do.
            durable: whether a machine that loses its power must not lose it. What is not durable survives the end of
                this process all the same, and a durable transaction makes all that came before it durable, too.

        Raises:
            SayItError: UNAVAILABLE when the database does not answer or cannot write.
        """
        effects = _Effects(caller=principal.current_or_none())  # taken here: the work may run in another thread

        def collecting(connection: Connection) -> R:
            connection.info[_EFFECTS] = effects
            return work(connection)

        result = await self._write(collecting, durable=durable)
        self._unerased = self._unerased or effects.deleted
        for action in effects.then:
            action()
        if self.published is not None:
            for job_id, event in effects.events:
                self.published(job_id, event)
        return result

    async def erase(self) -> None:
        """Overwrites what was deleted since the last time, as far as the database keeps it anywhere.

        Where a reader is in the way the next call does it.

        Raises:
            SayItError: UNAVAILABLE.
        """
        if self._unerased:
            self._unerased = False
            try:
                self._unerased = not await self._erase()
            except BaseException:
                self._unerased = True
                raise

    async def _erase(self) -> bool:
        """PostgreSQL keeps old rows until its own vacuum, and its log for as long as its operator says."""
        return True

    @abstractmethod
    async def _write(self, work: Work[R], *, durable: bool) -> R: ...

    @abstractmethod
    async def read(self, work: Work[R]) -> R:
        """Runs a transaction that reads one consistent state."""

    @abstractmethod
    async def close(self) -> None:
        """Closes every connection."""


def database_at(url: str) -> Database:
    """The database that an SQLAlchemy URL names.

    SQLite needs no driver in it; one that is named, such as aiosqlite in URLs of earlier versions, is not used.
    """
    parsed = make_url(url)
    return SqliteDatabase(parsed) if parsed.get_backend_name() == "sqlite" else PostgresqlDatabase(parsed)


def publish(connection: Connection, job_id: str, events: Iterable[bytes]) -> None:
    """Has serialized events published once the caller's transaction is committed, and only then."""
    effects: _Effects = connection.info[_EFFECTS]
    effects.events += [(job_id, event) for event in events]


def deleted(connection: Connection) -> None:
    """Notes that the caller's transaction deletes what users said or wrote; see `Database.erase`."""
    effects: _Effects = connection.info[_EFFECTS]
    effects.deleted = True


def caller(connection: Connection) -> Principal | None:
    """Whose call the transaction serves; None for what the scheduler does by itself."""
    effects: _Effects = connection.info[_EFFECTS]
    return effects.caller


def after_commit(connection: Connection, action: Callable[[], None]) -> None:
    """Has something small done once the caller's transaction is committed, and only then, such as counting it."""
    effects: _Effects = connection.info[_EFFECTS]
    effects.then.append(action)


def _close_to_others(file: Path) -> None:
    """Repairs what an earlier version's `sayit keys` made readable; SQLite's other files have the database's mode."""
    for each in (file, Path(f"{file}-wal"), Path(f"{file}-shm")):
        with suppress(OSError):  # there is none, or it is another user's
            if each.is_file() and each.stat().st_mode & 0o077:
                each.chmod(0o600)


class SqliteDatabase(Database):
    """SQLite in threads of ours, a whole transaction at a time.

    A statement takes microseconds, so the way to another thread and back is what a transaction costs: it is paid once,
    not for every statement, as asynchronous drivers do.

    SQLite allows one writer. A deferred transaction that reads and then writes gets SQLITE_BUSY whatever the timeout
    says, so writers begin with BEGIN IMMEDIATE, and take turns in one thread instead of waiting inside SQLite.
    """

    is_sqlite = True

    def __init__(self, url: URL) -> None:
        super().__init__(url.set(drivername="sqlite"))
        _close_to_others(Path(self.url.database or ""))
        self._engine: Engine = create_engine(
            self.url,
            pool_size=_READERS + 1,
            max_overflow=0,
            pool_timeout=10.0,
        )
        event.listen(self._engine, "connect", _prepare_sqlite)
        event.listen(self._engine, "begin", _begin_sqlite)
        #: When a transaction failed last, on the monotonic clock.
        self._failed_s = 0.0
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="database-write")
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="database-read")

    async def _write(self, work: Work[R], *, durable: bool) -> R:
        return await self._run(self._writer, work, {"sayit_write": True, "sayit_durable": durable})

    async def read(self, work: Work[R]) -> R:
        """See `Database`."""
        return await self._run(self._readers, work, {})

    async def _erase(self) -> bool:
        """Moves the log's pages into the file, where deleted text is zeros (`secure_delete`), and empties the log."""

        def checkpoint() -> bool:
            # Outside of any transaction; in the writer's thread, but not for as long as a backup reads.
            with _available(), closing(self._engine.raw_connection()) as connection:
                cursor = connection.cursor()
                cursor.execute(f"PRAGMA busy_timeout={_ERASE_MS}")
                try:
                    [busy, *_] = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                finally:
                    cursor.execute(f"PRAGMA busy_timeout={_LOCK_MS}")
                return not busy

        return await asyncio.get_running_loop().run_in_executor(self._writer, checkpoint)

    async def close(self) -> None:
        """See `Database`."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._writer.shutdown()
        self._readers.shutdown()
        self._engine.dispose()

    async def _run(self, threads: ThreadPoolExecutor, work: Work[R], options: dict[str, bool]) -> R:
        abandoned = threading.Event()
        submitted_s = time.monotonic()

        def turn() -> R:
            if self._failed_s > submitted_s < time.monotonic() - _LOCK_S:
                raise SayItError(ErrorKind.UNAVAILABLE, retry_after_s=2.0, cause="database: earlier ones failed")
            try:
                return self._transaction(work, options, abandoned)
            except SayItError as error:
                if error.kind is ErrorKind.UNAVAILABLE:
                    self._failed_s = time.monotonic()
                raise

        running = asyncio.get_running_loop().run_in_executor(threads, turn)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            # The caller no longer waits, so nothing is to be committed; a commit that has begun is waited for.
            abandoned.set()
            await asyncio.wait({running})
            if not running.cancelled():
                running.exception()
            raise

    def _transaction(self, work: Work[R], options: dict[str, bool], abandoned: threading.Event) -> R:
        with _available(), self._engine.connect() as connection:
            with connection.execution_options(**options).begin() as transaction:
                result = work(connection)
                if abandoned.is_set():
                    transaction.rollback()
            return result


class PostgresqlDatabase(Database):
    """A pool of connections to PostgreSQL.

    Writers run side by side under READ COMMITTED; `locks` says how they keep out of each other's way.
    """

    is_sqlite = False

    def __init__(self, url: URL) -> None:
        # SQLAlchemy's asynchronous half takes 4 MB, and SQLite does without it.
        from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415

        super().__init__(url)
        self._engine: AsyncEngine = create_async_engine(
            url,
            pool_size=CONNECTIONS,
            max_overflow=8,
            pool_timeout=10.0,
            pool_pre_ping=True,
            connect_args={"server_settings": _POSTGRESQL, "timeout": _CONNECT_S, "command_timeout": _ANSWER_S},
        )
        self._reading = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    async def _write(self, work: Work[R], *, durable: bool) -> R:
        with _available():
            async with _connected(self._engine) as connection, connection.begin():
                if not durable:
                    await connection.execute(text("SET LOCAL synchronous_commit TO OFF"))
                return await connection.run_sync(work)

    async def read(self, work: Work[R]) -> R:
        """See `Database`."""
        with _available():
            async with _connected(self._reading) as connection, connection.begin():
                return await connection.run_sync(work)

    async def close(self) -> None:
        """See `Database`."""
        await self._engine.dispose()


@asynccontextmanager
async def _connected(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection of the pool. A caller cancelled while it opens waits for it: else it would never be closed."""
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


@contextmanager
def _available() -> Iterator[None]:
    """The database's errors in our terms; what a constraint forbids is its caller's business."""
    try:
        yield
    except IntegrityError:
        raise
    except (DBAPIError, PoolTimeoutError, sqlite3.Error, OSError) as error:
        if str(getattr(getattr(error, "orig", None), "sqlstate", "")).startswith(_DATA_EXCEPTION):
            raise SayItError(ErrorKind.INVALID_ARGUMENT, field="", reason="a value that cannot be stored") from error
        raise SayItError(ErrorKind.UNAVAILABLE, retry_after_s=2.0, cause=f"database: {error}") from error


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver must not open transactions by itself: `_begin_sqlite` decides how they begin.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", f"busy_timeout={_LOCK_MS}", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if not options.get("sayit_write", False):
        connection.exec_driver_sql("BEGIN")
        return
    # NORMAL leaves the log to be synchronised by the next transaction under FULL.
    synchronous = "FULL" if options.get("sayit_durable", True) else "NORMAL"
    connection.exec_driver_sql(f"PRAGMA synchronous={synchronous}")
    connection.exec_driver_sql("BEGIN IMMEDIATE")
