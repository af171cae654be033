"""Which suite a command uses: the one named, one that runs here, or one of its own for the length of the call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sayit.cli import interrupt, places
from sayit.cli.connection import Connection
from sayit.cli.exits import Exit, Failure
from sayit.cli.suite.cores import Workforce
from sayit.cli.wording import note
from sayit.client import AsyncClient


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the user said about it."""

    connection: Connection
    #: Name or path; empty for the suite's own.
    model: str
    #: For a suite of our own; None takes what fits the machine.
    transcribers: int | None
    threads: int | None


@dataclass(frozen=True, kw_only=True)
class Running:
    """A suite that is there already."""

    address: str
    #: The model to ask it for; empty for its default.
    model: str


@dataclass(frozen=True, kw_only=True)
class Own:
    """A suite that is started for this call."""

    #: Its only model.
    model: str
    model_folder: Path
    workers: Workforce

    def describe(self) -> str:
        """For the user who waits for it."""
        return (
            f"model {self.model}, {self.workers.transcribers} transcribers with {self.workers.threads} thread(s) each"
        )


def choose(wanted: Wanted) -> Running | Own:
    """The suite to use: the one named, else a running one that has the model, else one of our own.

    Raises:
        SayItError: the model is not there.
        LocalError: no suite answers at the address given.
        Failure: no suite can be started.
    """
    if wanted.connection.server:
        return Running(address=wanted.connection.address(), model=wanted.model)
    address = places.running_suite(places.default_data())
    if address and (not wanted.model or _has_model(wanted.connection, address, wanted.model)):
        return Running(address=address, model=wanted.model)
    return _own(wanted)


@asynccontextmanager
async def connected(
    connection: Connection, suite: Running | Own, say: Callable[[str], None]
) -> AsyncIterator[AsyncClient]:
    """A client of the suite, which is started first and stopped afterwards if it is our own.

    Args:
        connection: how to reach a running one.
        suite: the one that `choose` returned.
        say: told what happens to the parts of our own.

    Raises:
        Failure: it cannot be started.
    """
    if isinstance(suite, Running):
        async with connection.client(suite.address) as client:
            yield client
        return
    from sayit.cli.suite.failures import as_failures  # noqa: PLC0415 - only where a suite is started
    from sayit.cli.suite.prepare import embedded  # noqa: PLC0415 - as above

    with as_failures(Exit.UNAVAILABLE):
        async with (
            embedded(suite.model, suite.model_folder, suite.workers, say) as address,
            AsyncClient(address) as client,
        ):
            yield client


def _has_model(connection: Connection, address: str, model: str) -> bool:
    async def names() -> set[str]:
        async with connection.client(address) as client:
            return {one.name for one in await client.models()}

    return model in interrupt.run(names)


def _own(wanted: Wanted) -> Own:
    try:
        from sayit.cli.suite import model as models  # noqa: PLC0415 - only where a suite is started
        from sayit.cli.suite.prepare import chosen_workforce  # noqa: PLC0415 - as above

        name, folder = models.resolve(wanted.model)
    except ModuleNotFoundError as error:
        raise Failure(
            Exit.UNAVAILABLE,
            f"No suite runs here, and none can be started: this installation has no {error.name}. "
            "Give --server HOST:PORT, or install sayit[all].",
        ) from None
    workers = chosen_workforce(wanted.transcribers, wanted.threads, note, folder=folder)
    return Own(model=name, model_folder=folder, workers=workers)
