"""Writing beside other schedulers on one PostgreSQL. SQLite has one writer at a time and needs no locks.

Every transaction takes its locks in this order, so that no two wait for each other: the job, its chunks, other rows of
the job, the upload, the garbage. Where a transaction takes many rows of one kind it skips those that are locked instead
of waiting. Under READ COMMITTED each statement sees what was committed before it began; what a decision rests on is
therefore read after its lock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from sqlalchemy import Connection, Table, func, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from sayit.scheduler.db.schema import chunks, jobs, uploads


def lock_job(connection: Connection, job_id: str) -> None:
    """Lets one transaction at a time change a job and its chunks, until the caller's ends."""
    if locks_rows(connection):
        connection.execute(select(jobs.c.id).where(jobs.c.id == job_id).with_for_update(key_share=True))


def lock_job_of(connection: Connection, chunk_id: str) -> None:
    """`lock_job` for the job of a chunk."""
    if locks_rows(connection):
        job_id = select(chunks.c.job_id).where(chunks.c.id == chunk_id).scalar_subquery()
        connection.execute(select(jobs.c.id).where(jobs.c.id == job_id).with_for_update(key_share=True))


def lock_upload(connection: Connection, upload_id: str) -> None:
    """Keeps other transactions from accepting a job on an upload, or changing it, until the caller's ends."""
    if locks_rows(connection):
        # Also against the weakest lock, which a new job's reference to it takes.
        connection.execute(select(uploads.c.id).where(uploads.c.id == upload_id).with_for_update())


def lock_name(connection: Connection, name: str) -> None:
    """Lets one transaction at a time do what the name stands for, until the caller's ends."""
    if locks_rows(connection):
        connection.execute(select(func.pg_advisory_xact_lock(_number(name))))


def try_lock_name(connection: Connection, name: str) -> bool:
    """`lock_name` without waiting; whether it got the lock."""
    if not locks_rows(connection):
        return True
    return bool(connection.execute(select(func.pg_try_advisory_xact_lock(_number(name)))).scalar_one())


def put(connection: Connection, table: Table, key: Mapping[str, object], values: Mapping[str, object]) -> None:
    """Inserts a row, or replaces these values of the one that has this key, inside the caller's transaction.

    It is one statement, so that two writers at once cannot both insert it.
    """
    row = {**key, **values}
    if connection.dialect.name == "sqlite":
        connection.execute(sqlite_insert(table).values(row).on_conflict_do_update(list(key), set_=values))
    else:
        connection.execute(
            postgresql_insert(table).values(row).on_conflict_do_update(index_elements=list(key), set_=values)
        )


def locks_rows(connection: Connection) -> bool:
    """Whether rows may be locked by others, because several transactions write at once."""
    return connection.dialect.name != "sqlite"


def _number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
