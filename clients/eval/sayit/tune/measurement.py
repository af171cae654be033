"""Measures one setting: as many processes as it has transcribers, each with a warm model; they end with the block."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any

from sayit.cli.local_suite.tuned import Figures, Setting

#: Longest line that is shown of a process that failed.
_REASON_CHARS = 160


class NotMeasuredError(Exception):
    """A setting could not be measured; the message says why."""


async def measure(setting: Setting, folder: Path) -> Figures:
    """Loads the model in all processes, then lets them work: all at once with a backlog, then one with a short file.

    The short file comes last, because an engine that had interactive work keeps its batches small for a while.

    Raises:
        NotMeasuredError: a process ended; memory or the compute type may not suffice.
    """
    async with _running(setting, folder) as processes:
        together = await asyncio.gather(*(process.ask("throughput") for process in processes))
        alone = await processes[0].ask("latency")
    return Figures(
        latency_s=alone["seconds"],
        speed=sum(each["audio_s"] / each["seconds"] for each in together),
        rss_mb=max(each["rss_mb"] for each in together),
        short_windows=alone["short_windows"],
    )


class _Child:
    """A started process."""

    def __init__(self, process: Process, errors: IO[bytes]) -> None:
        self.process = process
        self._errors = errors

    async def ask(self, task: str) -> dict[str, Any]:
        """Gives it a task and waits for its answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{task}\n".encode())
        return await self.answer()

    async def answer(self) -> dict[str, Any]:
        """Its next line.

        Raises:
            NotMeasuredError: it ended instead.
        """
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        if not line:
            status = await self.process.wait()
            self._errors.seek(0)
            lines = self._errors.read().decode(errors="replace").strip().splitlines()
            killed = "it was killed; memory did not suffice?" if status < 0 else f"it ended with status {status}"
            raise NotMeasuredError(lines[-1][:_REASON_CHARS] if lines else killed)
        found: dict[str, Any] = json.loads(line)
        return found


@asynccontextmanager
async def _running(setting: Setting, folder: Path) -> AsyncIterator[list[_Child]]:
    arguments = (str(folder), str(setting.threads), str(setting.batch), setting.compute_type)
    environment = {**os.environ, "OMP_NUM_THREADS": str(setting.threads), "MALLOC_ARENA_MAX": "2"}
    children: list[_Child] = []
    with contextlib.ExitStack() as files:
        try:
            for _ in range(setting.transcribers):
                errors = files.enter_context(tempfile.TemporaryFile())
                # In a session of its own: Ctrl-C reaches this process alone, which ends the others.
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "sayit.tune.child",
                    *arguments,
                    stdin=PIPE,
                    stdout=PIPE,
                    stderr=errors,
                    env=environment,
                    start_new_session=True,
                )
                children.append(_Child(process, errors))
            await asyncio.gather(*(child.answer() for child in children))
            yield children
        finally:
            for child in children:
                with contextlib.suppress(ProcessLookupError):
                    child.process.kill()
            for child in children:
                await child.process.wait()
