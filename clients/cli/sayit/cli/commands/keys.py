# ruff: noqa: PLC0415 - what a command needs is imported inside it, so that `sayit --help` is quick
"""`sayit keys …`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sayit.cli import printer
from sayit.cli.commands.arguments import AsJson, Data, spread
from sayit.cli.connection import SuiteConnection
from sayit.cli.messages import note

if TYPE_CHECKING:
    from sayit.cli.key_stores import Keys
    from sayit.speech.api_keys import ApiKey, NewApiKey

app = typer.Typer(
    no_args_is_help=True,
    help="Make, list, revoke and rotate API keys: in the suite's database, in a file, or of your own tenant through "
    "the suite's gateway.",
)


class Place(StrEnum):
    """Where keys are."""

    DATABASE = "database"
    FILE = "file"
    SERVICE = "service"


File = Annotated[
    Path | None,
    typer.Option(
        "--file", metavar="FILE", envvar="SAYIT_API_KEYS_FILE", help="File of hashed keys.", show_default=False
    ),
]
In = Annotated[
    Place | None,
    typer.Option(
        "--in",
        help="Where keys are: in the database of the scheduler's settings, in a file, or of your tenant at the "
        "service, with a key that has the scope admin.",
        show_default="file where one is named, else database",
    ),
]
KeyId = Annotated[str, typer.Argument(metavar="KEY", help="The key's id.")]
_COLUMNS = ("KEY", "TENANT", "NAME", "SCOPES", "CREATED", "EXPIRES", "REVOKED", "USED", "LIMIT", "FROM")


@app.command("create")
@spread
def create(
    connection: SuiteConnection,
    data: Data,
    file: File = None,
    place: In = None,
    tenant: Annotated[str, typer.Option("--tenant", help="Whose data the key may see.")] = "default",
    name: Annotated[str, typer.Option("--name", help="A name for people.")] = "",
    scopes: Annotated[
        list[str] | None,
        typer.Option("--scope", help="What it may do: transcribe, read, admin; several times. Default: the first two."),
    ] = None,
    days: Annotated[float | None, typer.Option("--days", min=0, help="For how long it is valid.")] = None,
    requests: Annotated[
        str, typer.Option("--requests", help="How many requests it may send, such as 600/minute.", show_default=False)
    ] = "",
    addresses: Annotated[
        list[str] | None,
        typer.Option(
            "--from", metavar="NETWORK", help="From where it may be used, such as 203.0.113.0/24; several times."
        ),
    ] = None,
    signed: Annotated[
        bool, typer.Option("--signed", help="Sign requests with it and never send it; needs SAYIT_SIGNING_SECRETS.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it; it cannot be shown again."""
    made = _keys(place, file, data, connection).create(
        tenant,
        name=name,
        scopes=scopes or (),
        valid_for_s=None if days is None else days * 86_400,
        requests=requests,
        addresses=addresses or (),
        signed=signed,
    )
    _print_made(made, as_json=as_json)


@app.command("list")
@spread
def list_keys(
    connection: SuiteConnection, data: Data, file: File = None, place: In = None, as_json: AsJson = False
) -> None:
    """List the keys, without their secrets."""
    found = _keys(place, file, data, connection).listed()
    if as_json:
        printer.as_json([_document(one) for one in found])
    else:
        printer.table(_COLUMNS, map(_row, found))


@app.command("revoke")
@spread
def revoke(key: KeyId, connection: SuiteConnection, data: Data, file: File = None, place: In = None) -> None:
    """Revoke a key; within seconds it is refused everywhere, and its streams end."""
    stored = _keys(place, file, data, connection).revoke(key)
    print(f"{stored.id}: revoked {_moment(stored.revoked_at_s)}")


@app.command("rotate")
@spread
def rotate(
    key: KeyId,
    connection: SuiteConnection,
    data: Data,
    file: File = None,
    place: In = None,
    hours: Annotated[float, typer.Option("--overlap", min=0, help="Hours for which the old key stays valid.")] = 24.0,
    as_json: AsJson = False,
) -> None:
    """Make a key that may do what an old one may and print it; the old one ends after the overlap."""
    _print_made(_keys(place, file, data, connection).rotate(key, overlap_s=hours * 3600), as_json=as_json)


def _keys(place: Place | None, file: Path | None, data: Path, connection: SuiteConnection) -> Keys:
    from sayit.cli import key_stores

    place = place or (Place.FILE if file is not None else Place.DATABASE)
    if place is Place.FILE:
        return key_stores.FileKeys(file)
    return key_stores.ServiceKeys(connection) if place is Place.SERVICE else key_stores.DatabaseKeys(data)


def _print_made(made: NewApiKey, *, as_json: bool) -> None:
    key = made.key
    if as_json:
        printer.as_json({"id": key.id, "tenant": key.tenant, "name": key.name, "key": made.secret})
    else:
        note(f"Key {key.id} of tenant {key.tenant}; keep it now, it cannot be shown again:")
        print(made.secret)


def _document(key: ApiKey) -> dict[str, Any]:
    ends = {"created": key.created_at_s, "expires": key.expires_at_s, "revoked": key.revoked_at_s}
    times = {name: _iso(at) for name, at in (ends | {"last_used": key.last_used_at_s}).items()}
    named = {"id": key.id, "tenant": key.tenant, "name": key.name, "scopes": key.scopes}
    return named | times | {"requests": key.requests, "addresses": key.addresses, "signed": key.signed}


def _row(key: ApiKey) -> Sequence[str]:
    times = (key.created_at_s, key.expires_at_s, key.revoked_at_s, key.last_used_at_s)
    rest = (key.requests or "-", ",".join(key.addresses) or "-")
    return (key.id, key.tenant, key.name or "-", ",".join(key.scopes), *map(_moment, times), *rest)


def _moment(at_s: float | None) -> str:
    return "-" if at_s is None else printer.moment(at_s)


def _iso(at_s: float | None) -> str | None:
    return None if at_s is None else datetime.fromtimestamp(at_s, UTC).isoformat(timespec="seconds")
