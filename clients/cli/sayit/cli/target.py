"""Which suite a command uses: the one named, one that runs here, or one of its own for the length of the call."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sayit.chassis.start import StartError
from sayit.cli import paths
from sayit.cli.connection import SuiteChoice, SuiteConnection
from sayit.cli.exit_codes import Exit, Failure, failing
from sayit.cli.local_suite.resources import Workforce
from sayit.cli.messages import note
from sayit.client import AsyncClient
from sayit.speech.options import Options


@dataclass(frozen=True, kw_only=True)
class RunningSuite:
    """A suite that is there already."""

    connection: SuiteConnection
    address: str
    #: The model to ask it for; empty for its default.
    model: str
    #: Text for a user who waits for its start: none.
    starting: str = ""

    def asked(self, options: Options) -> Options:
        """The options with the model."""
        return dataclasses.replace(options, model=self.model)

    def client(self, say: Callable[[str], None]) -> AbstractAsyncContextManager[AsyncClient]:  # noqa: ARG002 - see Own
        """A client of it."""
        return self.connection.client(self.address)


@dataclass(frozen=True, kw_only=True)
class Own:
    """A suite that is started for this call."""

    #: Its only model.
    model: str
    model_folder: Path
    workers: Workforce

    @property
    def starting(self) -> str:
        """Text for a user who waits for its start."""
        workers = f"{self.workers.transcribers} transcribers with {self.workers.threads} thread(s) each"
        return f"Starting a suite for this call: model {self.model}, {workers}"

    def asked(self, options: Options) -> Options:
        """The options: no model is named, for it has one only."""
        return options

    @asynccontextmanager
    async def client(self, say: Callable[[str], None]) -> AsyncIterator[AsyncClient]:
        """Starts it, yields a client of it, and stops it; `say` is called with what happens to its parts.

        Raises:
            Failure: it cannot be started.
        """
        from sayit.cli.local_suite.prepare import embedded  # noqa: PLC0415 - only where a suite is started

        with failing(StartError, status=Exit.UNAVAILABLE):
            async with (
                embedded(self.model, self.model_folder, self.workers, say) as address,
                AsyncClient(address) as client,
            ):
                yield client


def choose(wanted: SuiteChoice) -> RunningSuite | Own:
    """The suite to use: the one named, else a running one that has the model, else one for this call.

    Raises:
        SayItError: the model is not there.
        LocalError: no suite answers at the address given.
        Failure: no suite can be started.
    """
    named = bool(wanted.connection.server)
    address = wanted.connection.address() if named else paths.running_suite(paths.default_data())
    if address and (named or not wanted.model or wanted.model in _models(wanted.connection, address)):
        _refuse_workforce(wanted, address)
        return RunningSuite(connection=wanted.connection, address=address, model=wanted.model)
    return _own(wanted)


def _refuse_workforce(wanted: SuiteChoice, address: str) -> None:
    given = {"--transcribers": wanted.transcribers, "--threads": wanted.threads}
    for flag, value in given.items():
        if value is not None:
            raise Failure(
                Exit.USAGE,
                f"{flag} {value} is for a suite that this call starts, but one runs at {address} already: "
                f"leave {flag} out, or stop that suite.",
            )


def _models(connection: SuiteConnection, address: str) -> set[str]:
    return {one.name for one in connection.call(lambda client: client.models(), address)}


def _own(wanted: SuiteChoice) -> Own:
    try:
        from sayit.cli.local_suite import model as models  # noqa: PLC0415 - only where a suite is started
        from sayit.cli.local_suite.prepare import chosen_workforce  # noqa: PLC0415 - as above

        name, folder = models.resolve(wanted.model)
    except ModuleNotFoundError as error:
        raise Failure(
            Exit.UNAVAILABLE,
            f"No suite runs here, and none can be started: this installation has no {error.name}. "
            "Give --server HOST:PORT, or install sayit[all].",
        ) from None
    workers = chosen_workforce(wanted.transcribers, wanted.threads, note, folder=folder)
    return Own(model=name, model_folder=folder, workers=workers)
