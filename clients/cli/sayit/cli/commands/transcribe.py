# ruff: noqa: PLC0415 - what a command needs is imported inside it, so that `sayit --help` is quick
"""`sayit transcribe`."""

from __future__ import annotations

from typing import Annotated

import typer

from sayit.cli.commands.arguments import (
    ApiKey,
    BeamSize,
    ChannelUse,
    ContextOf,
    Decoding,
    Formatting,
    GuardLevel,
    Hotwords,
    Languages,
    MaskProfanity,
    ModelName,
    Prompt,
    Roots,
    Server,
    Temperature,
    Threads,
    Transcribers,
    VocabularyName,
)
from sayit.cli.transcribing.display import Show
from sayit.speech.options import Channels, Context, Guard, Task
from sayit.speech.rendering import Format


def transcribe(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE", help="Recordings; - reads standard input.", show_default=False)
    ],
    language: Annotated[
        str, typer.Option("--language", "-l", help="Language of the speech (ko, en, ja, zh ...), or auto to detect it.")
    ] = "auto",
    languages: Languages = "",
    form: Annotated[Format, typer.Option("--format", "-f", help="Form of the result.")] = Format.TXT,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="FILE|FOLDER", help="Where the result goes.", show_default="standard output"
        ),
    ] = None,
    model: ModelName = "",
    task: Annotated[Task, typer.Option("--task", help="Write down the words, or translate them to English.")] = (
        Task.TRANSCRIBE
    ),
    prompt: Prompt = "",
    hotwords: Hotwords = "",
    vocabulary: VocabularyName = "",
    words: Annotated[bool, typer.Option("--words", help="Give every word its times (in JSON).")] = False,
    temperature: Temperature = None,
    beam_size: BeamSize = 0,
    decoding: Decoding = None,
    context: ContextOf = Context.WITHIN_CHUNK,
    channels: ChannelUse = Channels.MIX,
    guard: GuardLevel = Guard.STANDARD,
    formatting: Formatting = False,
    mask_profanity: MaskProfanity = False,
    progress: Annotated[
        Show, typer.Option("--progress", help="What to show on standard error; auto: bars on a terminal.")
    ] = Show.AUTO,
    server: Server = "",
    api_key: ApiKey = "",
    root_certificates: Roots = None,
    transcribers: Transcribers = None,
    threads: Threads = None,
) -> None:
    """Transcribe recordings: text on standard output, progress on standard error.

    Uses the suite at --server, else one that runs on this machine, else starts one for the length of this call and
    stops it afterwards. Several files are sent together; each has its own result. Several texts on standard output
    are headed by their file's name, several JSON results become one array; subtitles and tables of several files need
    --output FOLDER.
    """
    from sayit.cli.connection import Connection
    from sayit.cli.overrides import decoding_of, separated
    from sayit.cli.suites import Wanted
    from sayit.cli.transcribing import command
    from sayit.speech.options import Options

    status = command.run(
        command.Call(
            files=tuple(files),
            options=Options(
                language=language,
                task=task,
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
                mask_profanity=mask_profanity,
            ),
            form=form,
            output=output,
            suite=Wanted(
                connection=Connection(server=server, api_key=api_key, root_certificates=root_certificates),
                model=model,
                transcribers=transcribers,
                threads=threads,
            ),
            show=progress,
        )
    )
    raise typer.Exit(status)
