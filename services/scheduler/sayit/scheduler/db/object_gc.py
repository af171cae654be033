"""The bin: prefixes of objects that no row names any more.

Rows go first, objects follow: nothing dangles, and nothing stays.
"""

from __future__ import annotations

import time

from sqlalchemy import Connection, delete, insert, select

from sayit.scheduler.db.schema import object_garbage

#: Seconds that a prefix stays in the bin and is emptied again and again: whoever lost the right to write under it, such
#: as a preparer whose job was deleted, may just be doing so.
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
    """Forgets a prefix whose objects are gone, once nobody can be writing under it any more."""
    old = object_garbage.c.created_s < time.time() - LINGER_S
    connection.execute(delete(object_garbage).where(object_garbage.c.prefix == prefix, old))
