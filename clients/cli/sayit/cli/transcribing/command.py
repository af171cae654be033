"""`sayit transcribe` from its arguments to its exit status: which suite, then the work."""

from __future__ import annotations

import dataclasses
from contextlib import AsyncExitStack
from dataclasses import dataclass

from sayit.cli import interrupt, suites
from sayit.cli.exits import Exit, Failure
from sayit.cli.suites import Wanted
from sayit.cli.transcribing import inputs as sources
from sayit.cli.transcribing.display import Show, display
from sayit.cli.transcribing.outputs import Outputs
from sayit.cli.transcribing.work import Work, transcribe_all
from sayit.cli.wording import LocalError, complain, error_line
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
    suite: Wanted
    show: Show


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
    target = suites.choose(call.suite)
    options = dataclasses.replace(options, model=target.model if isinstance(target, suites.Running) else "")
    work = Work(inputs=inputs, options=options, outputs=outputs, display=display(call.show, inputs))

    async def main() -> Exit:
        async with AsyncExitStack() as started:
            try:
                with work.display as shown:
                    if isinstance(target, suites.Own):
                        shown.phase(f"Starting a suite for this call: {target.describe()}")
                    client = await started.enter_async_context(
                        suites.connected(call.suite.connection, target, shown.say)
                    )
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
