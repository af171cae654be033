"""Why a scheduler cannot start on its database, as one line for the operator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from sayit.chassis.start import StartError
from sayit.speech.errors import SayItError

#: SQLite's own sentences, each with what it does not say.
_MORE = {
    "database is locked": "another program holds a lock on it",
    "unable to open database file": "no file that can be read and written",
    "attempt to write a readonly database": "the file, or its folder, cannot be written",
}


def place_of(url: URL) -> str:
    """Where a database is, without user and password."""
    if url.get_backend_name() == "sqlite":
        return url.database or ":memory:"
    return f"{url.host or url.query.get('host', 'localhost')}/{url.database}"


def reason_of(error: BaseException) -> str:
    """What the database said, in one line, without the statement."""
    said = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
    return f"{said}: {_MORE[said]}" if said in _MORE else said


@contextmanager
def refusing(url: URL) -> Iterator[None]:
    """Turns what goes wrong in the block into a StartError that names the place and the cause."""
    try:
        yield
    except (SayItError, SQLAlchemyError, OSError) as error:
        cause = error.__cause__ or error
        reason = error.cause if isinstance(error, SayItError) and cause is error else reason_of(cause)
        raise StartError(f"the database {place_of(url)} cannot be used: {reason}") from error
