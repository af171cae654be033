"""Starts a suite, keeps it running, and ends its parts in order."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from sayit.cli.local_suite import suite_file
from sayit.cli.local_suite.part import SupervisedPart, Surroundings
from sayit.cli.local_suite.plan import SuitePlan
from sayit.cli.local_suite.reaper import Reaper

#: Order of the end: first the parts that take work, together, so that one grace time is enough; last those that keep
#: it.
_END = (("bridge", "gateway", "transcriber"), ("scheduler",), ("valkey",))


class Suite:
    """The processes of one plan."""

    def __init__(self, plan: SuitePlan, say: Callable[[str], None], *, ready_files: Sequence[Path] = ()) -> None:
        self.plan = plan
        self._say = say
        self._ready_files = tuple(ready_files)
        self._complete = False
        self._hurry = False
        self._parts: list[SupervisedPart] = []
        self._keeping: list[asyncio.Task[None]] = []

    @property
    def parts(self) -> Sequence[SupervisedPart]:
        """All parts, in order of start."""
        return self._parts

    def kill(self) -> None:
        """Ends everything now, without waiting for running work."""
        self._hurry = True
        for part in self._parts:
            part.kill()

    def hang_up(self) -> None:
        """Makes all parts read their settings again."""
        for part in self._parts:
            part.hang_up()

    async def start(self, around: Surroundings) -> None:
        """Starts all parts and returns once all are healthy.

        Raises:
            PartFailedError: one cannot be started.
        """
        for stage in self.plan.stages:
            fresh = [SupervisedPart(spec, around) for spec in stage]
            self._parts.extend(fresh)
            self._keeping.extend(asyncio.create_task(part.keep(), name=part.spec.name) for part in fresh)
            await self._all_healthy(fresh)
        self._complete = True
        self.announce()

    async def stop(self) -> None:
        """Ends all parts: first those that take work, last those that keep it."""
        self._remove_ready_files()
        for kinds in _END:
            group = [part for part in self._parts if part.spec.name.startswith(kinds)]
            await asyncio.gather(*(part.stop(0.0 if self._hurry else None) for part in group))
        await asyncio.gather(*self._keeping, return_exceptions=True)

    def announce(self) -> None:
        """Writes the ready files, once the suite is complete."""
        if not self._complete:
            return
        text = self.describe().to_json()
        for path in self._ready_files:
            try:
                suite_file.write(path, text)
            except OSError as error:
                self._say(f"{path} cannot be written: {error.strerror}")

    def describe(self) -> suite_file.Ready:
        """How the suite is now."""
        options = self.plan.options
        return suite_file.Ready(
            pid=os.getpid(),
            gateway=self.plan.gateway,
            rest=self.plan.rest,
            scheduler=self.plan.scheduler,
            redis=self.plan.redis_url,
            data=str(options.data),
            logs=str(options.logs),
            model=options.model,
            metrics={part.spec.name: part.spec.metrics for part in self._parts if part.spec.metrics},
            parts=tuple(
                suite_file.RunningPart(
                    name=part.spec.name,
                    pid=part.pid,
                    address=part.spec.address,
                    metrics=part.spec.metrics,
                    healthy=part.healthy.is_set(),
                    restarts=part.restarts,
                )
                for part in self._parts
            ),
            tls=self.plan.tls,
        )

    async def _all_healthy(self, parts: Sequence[SupervisedPart]) -> None:
        """Waits for these parts; a part that fails meanwhile, old or new, is raised."""

        async def all_healthy() -> None:
            for part in parts:
                await part.healthy.wait()

        waiting = asyncio.create_task(all_healthy())
        try:
            await asyncio.wait([waiting, *self._keeping], return_when=asyncio.FIRST_COMPLETED)
            for task in self._keeping:
                if task.done():
                    task.result()
            if not waiting.done():
                raise asyncio.CancelledError  # a part was stopped: so is the suite
        finally:
            waiting.cancel()

    def _remove_ready_files(self) -> None:
        self._complete = False
        for path in self._ready_files:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


@asynccontextmanager
async def running(
    plan: SuitePlan, say: Callable[[str], None], *, ready_files: Sequence[Path] = (), leftover: str = ""
) -> AsyncIterator[Suite]:
    """A suite that is healthy when the block begins, and has ended when the block has, in whatever way.

    Args:
        plan: what to run.
        say: called with lines for the user.
        ready_files: where to describe the running suite as JSON; removed at the end.
        leftover: a folder that is deleted even if this process is killed; empty for none.

    Raises:
        PartFailedError: a part cannot be started.
    """
    reading, writing = os.pipe()
    reaper = Reaper(leftover)
    suite = Suite(plan, say, ready_files=ready_files)
    around = Surroundings(reaper=reaper, parent_fd=reading, logs=plan.options.logs, say=say, changed=suite.announce)
    try:
        await suite.start(around)
        yield suite
    finally:
        try:
            await _shielded(suite)
        finally:
            reaper.close()
            os.close(writing)
            os.close(reading)


async def _shielded(suite: Suite) -> None:
    """Stops the suite even if the caller is cancelled; a further cancellation ends it without waiting."""
    stopping = asyncio.create_task(suite.stop())
    while not stopping.done():
        try:
            await asyncio.shield(stopping)
        except asyncio.CancelledError:
            if stopping.done():
                raise
            suite.kill()
    stopping.result()
