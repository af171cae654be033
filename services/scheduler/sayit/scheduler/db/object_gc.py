"""Object garbage collection: prefixes of objects that no row names any more.

Rows are deleted first, objects afterwards: no row names a missing object, and no object stays without a row.
"""

from __future__ import annotations

import time

from sqlalchemy import Connection, delete, insert, select

from sayit.scheduler.db.schema import object_garbage

#: Seconds that a prefix stays marked and is emptied again and again: a process that lost the right to write under it,
#: such as a preparer whose job was deleted, may still be writing.
LINGER_S = 120.0


def mark_as_garbage(connection: Connection, prefix: str) -> None:
    """Marks a prefix for deletion inside the caller's transaction; a prefix belongs to one row and goes once."""
    connection.execute(insert(object_garbage).values(prefix=prefix, created_s=time.time()))


def garbage(connection: Connection) -> list[str]:
    """The prefixes to delete, oldest first."""
    return list(
        connection.execute(select(object_garbage.c.prefix).order_by(object_garbage.c.created_s).limit(500)).scalars()
    )


def forget(connection: Connection, prefix: str) -> None:
    """Unmarks a prefix whose objects are deleted, once `LINGER_S` has passed."""
    old = object_garbage.c.created_s < time.time() - LINGER_S
    connection.execute(delete(object_garbage).where(object_garbage.c.prefix == prefix, old))
