"""Backup and restore of an installation on SQLite and local files: one archive, consistent while a suite runs."""

from sayit.scheduler.backup.files import BackupError, Places, places_of
from sayit.scheduler.backup.restoring import Restored, restore
from sayit.scheduler.backup.saving import Saved, rotate, save

__all__ = ["BackupError", "Places", "Restored", "Saved", "places_of", "restore", "rotate", "save"]
