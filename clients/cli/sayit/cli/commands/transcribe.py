# ruff: noqa: PLC0415 - the client is imported where it is needed, so that `sayit --help` is quick
"""`sayit transcribe`: which files, which suite, then the work."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Annotated

import typer

from sayit.cli.commands.arguments import TextOptions, option, spread
from sayit.cli.connection import SuiteChoice
from sayit.cli.exit_codes import Exit, Failure
from sayit.cli.messages import LocalError, complain, error_line
from sayit.cli.transcription import inputs as sources
from sayit.cli.transcription.display import Show, display
from sayit.cli.transcription.outputs import Outputs
from sayit.speech.errors import SayItError
from sayit.speech.options import AUTO, Options, Task
from sayit.speech.rendering import Format


@dataclass(frozen=True, kw_only=True)
class Transcription:
    """The arguments."""

    files: Annotated[
        list[str], typer.Argument(metavar="FILE", help="Recordings; - reads standard input.", show_default=False)
    ]
    language: Annotated[str, option("language", "--language", "-l")] = AUTO
    text: TextOptions
    mask_profanity: Annotated[bool, option("mask_profanity")] = False
    task: Annotated[Task, option("task")] = Task.TRANSCRIBE
    form: Annotated[Format, typer.Option("--format", "-f", help="Form of the result.")] = Format.TXT
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="FILE|FOLDER", help="Where the result goes.", show_default="standard output"
        ),
    ] = None
    progress: Annotated[
        Show, typer.Option("--progress", help="What to show on standard error; auto: bars on a terminal.")
    ] = Show.AUTO
    suite: SuiteChoice

    def options(self) -> Options:
        """The options without the model, whose meaning depends on the suite.

        Raises:
            Failure: they make no sense.
        """
        asked = self.text.options(language=self.language, task=self.task, mask_profanity=self.mask_profanity)
        try:
            return asked.normalised()
        except SayItError as error:
            raise Failure(Exit.USAGE, error_line("sayit", error)) from None


@spread
def transcribe(call: Transcription) -> None:
    """Transcribe recordings: text on standard output, progress on standard error.

    Uses the suite at --server, else one that runs on this machine, else starts one for the length of this call and
    stops it afterwards. Several files are sent together; each has its own result. Several texts on standard output
    are headed by their file's name, several JSON results become one array; subtitles and tables of several files need
    --output FOLDER.
    """
    options = call.options()
    try:
        inputs = sources.of_arguments(call.files)
        outputs = Outputs(inputs, call.form, call.output)
    except ValueError as error:
        raise Failure(Exit.USAGE, str(error)) from None
    if _none_is_there(inputs):
        raise typer.Exit(Exit.FAILED)
    from sayit.cli import interrupt, target
    from sayit.cli.transcription.work import Work, transcribe_all

    suite = target.choose(call.suite)
    work = Work(inputs=inputs, options=suite.asked(options), outputs=outputs, display=display(call.progress, inputs))

    async def main() -> Exit:
        async with AsyncExitStack() as started:
            try:
                with work.display as shown:
                    if suite.starting:
                        shown.phase(suite.starting)
                    client = await started.enter_async_context(suite.client(shown.say))
                    shown.phase("")
                    status = await transcribe_all(client, work)
            finally:
                outputs.flush()
            outputs.finish()  # before the suite is stopped, so that the results do not wait for that
        return status

    raise typer.Exit(interrupt.run(main))


def _none_is_there(inputs: list[sources.Input]) -> bool:
    """Whether there is nothing to do, so that no suite has to be started."""
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
