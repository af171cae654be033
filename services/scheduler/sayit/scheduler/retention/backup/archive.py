"""The contents of a backup: the locations of an installation's data, and names in the archive."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import URL, make_url

from sayit.scheduler.settings import SchedulerSettings

#: Version of the archive's form.
FORMAT = 1
#: Members of an archive; the manifest is the last one, so that a truncated archive has none.
DATABASE = "sayit.db"
OBJECTS = "objects/"
SETTINGS = "settings/"
MANIFEST = "manifest.json"

#: Below the data folder: what a backup or a restore that was killed leaves there, the next one removes.
SCRATCH = "scratch"

_FOLDER = "file://"


class BackupError(Exception):
    """A backup or a restore is not possible; the text is one line for the operator."""


@dataclass(frozen=True, kw_only=True)
class Locations:
    """Where an installation's data are."""

    #: A folder on this machine: for scratch files, and for replaced data.
    data: Path
    #: SQLite or PostgreSQL.
    database: URL
    #: The object store: a folder's or a bucket's URL.
    objects: str

    @property
    def database_file(self) -> Path | None:
        """The SQLite file; None where the database is a server."""
        return Path(self.database.database or "") if self.database.get_backend_name() == "sqlite" else None

    @property
    def objects_folder(self) -> Path | None:
        """The folder of the objects; None where they lie in a bucket."""
        return Path(self.objects.removeprefix(_FOLDER)) if self.objects.startswith(_FOLDER) else None


def locations_of(settings: SchedulerSettings) -> Locations:
    """The locations of an installation with these settings.

    Raises:
        BackupError: its database is neither a file nor PostgreSQL.
    """
    url = make_url(settings.database())
    kind = url.get_backend_name()
    if kind not in {"sqlite", "postgresql"} or not url.database or url.database == ":memory:":
        raise BackupError(f"A database of {kind} that is not a file cannot be saved.")
    return Locations(data=settings.data_dir.resolve(), database=url, objects=settings.storage())


def settings_files(environment: Mapping[str, str] = os.environ) -> dict[str, bytes]:
    """This process's settings, by name in the archive: variables, the file of settings, the file of keys.

    Raises:
        BackupError: a file that a variable names cannot be read.
    """
    lines = [f"{name}={value}\n" for name, value in sorted(environment.items()) if name.startswith("SAYIT_")]
    found = {f"{SETTINGS}environment": "".join(lines).encode()}
    for variable, name in (("SAYIT_SETTINGS_FILE", "file"), ("SAYIT_API_KEYS_FILE", "keys")):
        path = environment.get(variable, "")
        if not path:
            continue
        try:
            found[SETTINGS + name] = Path(path).read_bytes()
        except OSError as error:
            raise BackupError(f"{variable} names {path}, which cannot be read: {error.strerror}") from None
    return found
