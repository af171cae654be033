"""What can go wrong when a suite is started, in lines for the user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sayit.chassis.start import StartError
from sayit.cli.exits import Exit, Failure, failing
from sayit.cli.suite.part import PartFailedError


@contextmanager
def as_failures(status: Exit) -> Iterator[None]:
    """Turns every way in which a suite cannot start into a Failure with this status."""
    try:
        with failing(StartError, status=status):
            yield
    except PartFailedError as error:
        lines = [f"  {line}" for line in error.lines]
        log = [f"  (log: {error.log})"] if error.log.exists() else []
        raise Failure(status, str(error), *lines, *log) from None
