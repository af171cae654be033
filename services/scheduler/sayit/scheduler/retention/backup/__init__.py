"""Backup and restore of an installation: one archive, consistent while a suite runs, on whatever it runs.

The archive holds the database as an SQLite file, whichever database it came from. So no program of the database's own
is needed, and what was saved from one kind can be restored into the other.
"""

from sayit.scheduler.retention.backup.archive import BackupError, Locations, locations_of
from sayit.scheduler.retention.backup.bucket import fetched, rotate_in, save_into
from sayit.scheduler.retention.backup.restoration import Restored, restore
from sayit.scheduler.retention.backup.snapshot import Saved, rotate, save

__all__ = [
    "BackupError",
    "Locations",
    "Restored",
    "Saved",
    "fetched",
    "locations_of",
    "restore",
    "rotate",
    "rotate_in",
    "save",
    "save_into",
]
