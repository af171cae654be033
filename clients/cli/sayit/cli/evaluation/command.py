"""`sayit eval` from its arguments to its exit status."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sayit.cli import interrupt, printing, suites
from sayit.cli.evaluation import layouts, tables
from sayit.cli.evaluation.comparing import compare
from sayit.cli.evaluation.labels import Label
from sayit.cli.evaluation.measuring import Measured, Problem, Reading, measure
from sayit.cli.evaluation.normalising import Normaliser
from sayit.cli.evaluation.report import Report, ReportError, load, report
from sayit.cli.exits import Exit, Failure
from sayit.cli.overrides import DECODING, separated, with_decoding
from sayit.cli.suites import Wanted
from sayit.cli.wording import error_line, note
from sayit.client import AsyncClient
from sayit.speech.errors import SayItError
from sayit.speech.options import AUTO, Channels, Context, Guard, Options


def _flag(value: str) -> bool:
    return {"true": True, "false": False}[value.lower()]


#: What `--versus` can change, and how its value is read.
_CHANGES: dict[str, Callable[[str], object]] = {
    "language": str,
    "prompt": str,
    "hotwords": str,
    "beam_size": int,
    "temperature": float,
    "languages": separated,
    "context": Context,
    "channels": Channels,
    "vocabulary": str,
    "guard": Guard,
    "word_timestamps": _flag,
    "formatting": _flag,
    "mask_profanity": _flag,
    **DECODING,
}


@dataclass(frozen=True, kw_only=True)
class Call:
    """The arguments."""

    folder: Path
    #: Only recordings that have it; empty for all.
    tag: str
    #: A code or "auto" for all recordings; empty takes each label's own.
    language: str
    #: All but language and model.
    options: Options
    #: Changes that make a second configuration: FIELD=VALUE.
    versus: Sequence[str]
    normaliser: Normaliser
    at_once: int
    #: Where the report goes, too.
    output: Path | None
    as_json: bool
    markdown: bool
    suite: Wanted


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


def run(call: Call) -> Exit:
    """Transcribes the folder, once or twice, and prints the figures.

    Raises:
        Failure: the call makes no sense, a label is malformed, or no suite can be started.
        SayItError: the model is not there.
        LocalError: no suite answers at the address given.
    """
    try:
        configurations = _configurations(call)
    except SayItError as error:
        raise Failure(Exit.USAGE, error_line("sayit", error)) from None
    labels = _labels(call.folder, call.tag)
    target = suites.choose(call.suite)
    if isinstance(target, suites.Own):
        note(f"Starting a suite for this call: {target.describe()}")
    else:
        configurations = [
            dataclasses.replace(one, options=dataclasses.replace(one.options, model=target.model))
            for one in configurations
        ]

    async def main() -> list[Measured]:
        async with suites.connected(call.suite.connection, target, note) as client:
            return [await _measured(client, call, labels, one) for one in configurations]

    runs = interrupt.run(main)
    reports = [
        report(labels, measured, call.normaliser, {**_model(measured), **one.described()})
        for measured, one in zip(runs, configurations, strict=True)
    ]
    _keep(reports, call.output)
    _show(reports, call)
    return Exit.FAILED if any(one.failed for one in reports) else Exit.OK


def run_comparison(first: Path, second: Path, *, as_json: bool) -> Exit:
    """Compares two saved reports.

    Raises:
        Failure: they cannot be read, or not compared.
    """
    try:
        compared = compare(load(first), load(second))
    except ReportError as error:
        raise Failure(Exit.USAGE, str(error)) from None
    if as_json:
        printing.as_json(compared)
    else:
        tables.show_comparison(compared)
    return Exit.OK


def _configurations(call: Call) -> list[_Configuration]:
    first = _configuration(call.language, call.options)
    changes: dict[str, object] = {}
    for text in call.versus:
        name, _, value = text.partition("=")
        try:
            changes[name] = _CHANGES[name](value)
        except (KeyError, ValueError):
            possible = ", ".join(_CHANGES)
            raise Failure(Exit.USAGE, f"--versus {text}: write FIELD=VALUE; fields are {possible}") from None
    found = [first]
    if changes:
        language = str(changes.pop("language", call.language))
        decoding = {name: changes.pop(name) for name in DECODING if name in changes}
        options = dataclasses.replace(call.options, **changes)  # type: ignore[arg-type]  # read by field above
        found.append(_configuration(language, with_decoding(options, decoding)))
    for one in found:
        dataclasses.replace(one.options, language=one.language or "auto").normalised()
    return found


def _configuration(language: str, options: Options) -> _Configuration:
    """A list of languages is for speech whose language is detected, whatever the labels say."""
    return _Configuration(language=AUTO if options.languages and not language else language, options=options)


def _labels(folder: Path, tag: str) -> tuple[Label, ...]:
    try:
        labels = layouts.find(folder)
    except (layouts.LabelError, UnicodeDecodeError) as error:
        raise Failure(Exit.USAGE, str(error)) from None
    if not labels:
        raise Failure(Exit.USAGE, f"{folder}: no recording has a label beside it (NAME.json or NAME.txt)")
    tagged = tuple(label for label in labels if not tag or tag in label.tags)
    if not tagged:
        raise Failure(Exit.USAGE, f"{folder}: no label has the tag '{tag}'")
    return tagged


async def _measured(
    client: AsyncClient, call: Call, labels: Sequence[Label], configuration: _Configuration
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
        client, labels, configuration.options, language=configuration.language, at_once=call.at_once, done=done
    )


def _model(measured: Measured) -> dict[str, str]:
    models = {one.transcript.model for one in measured.readings if isinstance(one, Reading)}
    return {"model": "+".join(sorted(models))}


def _keep(reports: Sequence[Report], output: Path | None) -> None:
    if output is None:
        return
    for place, one in enumerate(reports):
        file = output if not place else output.with_name(f"{output.stem}-versus{output.suffix}")
        try:
            one.save(file)
        except OSError as error:
            raise Failure(Exit.FAILED, f"{file}: {error.strerror}") from None


def _show(reports: Sequence[Report], call: Call) -> None:
    compared = compare(*reports) if len(reports) == 2 else []
    if call.as_json:
        printing.as_json({"reports": reports, "comparison": compared} if compared else reports[0])
        return
    for one in reports:
        tables.show_report(one, markdown=call.markdown)
    if compared:
        tables.show_comparison(compared)
