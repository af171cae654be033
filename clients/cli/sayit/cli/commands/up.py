"""`sayit up`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from sayit.cli.commands.arguments import Data, Threads, Transcribers, spread
from sayit.cli.paths import DEFAULT_ADDRESS, DEFAULT_REST


@dataclass(frozen=True, kw_only=True)
class Up:
    """The arguments."""

    transcribers: Transcribers = None
    threads: Threads = None
    #: As `worker_pools.parse` reads them.
    model: Annotated[
        list[str],
        typer.Option(
            "--model",
            metavar="NAME|PATH[=N]",
            help="Whisper model: small, medium, large-v3-turbo ..., or a CTranslate2 folder; give it again for each "
            "further model, and =N for its number of transcribers. The first is the default of requests.",
            show_default="small, else base, else the bundled one",
        ),
    ] = field(default_factory=list)
    data: Data
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", envvar="SAYIT_LISTEN", help="Where clients connect.")
    ] = DEFAULT_ADDRESS
    rest: Annotated[
        str,
        typer.Option(
            "--rest",
            metavar="HOST:PORT",
            envvar="SAYIT_BRIDGE_LISTEN",
            help="Where the web page and the REST API are; `none` starts neither.",
        ),
    ] = DEFAULT_REST
    ready_file: Annotated[
        Path | None,
        typer.Option(
            "--ready-file", metavar="FILE", help="Written once all is healthy: addresses and process ids as JSON."
        ),
    ] = None
    redis_url: Annotated[
        str,
        typer.Option(
            "--redis-url",
            metavar="URL",
            envvar="SAYIT_REDIS_URL",
            help="A Redis or Valkey of yours.",
            show_default="starts Valkey",
        ),
    ] = ""
    log_dir: Annotated[
        Path | None, typer.Option("--log-dir", metavar="FOLDER", help="Logs of the parts.", show_default="DATA/logs")
    ] = None
    grace: Annotated[
        float, typer.Option("--grace", min=0, envvar="SAYIT_GRACE_S", help="Seconds that running work gets at the end.")
    ] = 30.0
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show all parts' logs here as well.")] = False


@spread
def up(call: Up) -> None:
    """Keep a suite running: Valkey, scheduler, gateway, transcribers, REST bridge with web page; Ctrl-C stops it.

    A part that dies is started again. A second Ctrl-C does not wait for running work; nothing accepted is lost.
    All other settings are taken from SAYIT_* variables (`sayit config` lists them).
    """
    from sayit.cli.local_suite import command  # noqa: PLC0415 - the supervisor takes a while to import

    command.run(call)
