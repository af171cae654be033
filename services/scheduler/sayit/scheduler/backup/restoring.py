"""Restoring: everything is unpacked and checked beside the data first, and then put in place."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tarfile
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.engine import make_url

from sayit.scheduler.backup.files import DATABASE, FORMAT, MANIFEST, OBJECTS, SETTINGS, BackupError, Places
from sayit.scheduler.stores.migrations import config

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


def restore(places: Places, archive: Path, *, replace: bool = False) -> Restored:
    """Puts an archive's data in place; the next start goes on with them. Blocks.

    Args:
        places: where to.
        archive: what `save` wrote.
        replace: puts data that are there aside; else they are a reason to refuse.

    Raises:
        BackupError: a scheduler runs on these data, data are there, or the archive is damaged or of a newer version.
        OSError: it cannot be written.
    """
    places.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    places.database.parent.mkdir(parents=True, exist_ok=True)
    places.objects.parent.mkdir(parents=True, exist_ok=True)
    with _nobody_uses(places.database):
        there = [path for path in (places.database, places.objects, places.data / _QUEUE) if path.exists()]
        if places.database.exists() and not replace:
            raise BackupError(f"There is a database at {places.database} already: add --replace to put it aside.")
        staging = Path(tempfile.mkdtemp(dir=places.data, prefix="restore-"))
        try:
            manifest = _unpacked(archive, staging)
            replaced = _put_aside(places, there) if there else None
            settings = places.data / "restored-settings"
            shutil.rmtree(settings, ignore_errors=True)
            (staging / SETTINGS).mkdir(exist_ok=True)
            (staging / OBJECTS).mkdir(exist_ok=True)
            shutil.move(staging / SETTINGS, settings)
            shutil.move(staging / OBJECTS, places.objects)
            # The last step: without the database there is no installation, and this may be done again.
            shutil.move(staging / DATABASE, places.database)
            os.sync()
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return Restored(
        created=str(manifest["created"]),
        version=str(manifest["version"]),
        objects=sum(name.startswith(OBJECTS) for name in manifest["files"]),
        settings=settings,
        replaced=replaced,
    )


@contextmanager
def _nobody_uses(database: Path) -> Iterator[None]:
    """Holds the lock that a scheduler holds beside its database."""
    with database.with_name(database.name + ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BackupError(f"A scheduler runs on {database}: stop it first.") from None
        yield


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


def _put_aside(places: Places, there: list[Path]) -> Path:
    """Moves what is there into a folder of its own, which is returned."""
    aside = places.data / time.strftime("replaced-%Y%m%dT%H%M%SZ", time.gmtime())
    aside.mkdir()
    beside = [places.database.with_name(places.database.name + ending) for ending in _BESIDE]
    for path in (*there, *(each for each in beside if each.exists())):
        shutil.move(path, aside / path.name)
    return aside
