# ruff: noqa: PLC0415 - what a command needs is imported inside it, so that `sayit --help` is quick
"""`sayit eval`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sayit.cli.commands.arguments import (
    ApiKey,
    AsJson,
    BeamSize,
    ChannelUse,
    ContextOf,
    Decoding,
    Formatting,
    GuardLevel,
    Hotwords,
    Languages,
    ModelName,
    Prompt,
    Roots,
    Server,
    Temperature,
    Threads,
    Transcribers,
    VocabularyName,
)
from sayit.cli.evaluation.normalising import Normaliser
from sayit.cli.exits import Exit, Failure
from sayit.speech.options import Channels, Context, Guard


def evaluate(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIR", exists=True, file_okay=False, help="Folder of labelled recordings.", show_default=False
        ),
    ] = None,
    language: Annotated[
        str,
        typer.Option(
            "--language", "-l", help="Language to ask for (ko, en, auto ...).", show_default="each label's own"
        ),
    ] = "",
    languages: Languages = "",
    beam_size: BeamSize = 0,
    temperature: Temperature = None,
    prompt: Prompt = "",
    hotwords: Hotwords = "",
    vocabulary: VocabularyName = "",
    words: Annotated[bool, typer.Option("--words", help="Ask for word times, which place invented words better.")] = (
        False
    ),
    decoding: Decoding = None,
    context: ContextOf = Context.WITHIN_CHUNK,
    channels: ChannelUse = Channels.MIX,
    guard: GuardLevel = Guard.STANDARD,
    formatting: Formatting = False,
    versus: Annotated[
        list[str] | None,
        typer.Option(
            "--versus", metavar="FIELD=VALUE", help="Run a second time with this changed, and compare; may be repeated."
        ),
    ] = None,
    compare: Annotated[
        tuple[Path, Path] | None,
        typer.Option("--compare", metavar="A.json B.json", help="Run nothing; compare two saved reports."),
    ] = None,
    normaliser: Annotated[
        Normaliser,
        typer.Option("--normaliser", help="standard: Whisper's English rules, too; basic: case and punctuation only."),
    ] = Normaliser.STANDARD,
    tag: Annotated[
        str, typer.Option("--tag", metavar="TAG", help="Only recordings with this tag.", show_default=False)
    ] = "",
    at_once: Annotated[int, typer.Option("--at-once", min=1, max=64, help="Recordings in the suite at a time.")] = 4,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the report there as JSON, too.")
    ] = None,
    as_json: AsJson = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the table as Markdown.")] = False,
    model: ModelName = "",
    server: Server = "",
    api_key: ApiKey = "",
    root_certificates: Roots = None,
    transcribers: Transcribers = None,
    threads: Threads = None,
) -> None:
    """Transcribe labelled recordings and measure the text: errors, seams, inventions, speed.

    DIR holds recordings with NAME.json or NAME.txt beside them, or is laid out as LibriSpeech or FLEURS. Reported with
    95 % confidence intervals, by language, length and tag: word and character error rates, words lost and doubled where
    chunks meet, words invented per hour of silence, real-time factors. Two runs are compared recording by recording.
    """
    try:
        from sayit.cli.evaluation import command
    except ModuleNotFoundError as error:
        raise Failure(
            Exit.FAILED, f"This installation has no {error.name}; `pip install sayit[eval]` brings it."
        ) from None
    from sayit.cli.connection import Connection
    from sayit.cli.overrides import decoding_of, separated
    from sayit.cli.suites import Wanted
    from sayit.speech.options import Options

    if compare is not None:
        raise typer.Exit(command.run_comparison(*compare, as_json=as_json))
    if folder is None:
        raise Failure(Exit.USAGE, "Name a folder of labelled recordings, or two reports with --compare.")
    status = command.run(
        command.Call(
            folder=folder,
            tag=tag,
            language=language,
            options=Options(
                prompt=prompt,
                hotwords=hotwords,
                word_timestamps=words,
                temperature=temperature,
                beam_size=beam_size,
                languages=separated(languages),
                context=context,
                channels=channels,
                vocabulary=vocabulary,
                decoding=decoding_of(decoding or ()),
                guard=guard,
                formatting=formatting,
            ),
            versus=tuple(versus or ()),
            normaliser=normaliser,
            at_once=at_once,
            output=output,
            as_json=as_json,
            markdown=markdown,
            suite=Wanted(
                connection=Connection(server=server, api_key=api_key, root_certificates=root_certificates),
                model=model,
                transcribers=transcribers,
                threads=threads,
            ),
        )
    )
    raise typer.Exit(status)
