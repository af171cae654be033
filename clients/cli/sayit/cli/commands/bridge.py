# ruff: noqa: PLC0415 - what a command needs is imported inside it, so that `sayit --help` is quick
"""`sayit bridge`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sayit.cli.paths import DEFAULT_REST


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
