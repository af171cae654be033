"""The schema's history: `upgrade` brings a database to a version of it, `is_newest` tells whether there is need to.

Alembic is imported only where it migrates: it takes 10 MB and half a second, and most starts do not need it.
"""

from __future__ import annotations

import asyncio
import re
from importlib.metadata import version as _own_version
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, insert, inspect, select
from sqlalchemy.engine import URL

from sayit.chassis.start import StartError
from sayit.scheduler.db.locks import lock_name
from sayit.scheduler.db.schema import metadata

if TYPE_CHECKING:
    from alembic.config import Config

#: The revision of `schema`.
NEWEST = "0015"
_REVISION = re.compile("[0-9]{4}")

_version = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


def is_newest(connection: Connection) -> bool:
    """Whether a database has the newest schema; an empty one gets it at once, which is what all migrations come to.

    Raises:
        StartError: it has a schema of a later version of SayIt, or tables of another program.
    """
    lock_name(connection, "migrate")
    names = inspect(connection).get_table_names()
    if not names:
        metadata.create_all(connection)
        _version.create(connection)
        connection.execute(insert(_version).values(version_num=NEWEST))
        return True
    if _version.name not in names:
        raise StartError(f"the database has tables of another program ({names[0]}): SayIt needs one of its own")
    found = connection.execute(select(_version.c.version_num)).scalar()
    if found is not None and not _REVISION.fullmatch(found):
        raise StartError(f"the database has the schema {found} of another program: SayIt needs one of its own")
    if found is not None and found > NEWEST:
        raise StartError(
            f"the database has the schema {found} of a later version of SayIt, and {_own_version('sayit')} knows up to "
            f"{NEWEST}: start the later version, or restore the backup that was made before it"
        )
    return bool(found == NEWEST)


def config(url: URL) -> Config:
    """Alembic's configuration for a database."""
    from alembic.config import Config  # noqa: PLC0415 - see above

    result = Config()
    result.set_main_option("script_location", str(Path(__file__).parent))
    result.attributes["url"] = url
    return result


async def upgrade(url: URL, revision: str = "head") -> None:
    """Migrates forward. Alembic is synchronous, so it runs in a thread with an event loop of its own."""
    from alembic import command  # noqa: PLC0415 - see above

    await asyncio.to_thread(command.upgrade, config(url), revision)


async def downgrade(url: URL, revision: str) -> None:
    """Migrates back."""
    from alembic import command  # noqa: PLC0415 - see above

    await asyncio.to_thread(command.downgrade, config(url), revision)
