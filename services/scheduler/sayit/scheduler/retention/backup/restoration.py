"""Restoring: everything is unpacked and checked beside the data first, and then put in place."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.engine import make_url

from sayit.scheduler.db.migrations import config
from sayit.scheduler.db.scratch import scratch_folder
from sayit.scheduler.db.stores import alone_with
from sayit.scheduler.retention.backup import objects, postgresql
from sayit.scheduler.retention.backup.archive import (
    DATABASE,
    FORMAT,
    MANIFEST,
    OBJECTS,
    SCRATCH,
    SETTINGS,
    BackupError,
    Locations,
)

#: Left of an SQLite database beside its file.
_BESIDE = ("-wal", "-shm")
_QUEUE = "valkey"


@dataclass(frozen=True, kw_only=True)
class Restored:
    """A finished restore."""

    created: str
    version: str
    objects: int
    #: Where the saved settings lie; nothing reads them by itself.
    settings: Path
    #: Where what was there before lies; None if there was nothing.
    replaced: Path | None


def restore(locations: Locations, archive: Path, *, replace: bool = False) -> Restored:
    """Puts an archive's data in place; the next start goes on with them. Blocks, and must not run in an event loop.

    A database that is a server has to be empty: nothing is put aside there. In a bucket nothing is deleted.

    Args:
        locations: where to.
        archive: what `save` wrote.
        replace: puts files that are there aside; else they are a reason to refuse.

    Raises:
        BackupError: a scheduler runs on these data, data are there, or the archive is damaged or of a newer version.
        OSError: it cannot be written.
    """
    locations.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = locations.database_file
    with _exclusive(locations):
        there = [
            path
            for path in (file, locations.objects_folder, locations.data / _QUEUE)
            if path and _holds_something(path)
        ]
        if file in there and not replace:
            raise BackupError(f"There is a database at {file} already: add --replace to put it aside.")
        with scratch_folder(locations.data / SCRATCH) as staging:
            manifest = _unpacked(archive, staging)
            replaced = _put_aside(locations, there) if there else None
            settings = _put_in_place(locations, staging)
            os.sync()
    return Restored(
        created=str(manifest["created"]),
        version=str(manifest["version"]),
        objects=sum(name.startswith(OBJECTS) for name in manifest["files"]),
        settings=settings,
        replaced=replaced,
    )


@contextmanager
def _exclusive(locations: Locations) -> Iterator[None]:
    """Refuses where a scheduler runs; holds the lock that it holds beside a database that is a file."""
    database = locations.database_file
    if database is None:
        postgresql.require_empty(locations.database)
        yield
        return
    with ExitStack() as held:
        try:
            held.enter_context(alone_with(database))
        except BlockingIOError:
            raise BackupError(f"A scheduler runs on {database}: stop it first.") from None
        yield


def _put_in_place(locations: Locations, staging: Path) -> Path:
    """Moves what was unpacked to where it belongs; returns the folder of the settings."""
    settings = locations.data / "restored-settings"
    shutil.rmtree(settings, ignore_errors=True)
    (staging / SETTINGS).mkdir(exist_ok=True)
    (staging / OBJECTS).mkdir(exist_ok=True)
    shutil.move(staging / SETTINGS, settings)
    if (folder := locations.objects_folder) is not None:
        folder.mkdir(parents=True, exist_ok=True)
        for each in (staging / OBJECTS).iterdir():
            shutil.move(each, folder / each.name)
    else:
        objects.store(locations, staging / OBJECTS)
    # The last step: without the database there is no installation, and this may be done again.
    if (file := locations.database_file) is not None:
        shutil.move(staging / DATABASE, file)
    else:
        postgresql.load(staging / DATABASE, locations.database)
    return settings


def _unpacked(archive: Path, folder: Path) -> dict[str, Any]:
    """Unpacks an archive into the folder and checks every file against the manifest, which is returned."""
    found: dict[str, dict[str, object]] = {}
    manifest: dict[str, Any] | None = None
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                content = tar.extractfile(member)
                if content is None or not _is_ours(member.name):
                    raise BackupError(f"{archive} is no backup of SayIt: it contains {member.name[:100]!r}.")
                if member.name == MANIFEST:
                    manifest = json.loads(content.read())
                    continue
                path = folder / member.name
                path.parent.mkdir(parents=True, exist_ok=True)
                with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file:
                    shutil.copyfileobj(content, file)
                    file.seek(0)
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                    found[member.name] = {"size": file.tell(), "sha256": digest}
    except (tarfile.TarError, EOFError, zlib.error, ValueError) as error:
        raise BackupError(f"{archive} is damaged: {error}") from None
    if manifest is None or manifest.get("files") != found or DATABASE not in found:
        raise BackupError(f"{archive} is damaged: its files are not those of its manifest.")
    _check_version(manifest)
    return manifest


def _is_ours(name: str) -> bool:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        return False
    return name in {DATABASE, MANIFEST} or name.startswith((OBJECTS, SETTINGS))


def _check_version(manifest: dict[str, Any]) -> None:
    revision = str(manifest.get("revision"))
    try:
        ScriptDirectory.from_config(config(make_url("sqlite://"))).get_revision(revision)
        known = True
    except CommandError:
        known = False
    if manifest.get("format") != FORMAT or not known:
        made_by = manifest.get("version")
        raise BackupError(f"SayIt {made_by} made this backup, and this version does not know its schema {revision}.")


def _holds_something(path: Path) -> bool:
    return any(path.iterdir()) if path.is_dir() else path.exists()


def _put_aside(locations: Locations, there: list[Path]) -> Path:
    """Moves what is there into a folder of its own, which is returned."""
    aside = locations.data / time.strftime("replaced-%Y%m%dT%H%M%SZ", time.gmtime())
    aside.mkdir()
    for path in there:
        if path == locations.objects_folder:
            # The folder itself may be where another disk is mounted.
            (aside / path.name).mkdir()
            for each in path.iterdir():
                shutil.move(each, aside / path.name / each.name)
            continue
        shutil.move(path, aside / path.name)
        for beside in (path.with_name(path.name + ending) for ending in _BESIDE):
            if beside.exists():
                shutil.move(beside, aside / beside.name)
    return aside
