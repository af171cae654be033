"""`sayit eval`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from sayit.cli import interrupt, printer
from sayit.cli import target as suite_target
from sayit.cli.commands.arguments import AsJson, TextOptions, spread
from sayit.cli.connection import SuiteChoice
from sayit.cli.exit_codes import HELP, Exit, Failure, failing
from sayit.cli.messages import error_line, note
from sayit.cli.overrides import DECODE_READERS, pairs, readers_of
from sayit.client import AsyncClient
from sayit.eval import layouts, tables
from sayit.eval.comparison import compare
from sayit.eval.labels import Label
from sayit.eval.measurement import Measured, Problem, Reading, measure
from sayit.eval.report import Report, ReportError, load, report
from sayit.eval.scores import Normaliser
from sayit.speech.errors import SayItError
from sayit.speech.language_names import AUTO
from sayit.speech.options import Options

#: What `--versus` cannot change.
_FIXED = {"model", "task", "max_tokens_per_window", "decoding"}
#: What it can, and how its value is read.
_CHANGES = {name: read for name, read in readers_of(Options).items() if name not in _FIXED} | DECODE_READERS

app = typer.Typer(add_completion=False)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The arguments."""

    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIR", exists=True, file_okay=False, help="Folder of labelled recordings.", show_default=False
        ),
    ] = None
    language: Annotated[
        str,
        typer.Option(
            "--language", "-l", help="Language to ask for (ko, en, auto ...).", show_default="each label's own"
        ),
    ] = ""
    text: TextOptions
    versus: Annotated[
        list[str],
        typer.Option(
            "--versus", metavar="KEY=VALUE", help="Run a second time with this changed, and compare; may be repeated."
        ),
    ] = field(default_factory=list)
    compare: Annotated[
        tuple[Path, Path] | None,
        typer.Option("--compare", metavar="A.json B.json", help="Run nothing; compare two saved reports."),
    ] = None
    normaliser: Annotated[
        Normaliser,
        typer.Option("--normaliser", help="standard: Whisper's English rules, too; basic: case and punctuation only."),
    ] = Normaliser.STANDARD
    tag: Annotated[
        str, typer.Option("--tag", metavar="TAG", help="Only recordings with this tag.", show_default=False)
    ] = ""
    at_once: Annotated[int, typer.Option("--at-once", min=1, max=64, help="Recordings in the suite at a time.")] = 4
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the report there as JSON, too.")
    ] = None
    as_json: AsJson = False
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the table as Markdown.")] = False
    suite: SuiteChoice


@app.command("eval", epilog=HELP)
@spread
def evaluate(call: Evaluation) -> None:
    """Transcribe labelled recordings and measure the text: errors, seams, inventions, speed.

    DIR holds recordings with NAME.json or NAME.txt beside them, or is laid out as LibriSpeech or FLEURS. Reported with
    95 % confidence intervals, by language, length and tag: word and character error rates, words lost and doubled where
    chunks meet, words invented per hour of silence, real-time factors. Two runs are compared recording by recording.
    """
    if call.compare is not None:
        compare_saved(*call.compare, as_json=call.as_json)
        return
    if call.folder is None:
        raise Failure(Exit.USAGE, "Name a folder of labelled recordings, or two reports with --compare.")
    try:
        configurations = _configurations(call)
    except SayItError as error:
        raise Failure(Exit.USAGE, error_line("sayit", error)) from None
    labels = _labels(call.folder, call.tag)
    suite = suite_target.choose(call.suite)
    if suite.starting:
        note(suite.starting)
    configurations = [dataclasses.replace(one, options=suite.asked(one.options)) for one in configurations]

    async def main() -> list[Measured]:
        async with suite.client(note) as client:
            return [await _measured(client, labels, one, call.at_once) for one in configurations]

    runs = interrupt.run(main)
    reports = [
        report(labels, measured, call.normaliser, {**_model(measured), **one.described()})
        for measured, one in zip(runs, configurations, strict=True)
    ]
    _keep(reports, call.output)
    _show(reports, call)
    raise typer.Exit(Exit.FAILED if any(one.failed for one in reports) else Exit.OK)


