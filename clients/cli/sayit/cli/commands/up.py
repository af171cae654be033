# ruff: noqa: PLC0415 - what a command needs is imported inside it, so that `sayit --help` is quick
"""`sayit up` and `sayit bridge`: commands that run processes until they are stopped."""

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
    from sayit.cli.local_suite import command

    command.run(call)


@spread
def bridge(
    gateway: Annotated[
        str,
        typer.Option(
            "--gateway",
            metavar="HOST:PORT",
            envvar="SAYIT_GATEWAY_ADDRESS",
            help="The gateway to talk to.",
            show_default="a suite of this machine",
        ),
    ] = "",
    listen: Annotated[
        str,
        typer.Option(
            "--listen", metavar="HOST:PORT", envvar="SAYIT_BRIDGE_LISTEN", help="Where page and REST API are."
        ),
    ] = DEFAULT_REST,
    root_certificates: Annotated[
        Path | None,
        typer.Option(
            "--root-certificates",
            metavar="FILE",
            envvar="SAYIT_GATEWAY_ROOT_CERTIFICATES",
            help="PEM certificates to trust the gateway by; connects with TLS.",
        ),
    ] = None,
) -> None:
    """Run the web page and the REST API alone, on a gateway that runs elsewhere; Ctrl-C stops it.

    `sayit up` runs them already. All other settings are taken from SAYIT_* variables (`sayit config` lists them).
    """
    import functools

    from sayit.bridge.program import main
    from sayit.chassis.process import run
    from sayit.cli import paths

    found = gateway or paths.running_suite(paths.default_data()) or paths.DEFAULT_ADDRESS
    values: dict[str, object] = {"bridge_listen": listen, "gateway_address": found}
    if root_certificates is not None:
        values["gateway_root_certificates"] = root_certificates

    def say(url: str) -> None:
        print(f"Page and REST API: {url} (gateway {found}). Ctrl-C stops it.", flush=True)

    run(functools.partial(main, values=values, say=say))
