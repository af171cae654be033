"""The scheduler's database, for commands that work on it beside a running suite, or before there is one."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sayit.chassis.process import in_one_line
from sayit.cli.exit_codes import Exit, Failure
from sayit.scheduler.db.engine import Database, database_at
from sayit.scheduler.settings import SchedulerSettings
from sayit.speech.errors import ErrorKind, SayItError


@asynccontextmanager
async def opened(settings: SchedulerSettings, *, made: bool = False) -> AsyncIterator[Database]:
    """The database of these settings; the block's end closes it.

    Args:
        settings: the scheduler's.
        made: whether it is made where there is none; then it is its user's alone, as all that a suite writes.

    Raises:
        Failure: there is none, or it does not answer; the line says why.
    """
    file = settings.data_dir.resolve() / "sayit.db"
    if made:
        os.umask(0o077)
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    elif not settings.database_url.get_secret_value() and not file.exists():
        raise Failure(Exit.FAILED, f"There is no database at {file}.")
    database = database_at(settings.database())
    try:
        yield database
    except SayItError as error:
        if error.kind is ErrorKind.UNAVAILABLE:
            raise Failure(Exit.UNAVAILABLE, in_one_line(error)) from None
        raise
    finally:
        await database.close()
