"""From the command line to a suite that can be started: folders, model, transcribers."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from sayit.cli.local_suite import suite_file
from sayit.cli.local_suite.plan import SuiteOptions, plan
from sayit.cli.local_suite.resources import Workforce, free_bytes, transcriber_bytes, usable_cores, workforce
from sayit.cli.local_suite.supervisor import running
from sayit.cli.local_suite.worker_pools import Pool

#: How long the processes of a supervisor that was killed may still be ending, in seconds.
ORPHANS_END_WITHIN_S = 8.0
#: Short, because an embedded suite is idle when it ends, or was interrupted by a user who does not want to wait.
_EMBEDDED_GRACE_S = 1.0


def chosen_workforce(
    transcribers: int | None,
    threads: int | None,
    warn: Callable[[str], None],
    *,
    folder: Path,
    others: Sequence[Pool] = (),
) -> Workforce:
    """The transcribers and threads that were asked for, completed for this machine.

    Args:
        transcribers: the user's number, if given.
        threads: the user's number, if given.
        warn: called when it is more than the cores, or when several models are more than the memory.
        folder: the model's.
        others: models beside it, whose transcribers take cores and memory, too.
    """
    cores, free = usable_cores(), free_bytes()
    beside = sum(pool.transcribers for pool in others)
    theirs = sum(pool.transcribers * transcriber_bytes(pool.folder) for pool in others)
    each = transcriber_bytes(folder)
    chosen = workforce(
        cores,
        transcribers=transcribers,
        threads=threads,
        memory_bytes=None if free is None else max(0, free - theirs),
        each_bytes=each,
        beside=beside,
    )
    count = chosen.transcribers + beside
    if count * chosen.threads > cores:
        warn(
            f"{count} transcribers with {chosen.threads} threads each are more than the {cores} cores "
            "here: they will slow one another down."
        )
    wanted = theirs + chosen.transcribers * each
    if others and free is not None and wanted > free:
        warn(
            f"{count} transcribers of {1 + len(others)} models may want {wanted / 1e9:.0f} GB of memory, and "
            f"{free / 1e9:.0f} GB are free: use fewer transcribers or smaller models, or set SAYIT_BATCH lower."
        )
    return chosen


def wait_for_orphans(ready_file: Path) -> None:
    """After a supervisor was killed: waits for its processes, which end by themselves, before others start."""
    left = suite_file.read(ready_file)
    deadline = time.monotonic() + ORPHANS_END_WITHIN_S
    pids = [part.pid for part in left.parts if part.pid] if left else []
    while any(_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.1)


@asynccontextmanager
async def embedded(
    model: str, model_folder: Path, workers: Workforce, say: Callable[[str], None]
) -> AsyncIterator[str]:
    """A suite for the length of the block, in a folder that is deleted with it; yields the gateway's address.

    Raises:
        PartFailedError: a part cannot be started.
        MissingProgramError: there is no Valkey.
    """
    data = Path(tempfile.mkdtemp(prefix="sayit-"))
    try:
        chosen = SuiteOptions(
            data=data,
            listen="127.0.0.1:0",
            workforce=workers,
            model=model,
            model_folder=model_folder,
            grace_s=_EMBEDDED_GRACE_S,
            embedded=True,
        )
        async with running(plan(chosen), say, leftover=str(data)) as suite:
            yield suite.plan.gateway
    finally:
        shutil.rmtree(data, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
