"""One supervised process: started, found healthy, started again when it dies, ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sayit.chassis.parent_watch import PARENT_FD_VARIABLE
from sayit.chassis.start import StartError
from sayit.cli.local_suite import logs
from sayit.cli.local_suite.reaper import Reaper

#: Starts of a part that never became healthy, before the suite gives up on starting.
MOST_FIRST_STARTS = 5
#: The exit status for "these settings cannot work" (`sayit.chassis.process`): starting again would not help.
EXIT_CANNOT_WORK = 2
_SHORTEST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0
#: A part that was healthy for so long before it ended starts with the shortest pause again.
_SOUND_AFTER_S = 2.0
_CHECK_EVERY_S = 0.1
#: After how long it is told where to see what a suite waits for.
_TELL_AFTER_S = 10.0
#: How often a part that is healthy is checked, and one that was.
_WATCH_EVERY_S = 2.0
_WATCH_ILL_EVERY_S = 0.5
_LOG_LINES = 8


def _nothing(_failures: int) -> str:
    return ""


@dataclass(frozen=True, kw_only=True)
class PartSpec:
    """What a part is."""

    #: Unique in the suite: valkey, scheduler, gateway, transcriber-1 …
    name: str
    #: The command line.
    arguments: tuple[str, ...]
    #: Its whole environment.
    environment: Mapping[str, str]
    #: Where it listens: "host:port".
    address: str
    #: Where its metrics are, "host:port"; empty if it has none.
    metrics: str
    #: Whether it works now.
    check: Callable[[], Awaitable[bool]]
    #: Whether the process itself is alive, though it may not work because another part is down; None: `check`.
    lives: Callable[[], Awaitable[bool]] | None = None
    #: How long it may take to end in good order, in seconds.
    grace_s: float
    #: How long it may take to become healthy, in seconds.
    start_limit_s: float = 180.0
    #: How long it may not live, once it was healthy, before it is killed and started again, in seconds.
    dead_limit_s: float = 20.0
    #: Starts without ever being healthy until it counts as failed.
    most_first_starts: int = MOST_FIRST_STARTS
    #: Whether EXIT_CANNOT_WORK at the first start counts as failed at once.
    believes_exit: bool = True
    #: Whether SIGHUP makes it read its settings again.
    reloads: bool = False
    #: Called with the number of failures before it is started again after a life in which it never was healthy; returns
    #: what it repaired, if anything.
    mend: Callable[[int], str] = field(default=_nothing)


class PartFailedError(StartError):
    """A part cannot be started; the last lines of its log follow the first line."""

    def __init__(self, name: str, how: str, log: Path, lines: list[str]) -> None:
        where = [f"(log: {log})"] if log.exists() else []
        super().__init__("\n  ".join([f"{name} does not start: {how}.", *lines, *where]))


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What all parts share."""

    reaper: Reaper
    #: The reading end of the pipe whose closing tells children that the supervisor has ended.
    parent_fd: int
    #: Folder of the logs.
    logs: Path
    #: Reports to the user what happens.
    say: Callable[[str], None]
    #: Called when a process id or a health changes.
    changed: Callable[[], None]


