"""`sayit transcribe` from its arguments to its exit status: which suite, then the work."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sayit.cli import interrupt, places
from sayit.cli.connection import Connection
from sayit.cli.exits import Exit, Failure
from sayit.cli.suite.cores import Workforce
from sayit.cli.transcribing import inputs as sources
from sayit.cli.transcribing.display import Display, Show, display
from sayit.cli.transcribing.outputs import Outputs
from sayit.cli.transcribing.work import Work, transcribe_all
from sayit.cli.wording import LocalError, complain, error_line, note
from sayit.client import AsyncClient
from sayit.speech.errors import SayItError
from sayit.speech.options import Options
from sayit.speech.rendering import Format


@dataclass(frozen=True, kw_only=True)
class Call:
    """The arguments."""

    files: tuple[str, ...]
    #: Without the model, whose meaning depends on the suite.
    options: Options
    form: Format
    #: File or folder; None for standard output.
    output: str | None
    #: Name or path; empty for the suite's own.
    model: str
    show: Show
    connection: Connection
    #: For a suite of our own; None takes what fits the machine.
    transcribers: int | None
    threads: int | None


@dataclass(frozen=True, kw_only=True)
class _Running:
    """A suite that is there already."""

    address: str
    #: The model to ask it for; empty for its default.
    model: str


@dataclass(frozen=True, kw_only=True)
class _Own:
    """A suite that is started for this call."""

    model: str
    model_folder: Path
    workers: Workforce

    def describe(self) -> str:
        """For the user who waits for it."""
        return (
            f"model {self.model}, {self.workers.transcribers} transcribers with {self.workers.threads} thread(s) each"
        )


def run(call: Call) -> Exit:
    """Transcribes, and returns how it went.

    Raises:
        SayItError: the model is not there.
        LocalError: no suite answers at the address given.
        Failure: the call makes no sense, or no suite can be started.
        Interrupted: by the user.
    """
    try:
        options = call.options.normalised()
    except SayItError as error:
        raise Failure(Exit.USAGE, error_line("sayit", error)) from None
    try:
        inputs = sources.of_arguments(call.files)
        outputs = Outputs(inputs, call.form, call.output)
    except ValueError as error:
        raise Failure(Exit.USAGE, str(error)) from None
    if _none_is_there(inputs):
        return Exit.FAILED
    target = _target(call)
    options = dataclasses.replace(options, model=target.model if isinstance(target, _Running) else "")
    work = Work(inputs=inputs, options=options, outputs=outputs, display=display(call.show, inputs))

    async def main() -> Exit:
        async with AsyncExitStack() as suite:
            try:
                with work.display as shown:
                    if isinstance(target, _Own):
                        shown.phase(f"Starting a suite for this call: {target.describe()}")
                    client = await suite.enter_async_context(_client(call.connection, target, shown))
                    shown.phase("")
                    status = await transcribe_all(client, work)
            finally:
                outputs.flush()
            outputs.finish()  # before the suite is stopped: nobody has to wait for that
        return status

    return interrupt.run(main)


def _none_is_there(inputs: list[sources.Input]) -> bool:
    """Whether there is nothing to do: then no suite is started only to say so."""
    errors = []
    for one in inputs:
        try:
            one.check()
        except LocalError as error:
            errors.append((one.shown, error))
    if len(errors) < len(inputs):
        return False
    for shown, problem in errors:
        complain(shown, problem)
    return True


def _target(call: Call) -> _Running | _Own:
    """The suite to use: the one named, else a running one that has the model, else one of our own."""
    if call.connection.server:
        return _Running(address=call.connection.address(), model=call.model)
    address = places.running_suite(places.default_data())
    if address and (not call.model or _has_model(call.connection, address, call.model)):
        return _Running(address=address, model=call.model)
    return _own(call)


def _has_model(connection: Connection, address: str, model: str) -> bool:
    async def names() -> set[str]:
        async with connection.client(address) as client:
            return {one.name for one in await client.models()}

    return model in interrupt.run(names)


def _own(call: Call) -> _Own:
    try:
        from sayit.cli.suite import model as models  # noqa: PLC0415 - only where a suite is started
        from sayit.cli.suite.prepare import chosen_workforce  # noqa: PLC0415 - as above

        name, folder = models.resolve(call.model)
    except ModuleNotFoundError as error:
        raise Failure(
            Exit.UNAVAILABLE,
            f"No suite runs here, and none can be started: this installation has no {error.name}. "
            "Give --server HOST:PORT, or install sayit[all].",
        ) from None
    workers = chosen_workforce(call.transcribers, call.threads, note)
    return _Own(model=name, model_folder=folder, workers=workers)


@asynccontextmanager
async def _client(connection: Connection, target: _Running | _Own, show: Display) -> AsyncIterator[AsyncClient]:
    if isinstance(target, _Running):
        async with connection.client(target.address) as client:
            yield client
        return
    from sayit.cli.suite.failures import as_failures  # noqa: PLC0415 - only where a suite is started
    from sayit.cli.suite.prepare import embedded  # noqa: PLC0415 - as above

    with as_failures(Exit.UNAVAILABLE):
        async with (
            embedded(target.model, target.model_folder, target.workers, show.say) as address,
            AsyncClient(address) as client,
        ):
            yield client
