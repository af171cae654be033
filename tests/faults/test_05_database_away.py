"""Fault test 5: the database is locked, or its disk is full."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from sayit.client import AsyncClient
from sayit.speech.errors import ErrorKind, SayItError
from tests.end_to_end.helper import running_suite

from .chaos import Chaos
from .harness import FAST_FAULTS, LEAST_HITS, LONG, NO_BRIDGE, OPTIONS, Report, clips
from .load import Load, texts_without_faults

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

#: The longest time for which somebody else holds the database. SQLite waits 5 s for a lock, then it is an error.
LONGEST_LOCK_S = 30.0 if LONG else 6.0
#: How often it is locked; the first time for the longest.
LOCKS = LEAST_HITS if LONG else 1
#: So soon whoever asks hears that nothing can be stored: SQLite's 5 s, once behind somebody else and once for itself,
#: in each of the two transactions of a request.
REFUSED_WITHIN_S = 25.0
#: How often the disk is full. Each time costs what was being prepared its lease of half a minute.
DISKS = 4 if LONG else 1
_ALLOWED = {ErrorKind.UNAVAILABLE, ErrorKind.OVERLOADED}


async def test_locked(chaos: Chaos, load: Load, report: Report, rng: random.Random) -> None:
    """While nothing can be written nothing is acknowledged; then everything goes on by itself."""
    while report.faults < LOCKS:
        wave = asyncio.create_task(load.run(at_once=6, jobs=6))
        await chaos.busy(3)
        lock_s = LONGEST_LOCK_S if report.faults == 0 else rng.uniform(0.3, 1.5)
        with _locked(chaos.suite.data / "sayit.db"):
            report.fault("locked", hit=bool(chaos.books.unfinished()))
            try:
                async with asyncio.timeout(lock_s):
                    while True:
                        await _ask(load, report)
            except TimeoutError:
                pass
        await wave
    await load.judge(chaos.books, report)
    report.conclude(least=LOCKS)


async def test_disk_full(tmp_path: Path, report: Report) -> None:
    """A full disk costs requests an error, never an accepted job; with room again everything goes on by itself."""
    folder = tmp_path / "small"
    folder.mkdir()
    with _small_disk(folder), running_suite(folder, *NO_BRIDGE, **FAST_FAULTS, SAYIT_MIN_FREE_MB="0") as suite:
        chaos = Chaos(suite, report)
        texts = await texts_without_faults(suite.address, clips(), OPTIONS)
        load = Load(suite.address, clips(), texts, OPTIONS, report.seed)
        while report.faults < DISKS:
            wave = asyncio.create_task(load.run(at_once=6, jobs=6))
            await chaos.busy(3)
            with _filled(folder):
                report.fault("disk full", hit=bool(chaos.books.unfinished()))
                for _ in range(3):
                    await _ask(load, report)
                    await asyncio.sleep(0.3)
            await wave
        await chaos.healthy()
        await load.judge(chaos.books, report)
        report.conclude(least=DISKS)


async def _ask(load: Load, report: Report) -> None:
    """One request without retries: either refused in a way that passes, or accepted and therefore the load's."""
    began_s = time.monotonic()
    async with AsyncClient(load.address, retry_s=0.0) as client:
        clip = load.clips[0]
        try:
            job = await client.create_job(clip.audio, options=OPTIONS, filename=clip.name)
        except SayItError as error:
            report.count(f"refused as {error.code}")
            report.within("slowest_refusal_s", time.monotonic() - began_s, REFUSED_WITHIN_S)
            if error.kind not in _ALLOWED:
                report.wrong.append(f"a request met {error.code}")
            return
    load.accepted[job.id] = clip.name
    load.asked += 1


@contextmanager
def _locked(database: Path) -> Iterator[None]:
    """Another connection holds the only right to write."""
    with closing(sqlite3.connect(database, timeout=20, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")


@contextmanager
def _small_disk(folder: Path) -> Iterator[None]:
    """A file system of its own for a folder; only the superuser may make one."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no small file system can be made here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def _filled(folder: Path) -> Iterator[None]:
    """Not a byte is left on the file system."""
    filler = folder / "filler"
    try:
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(os.urandom(4096) * 16):
                pass
        yield
    finally:
        filler.unlink()
