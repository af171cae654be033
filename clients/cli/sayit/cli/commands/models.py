# ruff: noqa: PLC0415 - what a command needs is imported inside it, so that `sayit --help` is quick
"""`sayit models`, `sayit models pull`."""

from __future__ import annotations

from typing import Annotated

import typer

from sayit.cli.commands.arguments import ApiKey, AsJson, Roots, Server

app = typer.Typer(help="List the models of a suite and of this machine, or fetch one.")


@app.callback(invoke_without_command=True)
def show(
    context: typer.Context,
    as_json: AsJson = False,
    server: Server = "",
    api_key: ApiKey = "",
    root_certificates: Roots = None,
) -> None:
    """List the models that a suite serves now and, without --server, those that are on this machine."""
    from sayit.cli import suite_status
    from sayit.cli.connection import SuiteConnection

    if context.invoked_subcommand is None:
        connection = SuiteConnection(server=server, api_key=api_key, root_certificates=root_certificates)
        suite_status.show_models(connection, as_json=as_json)


@app.command("pull")
def pull(
    model: Annotated[
        str,
        typer.Argument(
            metavar="[NAME]", help="small, base, medium, large-v3-turbo ...", show_default="what `sayit up` would take"
        ),
    ] = "",
) -> None:
    """Fetch a model to this machine, so that a suite can start without a network; prints its name and folder."""
    from sayit.cli.local_suite.model import resolve

    print(*resolve(model))
