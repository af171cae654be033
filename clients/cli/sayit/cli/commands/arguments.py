"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sayit.speech.options import Guard

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
        show_default="small, else the bundled one",
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
