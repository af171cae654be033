"""The exit statuses of `sayit`, the same for every command."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from importlib import metadata

#: For the end of a command's help.
HELP = (
    "Exit status: 0 all went well; 1 something failed (some of the files, a job, a check); 2 the call is wrong; "
    "3 no suite answers; 130 or 143 interrupted by Ctrl-C or SIGTERM."
)


class Exit(IntEnum):
    """What a script can branch on. An interrupted command ends with 128 + the signal's number."""

    #: All went well.
    OK = 0
    #: Something failed, and a line on standard error says what.
    FAILED = 1
    #: The arguments are wrong.
    USAGE = 2
    #: No suite answers, or none could be started.
    UNAVAILABLE = 3


class Failure(Exception):  # noqa: N818 - it ends a command, and is no error of the program
    """Ends the command with a status and lines on standard error.

    Args:
        status: the exit status.
        lines: text for the user.
    """

    def __init__(self, status: Exit, *lines: str) -> None:
        self.status = status
        self.lines = lines
        super().__init__("\n".join(lines))


class Interrupted(Exception):  # noqa: N818 - it is no error
    """The user ended the command.

    Args:
        number: the signal.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"interrupted by {signal.Signals(number).name}")

    @property
    def status(self) -> int:
        """The exit status that shells expect."""
        return 128 + self.number


@contextmanager
def failing(*kinds: type[Exception], status: Exit = Exit.FAILED) -> Iterator[None]:
    """Turns these errors, whose text is for the user, and every OSError into a Failure."""
    try:
        yield
    except kinds as error:
        raise Failure(status, *str(error).splitlines()) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise Failure(status, f"{where}{error.strerror or error}") from None


def own_version() -> str:
    """The installed version."""
    return metadata.version("sayit")
