"""Writing a row whether or not it is there, in one statement, so that two writers at once cannot both insert it."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, Table
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert


def put(connection: Connection, table: Table, key: Mapping[str, object], values: Mapping[str, object]) -> None:
    """Inserts a row, or replaces these values of the one that has this key, inside the caller's transaction."""
    row = {**key, **values}
    if connection.dialect.name == "sqlite":
        connection.execute(sqlite_insert(table).values(row).on_conflict_do_update(list(key), set_=values))
    else:
        connection.execute(
            postgresql_insert(table).values(row).on_conflict_do_update(index_elements=list(key), set_=values)
        )
