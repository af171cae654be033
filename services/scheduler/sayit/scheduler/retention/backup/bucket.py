"""Archives in a bucket: what `save`, `rotate` and `restore` do with folders and files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

import obstore

from sayit.scheduler.db.scratch import scratch_folder
from sayit.scheduler.retention.backup.archive import SCRATCH, BackupError, Locations
from sayit.scheduler.retention.backup.objects import bucket_at, download
from sayit.scheduler.retention.backup.snapshot import ARCHIVES, Saved, save


def save_into(url: str, locations: Locations) -> Saved:
    """Saves as `save` does, below a bucket's URL. The data folder needs room for the archive.

    Raises:
        BackupError: as of `save`, or the bucket does not answer.
    """
    with scratch_folder(locations.data / SCRATCH) as folder:
        made = save(locations, folder)
        with bucket_at(url) as bucket:
            obstore.put(bucket, made.path.name, made.path)
    return made


def rotate_in(url: str, keep: int) -> list[str]:
    """Deletes all but the newest archives below a URL; returns the names of those that went."""
    with bucket_at(url) as bucket:
        names = [entry["path"] for batch in obstore.list(bucket) for entry in batch]
        old = sorted(name for name in names if fnmatch(name, ARCHIVES))[:-keep]
        if old:
            obstore.delete(bucket, old)
    return old


@contextmanager
def fetched(url: str, locations: Locations) -> Iterator[Path]:
    """The archive at a URL as a file, while the block runs.

    Raises:
        BackupError: there is none, or the bucket does not answer.
    """
    where, _, name = url.rpartition("/")
    with scratch_folder(locations.data / SCRATCH) as folder:
        with bucket_at(where) as bucket:
            if not download(bucket, name, folder / name):
                raise BackupError(f"There is no archive {url}.")
        yield folder / name
