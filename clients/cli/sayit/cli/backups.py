"""Backups: once or on a schedule, and back."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sayit.cli import interrupt
from sayit.cli.exits import Exit, Failure, Interrupted
from sayit.cli.suite import lock
from sayit.cli.wording import note
from sayit.scheduler import backup
from sayit.scheduler.settings import SchedulerSettings

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def save(target: Path, *, data: Path, every: str, keep: int) -> None:
    """Saves once, or until a signal ends it; a backup that fails on a schedule is said and tried again at its time.

    Raises:
        Failure: the call makes no sense, or the backup failed.
    """
    if (every or keep) and not target.is_dir():
        raise Failure(Exit.USAGE, f"{target} is no folder: --every and --keep need one.")
    if not every:
        _save_once(target, data, keep)
        return
    pause_s = seconds_of(every)
    with suppress(Interrupted):  # that is how it is told to stop
        interrupt.run(lambda: _keep_saving(target, data, keep, pause_s))


def restore(archive: Path, *, data: Path, replace: bool) -> None:
    """Restores.

    Raises:
        Failure: it was refused or failed; nothing has changed then.
    """
    holder = lock.holder_of(data)
    if holder is not None:
        raise Failure(Exit.FAILED, str(lock.DataInUseError(data, holder)))
    places = _places(data)
    with _as_failures():
        done = backup.restore(places, archive, replace=replace)
    where = data if places.database_file else places.database.render_as_string()
    print(f"Restored the backup of {done.created} (SayIt {done.version}, {done.objects} objects) into {where}.")
    note(f"Its settings lie in {done.settings}; nothing reads them by itself.")
    if done.replaced is not None:
        note(f"What was there lies in {done.replaced}.")


def seconds_of(text: str) -> int:
    """A time such as 90s, 30m, 6h or 7d.

    Raises:
        Failure: it is none.
    """
    match = re.fullmatch(r"(\d+)([smhd])", text)
    if match is None or int(match[1]) == 0:
        raise Failure(Exit.USAGE, f"{text!r} is no time: write 30m, 6h or 1d.")
    return int(match[1]) * _UNITS[match[2]]


async def _keep_saving(folder: Path, data: Path, keep: int, pause_s: float) -> None:
    while True:
        try:
            await asyncio.to_thread(_save_once, folder, data, keep)
        except Failure as failure:
            for line in failure.lines:
                note(line)
        await asyncio.sleep(pause_s)


def _save_once(target: Path, data: Path, keep: int) -> None:
    with _as_failures():
        saved = backup.save(_places(data), target)
        print(f"{saved.path}: {saved.size / 1e6:.1f} MB, {saved.jobs} jobs, {saved.objects} objects", flush=True)
        if keep:
            for gone in backup.rotate(target, keep):
                note(f"{gone.name} is old and deleted.")


def _places(data: Path) -> backup.Places:
    with _as_failures():
        return backup.places_of(SchedulerSettings(data_dir=data))


@contextmanager
def _as_failures() -> Iterator[None]:
    try:
        yield
    except backup.BackupError as error:
        raise Failure(Exit.FAILED, str(error)) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise Failure(Exit.FAILED, f"{where}{error.strerror or error}") from None
