"""`sayit vocabulary …`."""

from __future__ import annotations

from typing import Annotated

import typer

from sayit.cli import printer
from sayit.cli.commands.arguments import AsJson, spread
from sayit.cli.connection import SuiteConnection
from sayit.cli.exit_codes import Exit, Failure
from sayit.cli.messages import note

app = typer.Typer(no_args_is_help=True, help="Keep words to expect under names, for --vocabulary.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The vocabulary's name.", show_default=False)]


@app.command("put")
@spread
def put(
    name: Name,
    connection: SuiteConnection,
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
) -> None:
    """Store words and a text under a name; what the name held before goes."""
    try:
        found = [*(words or ()), *(line.strip() for line in file or () if line.strip())]
    except UnicodeDecodeError:
        raise Failure(Exit.USAGE, "--file: it is no UTF-8 text") from None
    stored = connection.call(lambda client: client.put_vocabulary(name, found, prompt))
    if as_json:
        printer.as_json(stored)
    else:
        print(f"{stored.name}: {len(stored.words)} words" + (" and a prompt" if stored.prompt else ""))


@app.command("get")
@spread
def get(name: Name, connection: SuiteConnection, as_json: AsJson = False) -> None:
    """Print a vocabulary's words, one a line, as `put --file` reads them."""
    found = connection.call(lambda client: client.get_vocabulary(name))
    if as_json:
        printer.as_json(found)
        return
    if found.prompt:
        note(f"prompt: {found.prompt}")  # on standard error, for it is no word
    for word in found.words:
        print(word)


@app.command("list")
@spread
def list_vocabularies(connection: SuiteConnection, as_json: AsJson = False) -> None:
    """List your vocabularies."""
    printer.table_or_json(
        connection.call(lambda client: client.list_vocabularies()),
        ("NAME", "WORDS", "PROMPT", "CHANGED"),
        lambda one: (one.name, str(len(one.words)), one.prompt[:40] or "-", printer.moment(one.updated_at_s)),
        as_json=as_json,
    )


@app.command("delete")
@spread
def delete(name: Name, connection: SuiteConnection) -> None:
    """Delete a vocabulary; jobs that were made with it keep its words."""
    connection.call(lambda client: client.delete_vocabulary(name))
    print(f"{name}: deleted")