class SupervisedPart:
    """One process of the suite."""

    def __init__(self, spec: PartSpec, around: Surroundings) -> None:
        self.spec = spec
        self.healthy = asyncio.Event()
        #: Process id; None while there is no process.
        self.pid: int | None = None
        #: Times it was started again.
        self.restarts = 0
        self._around = around
        self._stopping = asyncio.Event()
        self._gone = asyncio.Event()
        self._ever_healthy = False
        #: Of this life: how long it was healthy until it last failed a check, and since when it has been again.
        self._healthy_s = 0.0
        self._healthy_since_s: float | None = None
        self._log_start = 0

    @property
    def log(self) -> Path:
        """Where it logs."""
        return logs.path_of(self._around.logs, self.spec.name)

    @property
    def _healthy_for_s(self) -> float:
        """How long it was healthy in this life, in seconds."""
        since_s = self._healthy_since_s
        return self._healthy_s + (0.0 if since_s is None else time.monotonic() - since_s)

    async def keep(self) -> None:
        """Keeps it running until `stop` was called.

        Raises:
            PartFailedError: it never became healthy.
        """
        failures = 0
        while not self._stopping.is_set():
            self._healthy_s, self._healthy_since_s = 0.0, None
            status = await self._run_once()
            if self._stopping.is_set():
                return
            failures = 1 if self._healthy_for_s >= _SOUND_AFTER_S else failures + 1
            how = _how_it_ended(status)
            if self._hopeless(status, failures):
                raise PartFailedError(
                    self.spec.name, how, self.log, logs.last_lines(self.log, _LOG_LINES, since=self._log_start)
                )
            await self._pause(failures, how)
            self.restarts += 1

    def hang_up(self) -> None:
        """Asks it to read its settings again, if it does: one that starts now reads them anyway."""
        if self.spec.reloads and self.healthy.is_set():
            self._signal(signal.SIGHUP)

    async def stop(self, grace_s: float | None = None) -> None:
        """Ends it: asks, waits for its grace time, then forces."""
        self._stopping.set()
        if not self._signal(signal.SIGTERM):
            return
        try:
            await asyncio.wait_for(self._gone.wait(), self.spec.grace_s if grace_s is None else grace_s)
        except TimeoutError:
            self.kill()

    def kill(self) -> None:
        """Ends it now, for good."""
        self._stopping.set()
        self._signal(signal.SIGKILL)

    async def _run_once(self) -> int:
        """One life: returns its exit status, negative for a signal."""
        around = self._around
        with logs.opened(self.log) as log:
            self._log_start = log.tell()
            process = await asyncio.create_subprocess_exec(
                *around.reaper.wrapped(self.spec.arguments),
                stdin=around.reaper.pipe(),
                stdout=log,
                stderr=log,
                env={**self.spec.environment, PARENT_FD_VARIABLE: str(around.parent_fd)},
                pass_fds=(around.parent_fd,),
                start_new_session=True,  # Ctrl-C is for the supervisor; it stops the parts in order
            )
        self.pid = process.pid
        self._gone.clear()
        around.reaper.started(process.pid)
        around.changed()
        if self._stopping.is_set():  # asked to stop while it was being started
            self._signal(signal.SIGTERM)
        watcher = asyncio.create_task(self._watch())
        try:
            return await process.wait()
        finally:
            watcher.cancel()
            around.reaper.ended(process.pid)
            self.pid = None
            self._gone.set()
            self.healthy.clear()
            around.changed()

    async def _watch(self) -> None:
        """Watches one life: a process that does not become healthy in time, or hangs, is killed."""
        if await self._becomes_healthy():
            await self._stays_alive()

    async def _stays_alive(self) -> None:
        """Returns once it has failed its checks for too long: stopped, hanging, or reporting that it cannot work."""
        lives = self.spec.lives or self.spec.check
        limit_s = self.spec.dead_limit_s
        last_alive = time.monotonic()
        while not self._stopping.is_set():
            every_s = _WATCH_EVERY_S if self.healthy.is_set() else _WATCH_ILL_EVERY_S
            await asyncio.sleep(min(every_s, limit_s / 4))
            healthy = await self.spec.check()
            if healthy is not self.healthy.is_set():
                self._show(healthy=healthy)
            if healthy or await lives():
                last_alive = time.monotonic()
            elif not self._stopping.is_set() and time.monotonic() - last_alive > limit_s:
                self._around.say(f"{self.spec.name} has not worked for {limit_s:g} s; killing it.")
                self._signal(signal.SIGKILL)
                return

    def _show(self, *, healthy: bool) -> None:
        self._healthy_s, self._healthy_since_s = self._healthy_for_s, time.monotonic() if healthy else None
        if healthy:
            self.healthy.set()
        else:
            self.healthy.clear()
        self._around.changed()

    async def _becomes_healthy(self) -> bool:
        """Waits until it is healthy; a process that is not healthy in time is killed."""
        began, told = time.monotonic(), not self.spec.lives
        deadline = began + self.spec.start_limit_s
        while not await self.spec.check():
            if not told and time.monotonic() > began + _TELL_AFTER_S:
                told = True
                asked = {"bridge": f"curl http://{self.spec.address}/readyz"}
                look = asked.get(self.spec.name, f"sayit status --server {self.spec.address}")
                self._around.say(f"{self.spec.name} is not ready yet: `{look}` says what is missing.")
            if time.monotonic() > deadline:
                self._around.say(f"{self.spec.name} is not healthy after {self.spec.start_limit_s:g} s; ending it.")
                self._signal(signal.SIGKILL)
                return False
            await asyncio.sleep(_CHECK_EVERY_S)
        if self._ever_healthy:
            self._around.say(f"{self.spec.name} is back (process {self.pid}).")
        self._ever_healthy = True
        self._show(healthy=True)
        return True

    def _hopeless(self, status: int, failures: int) -> bool:
        if self._ever_healthy:
            return False
        return failures >= self.spec.most_first_starts or (status == EXIT_CANNOT_WORK and self.spec.believes_exit)

    async def _pause(self, failures: int, how: str) -> None:
        pause_s = min(_LONGEST_PAUSE_S, _SHORTEST_PAUSE_S * 2 ** (failures - 1))
        self._around.say(f"{self.spec.name} ended: {how}. Starting it again in {pause_s:g} s.")
        if failures >= 3:
            for line in logs.last_lines(self.log, 1, since=self._log_start):
                self._around.say(f"  its last line ({failures} failures in a row, log: {self.log}): {line}")
        if not self._healthy_for_s and (mended := self.spec.mend(failures)):
            self._around.say(mended)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), pause_s)

    def _signal(self, number: signal.Signals) -> bool:
        if self.pid is None:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)
        return True


def _how_it_ended(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"
