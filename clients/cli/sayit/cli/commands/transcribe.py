# ruff: noqa: PLC0415 - the client is imported where it is needed, so that `sayit --help` is quick
"""`sayit transcribe`: which files, which suite, then the work."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Annotated

import typer

from sayit.cli.commands.arguments import Labels, Subtitles, Suppressed, TextOptions, option, spread
from sayit.cli.connection import SuiteChoice
from sayit.cli.exit_codes import Exit, Failure
from sayit.cli.messages import LocalError, complain, error_line, note
from sayit.cli.overrides import labels
from sayit.cli.transcription import inputs as sources
from sayit.cli.transcription.display import Show, display
from sayit.cli.transcription.outputs import Form, Outputs, formats_of, without_done
from sayit.speech.errors import SayItError
from sayit.speech.language_names import AUTO
from sayit.speech.options import Options, Task
from sayit.speech.rendering import Format


@dataclass(frozen=True, kw_only=True)
class Transcription:
    """The arguments."""

    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE",
            help="Recordings, folders of them, or URLs that the suite fetches; - reads standard input.",
            show_default=False,
        ),
    ]
    language: Annotated[str, option("language", "--language", "-l")] = AUTO
    text: TextOptions
    mask_profanity: Annotated[bool, option("mask_profanity")] = False
    task: Annotated[Task, option("task")] = Task.TRANSCRIBE
    form: Annotated[
        list[str],
        typer.Option(
            "--format",
            "-f",
            "--output-format",
            metavar="FORMAT",
            help=f"{', '.join(Format)}; several with commas; all: txt, vtt, srt, tsv and json.",
            show_default="the ending of --output, else txt",
        ),
    ] = field(default_factory=list)
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="FILE|FOLDER", help="Where the result goes.", show_default="standard output"
        ),
    ] = None
    output_dir: Annotated[
        str | None,
        typer.Option("--output-dir", metavar="FOLDER", help="Where results go, a file for each recording and format."),
    ] = None
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Transcribe also those recordings of a folder that have their results."),
    ] = False
    suppressed: Suppressed = False
    label: Labels
    callback_url: Annotated[
        str,
        typer.Option(
            "--callback-url",
            metavar="URL",
            help="Where each job's end is told by a signed request, if the suite sends webhooks.",
            show_default=False,
        ),
    ] = ""
    subtitles: Subtitles
    progress: Annotated[
        Show, typer.Option("--progress", help="What to show on standard error; auto: bars on a terminal.")
    ] = Show.AUTO
    suite: SuiteChoice

    def options(self) -> Options:
        """The options without the model, whose meaning depends on the suite.

        Raises:
            Failure: they make no sense.
        """
        asked = self.text.options(
            language=self.language,
            task=self.task,
            mask_profanity=self.mask_profanity,
            word_timestamps=self.text.word_timestamps or self.subtitles.highlight_words,
        )
        try:
            return asked.normalised()
        except SayItError as error:
            raise Failure(Exit.USAGE, error_line("sayit", error)) from None

    def destination(self) -> str | None:
        """The file or folder of the results, None for standard output.

        Raises:
            ValueError: two are named.
        """
        if self.output and self.output_dir:
            raise ValueError("give either --output or --output-dir")
        return f"{self.output_dir}/" if self.output_dir else self.output


@spread
def transcribe(call: Transcription) -> None:
    """Transcribe recordings: text on standard output, progress on standard error.

    Uses the suite at --server, else one that runs on this machine, else starts one for the length of this call and
    stops it afterwards. Several files are sent together; each has its own result. Several texts on standard output
    are headed by their file's name, several JSON results become one array; subtitles and tables of several files need
    --output FOLDER. Flags of openai/whisper and whisper-ctranslate2 are understood.
    """
    options, marks = call.options(), labels(call.label)
    try:
        destination = call.destination()
        formats = formats_of(call.form, destination)
        form = Form(
            formats=formats,
            style=call.subtitles.style(),
            suppressed=call.suppressed,
        )
        found = sources.of_arguments(call.files)
        inputs = found if call.overwrite else without_done(found, formats, destination)
        outputs = Outputs(inputs, form, destination)
    except ValueError as error:
        raise Failure(Exit.USAGE, str(error)) from None
    if len(inputs) < len(found):
        note(f"{len(found) - len(inputs)} recordings have their results already; --overwrite makes them anew.")
    if not inputs:
        return
    if _none_is_there(inputs):
        raise typer.Exit(Exit.FAILED)
    from sayit.cli import interrupt, target
    from sayit.cli.transcription.work import Work, transcribe_all

    suite = target.choose(call.suite)
    work = Work(
        inputs=inputs,
        options=suite.asked(options),
        labels=marks,
        callback_url=call.callback_url,
        outputs=outputs,
        display=display(call.progress, inputs),
    )

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


def _none_is_there(inputs: Sequence[sources.Input]) -> bool:
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
