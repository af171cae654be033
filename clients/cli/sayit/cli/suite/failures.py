"""What can go wrong when a suite is started, in lines for the user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sayit.chassis.start import StartError
from sayit.cli.exits import Exit, Failure
from sayit.cli.suite.lock import DataInUseError
from sayit.cli.suite.part import PartFailedError
from sayit.cli.suite.plan import MissingProgramError


@contextmanager
def as_failures(status: Exit) -> Iterator[None]:
    """Turns every way in which a suite cannot start into a Failure with this status."""
    try:
        yield
    except PartFailedError as error:
        lines = [f"  {line}" for line in error.lines]
        log = [f"  (log: {error.log})"] if error.log.exists() else []
        raise Failure(status, str(error), *lines, *log) from None
    except (DataInUseError, MissingProgramError, StartError) as error:
        raise Failure(status, str(error)) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise Failure(status, f"{where}{error.strerror or error}") from None
