"""Saving: a snapshot of the database, then the objects that its rows name, in one archive.

Objects never change once they are written, and are deleted only after their rows. So the database comes first, and what
its rows name is linked to, or fetched, at once. A job that ends in between takes its chunks' audio with it: then there
is another snapshot, and what it names besides is fetched.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sqlite3
import tarfile
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO

from sayit.scheduler.db.objects import sync
from sayit.scheduler.db.scratch import scratch_folder
from sayit.scheduler.retention.backup import objects, postgresql
from sayit.scheduler.retention.backup.archive import (
    DATABASE,
    FORMAT,
    MANIFEST,
    OBJECTS,
    SCRATCH,
    BackupError,
    Locations,
    settings_files,
)

#: Snapshots until nothing is missing.
_TRIES = 10
_PAUSE_S = 0.5
#: Audio is compressed already, or is about to be thrown away.
_COMPRESSION = 1
_NAME = "sayit-{}.tar.gz"
#: The pattern of these names.
ARCHIVES = _NAME.format("[0-9]*")
#: Objects that the rows name. Chunks that were dropped have no audio any more.
_NAMED = """
    SELECT object_key FROM upload_parts
    UNION ALL SELECT chunks.object_key FROM chunks JOIN jobs ON jobs.id = chunks.job_id
        WHERE jobs.state NOT IN ('completed', 'failed', 'cancelled')
    UNION ALL SELECT 'jobs/' || id || '/transcript.pb' FROM jobs WHERE state = 'completed'
"""


@dataclass(frozen=True, kw_only=True)
class Saved:
    """A finished backup."""

    path: Path
    size: int
    jobs: int
    objects: int


def save(locations: Locations, target: Path) -> Saved:
    """Writes an archive; a suite may run meanwhile. Blocks.

    Args:
        locations: what to save.
        target: the archive's path, or a folder for an archive named after the time.

    Raises:
        BackupError: there is nothing to save, or it keeps changing too fast.
        OSError: the archive cannot be written; then there is none.
    """
    if (database := locations.database_file) is not None and not database.exists():
        raise BackupError(f"There is no database at {database}.")
    if target.is_dir():
        target /= _NAME.format(datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ"))
    # Beside the data, so that objects can be linked instead of copied.
    with scratch_folder(locations.data / SCRATCH) as folder:
        keys = _consistent(locations, folder)
        partial = target.with_name(target.name + ".partial")
        try:
            revision, jobs = _facts(folder / DATABASE)
            with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                _write(file, folder, keys, revision)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
    sync(target.parent, target.parent)
    return Saved(path=target, size=target.stat().st_size, jobs=jobs, objects=len(keys))


def rotate(folder: Path, keep: int) -> list[str]:
    """Deletes all but the newest archives that `save` named; returns the names of those that went."""
    old = sorted(folder.glob(ARCHIVES))[:-keep]
    for path in old:
        path.unlink(missing_ok=True)
    return [path.name for path in old]


def _consistent(locations: Locations, folder: Path) -> list[str]:
    """A snapshot and all objects that it names, in the folder; returns their keys."""
    for _ in range(_TRIES):
        if (database := locations.database_file) is not None:
            _snapshot(database, folder / DATABASE)
        else:
            postgresql.dump(locations.database, folder / DATABASE)
        with closing(sqlite3.connect(folder / DATABASE)) as copy:
            keys = sorted({str(key) for (key,) in copy.execute(_NAMED)})
        # What was fetched for an earlier snapshot need not be fetched again, so that each try is shorter.
        if objects.fetch(locations, keys, folder / OBJECTS):
            return keys
        time.sleep(_PAUSE_S)
    raise BackupError(f"Audio that the database names is missing in {locations.objects}.")


def _snapshot(source: Path, target: Path) -> None:
    """SQLite's online backup: one consistent state, also while others write."""
    target.unlink(missing_ok=True)
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=10.0)) as original,
        closing(sqlite3.connect(target)) as copy,
    ):
        original.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")


def _facts(database: Path) -> tuple[str, int]:
    """Schema revision and number of jobs."""
    with closing(sqlite3.connect(database)) as connection:
        (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        (jobs,) = connection.execute("SELECT count(*) FROM jobs").fetchone()
    return str(revision), int(jobs)


def _write(file: BinaryIO, folder: Path, keys: list[str], revision: str) -> None:
    described: dict[str, Any] = {}
    with tarfile.open(fileobj=file, mode="w:gz", compresslevel=_COMPRESSION) as archive:
        for name, path in [(DATABASE, folder / DATABASE), *((OBJECTS + key, folder / OBJECTS / key) for key in keys)]:
            with path.open("rb") as content:
                described[name] = _add(archive, name, content, path.stat().st_size)
        for name, text in settings_files().items():
            described[name] = _add(archive, name, io.BytesIO(text), len(text))
        manifest = {
            "format": FORMAT,
            "version": version("sayit"),
            "revision": revision,
            "created": datetime.now(UTC).isoformat(),
            "files": described,
        }
        text = json.dumps(manifest, indent=1).encode()
        _add(archive, MANIFEST, io.BytesIO(text), len(text))


def _add(archive: tarfile.TarFile, name: str, content: BufferedReader | io.BytesIO, size: int) -> dict[str, object]:
    """Adds a member, and says what the manifest says of it."""
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o600, int(time.time())
    digest = hashlib.file_digest(content, "sha256")
    content.seek(0)
    archive.addfile(member, content)
    return {"size": size, "sha256": digest.hexdigest()}
