# ruff: noqa: PLC0415 - what a command needs is imported inside it, so that `sayit --help` is quick
"""`sayit keys …`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from sayit.cli import printer
from sayit.cli.commands.arguments import AsJson
from sayit.cli.exit_codes import failing
from sayit.cli.messages import note

app = typer.Typer(
    no_args_is_help=True,
    help="Make, list and revoke API keys, in the file that SAYIT_API_KEYS_FILE names; the gateway notices changes.",
)

File = Annotated[
    Path,
    typer.Option(
        "--file", metavar="FILE", envvar="SAYIT_API_KEYS_FILE", help="File of hashed keys.", show_default=False
    ),
]


@app.command("create")
def create(
    file: File,
    tenant: Annotated[str, typer.Option("--tenant", help="Whose data the key may see.")] = "default",
    name: Annotated[str, typer.Option("--name", help="A name for people.")] = "",
    scopes: Annotated[
        list[str] | None,
        typer.Option("--scope", help="What it may do: transcribe, read, admin; several times. Default: the first two."),
    ] = None,
    days: Annotated[float | None, typer.Option("--days", min=0, help="For how long it is valid.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it; it cannot be shown again."""
    from sayit.gateway.auth import keys

    valid_for = None if days is None else timedelta(days=days)
    with failing(keys.KeysFileError):
        stored, key = keys.create_key(
            file, tenant=tenant, name=name, scopes=scopes or keys.DEFAULT_SCOPES, valid_for=valid_for
        )
    if as_json:
        printer.as_json({"id": stored.id, "tenant": stored.tenant, "name": stored.name, "key": key})
    else:
        note(f"Key {stored.id} of tenant {stored.tenant}; keep it now, it cannot be shown again:")
        print(key)


@app.command("list")
def list_keys(file: File, as_json: AsJson = False) -> None:
    """List the keys, without their secrets."""
    from sayit.gateway.auth import keys

    with failing(keys.KeysFileError):
        found = keys.list_keys(file)
    if as_json:
        names = ("id", "tenant", "name", "scopes", "created")
        ends = ("expires", "revoked")
        printer.as_json([{n: getattr(k, n) for n in names} | {n: getattr(k, n) or None for n in ends} for k in found])
    else:
        printer.table(
            ("KEY", "TENANT", "NAME", "SCOPES", "CREATED", "EXPIRES", "REVOKED"),
            (
                (k.id, k.tenant, k.name or "-", ",".join(k.scopes), k.created, k.expires or "-", k.revoked or "-")
                for k in found
            ),
        )


@app.command("revoke")
def revoke(key: Annotated[str, typer.Argument(metavar="KEY", help="The key's id.")], file: File) -> None:
    """Revoke a key; gateways refuse it from the next call on, and end its streams."""
    from sayit.gateway.auth import keys

    with failing(keys.KeysFileError):
        stored = keys.revoke_key(file, key)
    print(f"{stored.id}: revoked {stored.revoked}")
