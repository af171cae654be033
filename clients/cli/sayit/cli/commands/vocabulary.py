# ruff: noqa: PLC0415 - what a command needs is imported inside it, so that `sayit --help` is quick
"""`sayit vocabulary …`."""

from __future__ import annotations

from typing import Annotated

import typer

from sayit.cli.commands.arguments import ApiKey, AsJson, Roots, Server

app = typer.Typer(no_args_is_help=True, help="Keep words to expect under names, for --vocabulary.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The vocabulary's name.", show_default=False)]


@app.command("put")
def put(
    name: Name,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="WORD", help="Words or quoted phrases.", show_default=False)
    ] = None,
    file: Annotated[
        typer.FileText | None,
        typer.Option(
            "--file", metavar="FILE", encoding="utf-8", help="More words, one a line; - reads standard input."
        ),
    ] = None,
    prompt: Annotated[str, typer.Option("--prompt", help="Text that sets style, names and context.")] = "",
    as_json: AsJson = False,
    server: Server = "",
    api_key: ApiKey = "",
    root_certificates: Roots = None,
) -> None:
    """Store words and a text under a name; what the name held before goes."""
    from sayit.cli import vocabularies
    from sayit.cli.connection import Connection

    connection = Connection(server=server, api_key=api_key, root_certificates=root_certificates)
    vocabularies.put(connection, name, [*(words or ()), *vocabularies.lines(file)], prompt, as_json=as_json)


@app.command("get")
def get(
    name: Name, as_json: AsJson = False, server: Server = "", api_key: ApiKey = "", root_certificates: Roots = None
) -> None:
    """Print a vocabulary's words, one a line, as `put --file` reads them."""
    from sayit.cli import vocabularies
    from sayit.cli.connection import Connection

    connection = Connection(server=server, api_key=api_key, root_certificates=root_certificates)
    vocabularies.get(connection, name, as_json=as_json)


@app.command("list")
def list_vocabularies(
    as_json: AsJson = False, server: Server = "", api_key: ApiKey = "", root_certificates: Roots = None
) -> None:
    """List your vocabularies."""
    from sayit.cli import vocabularies
    from sayit.cli.connection import Connection

    connection = Connection(server=server, api_key=api_key, root_certificates=root_certificates)
    vocabularies.show_list(connection, as_json=as_json)


@app.command("delete")
def delete(name: Name, server: Server = "", api_key: ApiKey = "", root_certificates: Roots = None) -> None:
    """Delete a vocabulary; jobs that were made with it keep its words."""
    from sayit.cli import vocabularies
    from sayit.cli.connection import Connection

    connection = Connection(server=server, api_key=api_key, root_certificates=root_certificates)
    vocabularies.delete(connection, name)
