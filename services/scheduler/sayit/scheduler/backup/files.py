"""What a backup consists of: places on this machine, and names in the archive."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import make_url

from sayit.scheduler.settings import SchedulerSettings

#: Version of the archive's form.
FORMAT = 1
#: Members of an archive; the manifest is the last one, so that a truncated archive has none.
DATABASE = "sayit.db"
OBJECTS = "objects/"
SETTINGS = "settings/"
MANIFEST = "manifest.json"


class BackupError(Exception):
    """A backup or a restore is not possible; the text is one line for the operator."""


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where an installation's data lie."""

    data: Path
    database: Path
    objects: Path


def places_of(settings: SchedulerSettings) -> Places:
    """The places of an installation with these settings.

    Raises:
        BackupError: they are not on this machine.
    """
    url = make_url(settings.database())
    if url.get_backend_name() != "sqlite" or not url.database:
        raise BackupError(
            "The database is not SQLite: save it with its own tools (PostgreSQL: pg_dump, before the audio is saved)."
        )
    storage = settings.storage()
    if not storage.startswith("file://"):
        raise BackupError(f"Audio lies in {storage.partition(':')[0]}: save the bucket with its own tools.")
    return Places(
        data=settings.data_dir.resolve(), database=Path(url.database), objects=Path(storage.removeprefix("file://"))
    )


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
