"""Objects out of a folder or a bucket, and back into one."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import ObjectStore

from sayit.scheduler.db.objects import store_at
from sayit.scheduler.retention.backup.archive import BackupError, Locations

#: Objects that are on their way to or from a bucket at once.
_AT_ONCE = 8


def fetch(locations: Locations, keys: Sequence[str], folder: Path) -> bool:
    """Brings objects into a folder, except those that lie there already: objects never change.

    Returns:
        Whether all are there now.

    Raises:
        BackupError: the bucket does not answer.
        OSError: the disk does not.
    """
    requests = [key for key in keys if not (folder / key).exists()]
    if (root := locations.objects_folder) is not None:
        return sum(_linked(root / key, folder / key) for key in requests) == len(requests)
    with bucket_at(locations.objects) as bucket, ThreadPoolExecutor(_AT_ONCE) as threads:
        return sum(threads.map(lambda key: download(bucket, key, folder / key), requests)) == len(requests)


def store(locations: Locations, folder: Path) -> None:
    """Brings a folder's objects into the bucket; what lies there under other names stays.

    Raises:
        BackupError: the bucket does not answer.
    """
    files = [path for path in folder.rglob("*") if path.is_file()]
    with bucket_at(locations.objects) as bucket, ThreadPoolExecutor(_AT_ONCE) as threads:
        list(threads.map(lambda path: obstore.put(bucket, path.relative_to(folder).as_posix(), path), files))


@contextmanager
def bucket_at(url: str) -> Iterator[ObjectStore]:
    """A bucket, of which every error becomes a BackupError."""
    try:
        yield store_at(url)
    except (BaseError, OSError) as error:
        raise BackupError(f"The bucket {url} does not do it: {str(error).splitlines()[0]}") from None


def download(bucket: ObjectStore, key: str, target: Path) -> bool:
    """Writes an object into a file; False if it is gone."""
    try:
        content = obstore.get(bucket, key)
    except FileNotFoundError:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    with partial.open("wb") as file:
        for piece in content.stream():
            file.write(piece)
    partial.rename(target)
    return True


def _linked(source: Path, target: Path) -> bool:
    """Links to an object, or copies it where links are not possible; False if it is gone."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        try:
            os.link(source, target)
        except OSError as error:
            if error.errno == errno.ENOENT:
                return False
            shutil.copyfile(source, target)
    except FileNotFoundError:
        return False
    return True
