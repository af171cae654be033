# ruff: noqa: PLC0415 - the scheduler's code is imported where it is needed, so that `sayit --help` is quick
"""`sayit backup` and `sayit restore`."""

from __future__ import annotations

import re
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sayit.cli.commands.arguments import Data, spread
from sayit.cli.exit_codes import Exit, Failure, Interrupted, failing
from sayit.cli.local_suite import lock
from sayit.cli.messages import note

if TYPE_CHECKING:
    from sayit.scheduler.retention.backup import Locations

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


@spread
def backup(
    target: Annotated[
        str, typer.Argument(metavar="PATH", help="An archive to write, or a folder or bucket (s3://...) for archives.")
    ],
    data: Data,
    every: Annotated[
        str, typer.Option("--every", metavar="TIME", help="Go on: one now and one every 30m, 6h, 1d ... into a folder.")
    ] = "",
    keep: Annotated[
        int, typer.Option("--keep", min=0, help="Archives to keep in the folder; the oldest go. 0: all.")
    ] = 0,
) -> None:
    """Save database, audio, transcripts and settings into one archive; the suite may run meanwhile.

    With SAYIT_DATABASE_URL and SAYIT_STORAGE_URL, as the scheduler has them, what lies there is saved.
    The archive holds what people said, keys and secrets: only you can read it, and it belongs to a safe place.
    """
    if (every or keep) and not (_is_bucket(target) or Path(target).is_dir()):
        raise Failure(Exit.USAGE, f"{target} is no folder: --every and --keep need one.")
    if not every:
        _save_once(target, data, keep)
        return
    import asyncio

    from sayit.cli import interrupt

    pause_s = _seconds_of(every)

    async def keep_saving() -> None:
        while True:
            try:
                await asyncio.to_thread(_save_once, target, data, keep)
            except Failure as failure:  # it is tried again at its time
                for line in failure.lines:
                    note(line)
            await asyncio.sleep(pause_s)

    with suppress(Interrupted):  # a signal stops it
        interrupt.run(keep_saving)


def restore(
    archive: Annotated[str, typer.Argument(metavar="ARCHIVE", help="What to restore: a file, or s3://...")],
    data: Data,
    replace: Annotated[
        bool, typer.Option("--replace", help="Put data that are there aside, in a folder beside the new ones.")
    ] = False,
) -> None:
    """Put an archive's data in place; the next `sayit up` goes on with them. No suite may run on the folder.

    With SAYIT_DATABASE_URL and SAYIT_STORAGE_URL they are put there; a PostgreSQL database has to be empty.
    """
    from sayit.scheduler.retention import backup as saved

    holder = lock.holder_of(data)
    if holder is not None:
        raise Failure(Exit.FAILED, str(lock.DataInUseError(data, holder)))
    with failing(saved.BackupError):
        locations = _locations(data)
        with saved.fetched(archive, locations) if _is_bucket(archive) else nullcontext(Path(archive)) as file:
            done = saved.restore(locations, file, replace=replace)
    where = data if locations.database_file else locations.database.render_as_string()
    print(f"Restored the backup of {done.created} (SayIt {done.version}, {done.objects} objects) into {where}.")
    note(f"Its settings lie in {done.settings}; nothing reads them by itself.")
    if done.replaced is not None:
        note(f"What was there lies in {done.replaced}.")


def _seconds_of(text: str) -> int:
    """A time such as 90s, 30m, 6h or 7d.

    Raises:
        Failure: it is none.
    """
    match = re.fullmatch(r"(\d+)([smhd])", text)
    if match is None or int(match[1]) == 0:
        raise Failure(Exit.USAGE, f"{text!r} is no time: write 30m, 6h or 1d.")
    return int(match[1]) * _UNITS[match[2]]


def _is_bucket(target: str) -> bool:
    return "://" in target


def _save_once(target: str, data: Path, keep: int) -> None:
    from sayit.scheduler.retention import backup as saved

    with failing(saved.BackupError):
        locations, bucket = _locations(data), _is_bucket(target)
        made = saved.save_into(target, locations) if bucket else saved.save(locations, Path(target))
        where = f"{target.rstrip('/')}/{made.path.name}" if bucket else made.path
        print(f"{where}: {made.size / 1e6:.1f} MB, {made.jobs} jobs, {made.objects} objects", flush=True)
        if keep:
            for gone in saved.rotate_in(target, keep) if bucket else saved.rotate(Path(target), keep):
                note(f"{gone} is old and deleted.")


def _locations(data: Path) -> Locations:
    from sayit.scheduler.retention.backup import locations_of
    from sayit.scheduler.settings import SchedulerSettings

    return locations_of(SchedulerSettings(data_dir=data))
