# ruff: noqa: PLC0415 - what a command needs is imported inside it, so that `sayit --help` is quick
"""`sayit backup` and `sayit restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="FOLDER",
        envvar="SAYIT_DATA_DIR",
        help="The suite's folder.",
        show_default="the platform's folder for user data",
    ),
]


def backup(
    target: Annotated[Path, typer.Argument(metavar="PATH", help="An archive to write, or a folder for archives.")],
    data: Data = None,
    every: Annotated[
        str, typer.Option("--every", metavar="TIME", help="Go on: one now and one every 30m, 6h, 1d ... into a folder.")
    ] = "",
    keep: Annotated[
        int, typer.Option("--keep", min=0, help="Archives to keep in the folder; the oldest go. 0: all.")
    ] = 0,
) -> None:
    """Save database, audio, transcripts and settings into one archive; the suite may run meanwhile.

    With SAYIT_DATABASE_URL and SAYIT_STORAGE_URL, as the scheduler has them, what lies there is saved.
    The archive holds what people said, keys and secrets: only you can read it, and it belongs to a safe place.
    """
    from sayit.cli import backups, places

    backups.save(target, data=data or places.default_data(), every=every, keep=keep)


def restore(
    archive: Annotated[Path, typer.Argument(metavar="ARCHIVE", exists=True, dir_okay=False, help="What to restore.")],
    data: Data = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Put data that are there aside, in a folder beside the new ones.")
    ] = False,
) -> None:
    """Put an archive's data in place; the next `sayit up` goes on with them. No suite may run on the folder.

    With SAYIT_DATABASE_URL and SAYIT_STORAGE_URL they are put there; a PostgreSQL database has to be empty.
    """
    from sayit.cli import backups, places

    backups.restore(archive, data=data or places.default_data(), replace=replace)