@dataclass(frozen=True, kw_only=True)
class _Configuration:
    language: str
    options: Options

    def described(self) -> dict[str, str]:
        """What differs from the defaults, and the language."""
        plain = Options()
        changed = {
            field.name: str(getattr(self.options, field.name))
            for field in dataclasses.fields(Options)
            if getattr(self.options, field.name) != getattr(plain, field.name)
        }
        return {**changed, "language": self.language or "as labelled"}


def compare_saved(first: Path, second: Path, *, as_json: bool) -> None:
    """Prints the differences between two saved reports.

    Raises:
        Failure: they cannot be read, or not compared.
    """
    with failing(ReportError, status=Exit.USAGE):
        compared = compare(load(first), load(second))
    tables.show_comparison(compared, as_json=as_json)


def _configurations(call: Evaluation) -> list[_Configuration]:
    """The options of `call`, with the changes of `--versus`."""
    asked = call.text.options()
    found = [_configuration(call.language, asked)]
    changes = pairs("--versus", call.versus, _CHANGES)
    if changes:
        language = changes.pop("language", call.language)
        decoding = {name: changes.pop(name) for name in DECODE_READERS if name in changes}
        changed = dataclasses.replace(asked, decoding=dataclasses.replace(asked.decoding, **decoding), **changes)
        found.append(_configuration(language, changed))
    for one in found:
        dataclasses.replace(one.options, language=one.language or "auto").normalised()
    return found


def _configuration(language: str, options: Options) -> _Configuration:
    """A list of languages is for speech whose language is detected, whatever the labels say."""
    return _Configuration(language=AUTO if options.languages and not language else language, options=options)


def _labels(folder: Path, tag: str) -> tuple[Label, ...]:
    with failing(layouts.LabelError, UnicodeDecodeError, status=Exit.USAGE):
        labels = layouts.find(folder)
    if not labels:
        raise Failure(Exit.USAGE, f"{folder}: no recording has a label beside it (NAME.json or NAME.txt)")
    tagged = tuple(label for label in labels if not tag or tag in label.tags)
    if not tagged:
        raise Failure(Exit.USAGE, f"{folder}: no label has the tag '{tag}'")
    return tagged


async def _measured(
    client: AsyncClient, labels: Sequence[Label], configuration: _Configuration, at_once: int
) -> Measured:
    def done(label: Label, reading: Reading | Problem) -> None:
        if not isinstance(reading, Reading):
            note(error_line(label.name, reading))
        elif reading.boundaries is None:
            note(f"{label.name}: answered from the suite's cache; its times and boundaries say nothing")
        else:
            note(f"{label.name}: {reading.transcript.duration_s:.0f} s of audio in {reading.wall_s:.1f} s")

    note(f"{len(labels)} recordings with " + ", ".join(f"{k} {v}" for k, v in configuration.described().items()))
    return await measure(
        client, labels, configuration.options, language=configuration.language, at_once=at_once, done=done
    )


def _model(measured: Measured) -> dict[str, str]:
    models = {one.transcript.model for one in measured.readings if isinstance(one, Reading)}
    return {"model": "+".join(sorted(models))}


def _keep(reports: Sequence[Report], output: Path | None) -> None:
    if output is None:
        return
    for place, one in enumerate(reports):
        file = output if not place else output.with_name(f"{output.stem}-versus{output.suffix}")
        with failing():
            one.save(file)


def _show(reports: Sequence[Report], call: Evaluation) -> None:
    compared = compare(*reports) if len(reports) == 2 else []
    if call.as_json:
        printer.as_json({"reports": reports, "comparison": compared} if compared else reports[0])
        return
    for one in reports:
        tables.show_report(one, markdown=call.markdown)
    if compared:
        tables.show_comparison(compared, as_json=False)
