"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sayit.speech.options import Channels, Context, Guard

_PANEL = "Which suite"

Server = Annotated[
    str,
    typer.Option(
        "--server",
        metavar="HOST:PORT",
        envvar="SAYIT_SERVER",
        help="The suite's gateway; without it the suite that runs on this machine.",
        rich_help_panel=_PANEL,
    ),
]
ApiKey = Annotated[
    str,
    typer.Option(
        "--api-key",
        metavar="KEY",
        envvar="SAYIT_API_KEY",
        help="Your key, where the suite wants one; better in the variable than on the command line.",
        rich_help_panel=_PANEL,
        show_default=False,
    ),
]
Roots = Annotated[
    Path | None,
    typer.Option(
        "--root-certificates",
        metavar="PEM",
        envvar="SAYIT_ROOT_CERTIFICATES",
        help="Connect with TLS and trust these certificates.",
        rich_help_panel=_PANEL,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="The job's id.", show_default=False)]
JobIds = Annotated[list[str], typer.Argument(metavar="JOB", help="Ids of jobs.", show_default=False)]
ModelName = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="NAME|PATH",
        help="Whisper model: small, medium, large-v3-turbo ..., or a CTranslate2 folder.",
        show_default="small, else base, else the bundled one",
    ),
]
Transcribers = Annotated[
    int | None,
    typer.Option(
        "--transcribers", min=1, max=64, help="Transcriber processes of the (default) model.", show_default="by cores"
    ),
]
Threads = Annotated[
    int | None, typer.Option("--threads", min=1, max=64, help="Threads of each transcriber.", show_default="by cores")
]
GuardLevel = Annotated[
    Guard, typer.Option("--guard", help="How strictly text goes that probably nobody said (JSON lists it).")
]
Languages = Annotated[
    str,
    typer.Option(
        "--languages",
        metavar="LIST",
        help="Where it is detected: what it may be, such as ko,en,ja, or '*' for any.",
        show_default="ko,en",
    ),
]
ContextOf = Annotated[
    Context,
    typer.Option(
        "--context", help="Earlier text to decode with; sequential decodes chunk after chunk, which is slower."
    ),
]
ChannelUse = Annotated[
    Channels,
    typer.Option("--channels", help="Mix audio channels, or transcribe each by itself, as of a recorded call."),
]
Prompt = Annotated[str, typer.Option("--prompt", help="Text that sets style, names and context.")]
Hotwords = Annotated[str, typer.Option("--hotwords", help="Words to expect, separated by commas.")]
Temperature = Annotated[
    float | None,
    typer.Option("--temperature", min=0, max=1, help="One fixed temperature.", show_default="0, then the fallback"),
]
BeamSize = Annotated[
    int,
    typer.Option("--beam-size", min=0, max=10, help="Beams of the search.", show_default="the language's preset"),
]
VocabularyName = Annotated[
    str,
    typer.Option(
        "--vocabulary", metavar="NAME", help="Stored words to expect, see `sayit vocabulary`.", show_default=False
    ),
]
Decoding = Annotated[
    list[str] | None,
    typer.Option(
        "--decoding",
        metavar="KEY=VALUE",
        help="In place of the language's preset; may be repeated: temperatures=0,0.4 best_of=5 patience=1.5 "
        "compression_ratio_threshold=2 logprob_threshold=-0.8 no_speech_threshold=0.5 suppress_tokens=11,13.",
        show_default=False,
    ),
]
Formatting = Annotated[
    bool, typer.Option("--formatting", help="Numbers as digits, spaces and punctuation made uniform.")
]
MaskProfanity = Annotated[bool, typer.Option("--mask-profanity", help="Swear words behind asterisks.")]
