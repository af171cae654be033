"""The parent's handle on one decoding child."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from dataclasses import asdict
from typing import Self

from sayit.scheduler.ingest.audio_reader import frames
from sayit.scheduler.ingest.audio_reader.limits import MediaLimits

#: What the child inherits of our environment: where its interpreter finds its libraries, nothing else.
_INHERITED = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH")
#: One allocator arena: each further one reserves 64 MB of the address space that the child is limited to.
_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "1"}
#: Seconds in which a child must have loaded its libraries; it takes 0.1–0.2 s on an idle machine.
_START_S = 30.0
#: Seconds that a child which has closed its output may take to end.
_END_S = 2.0
#: Seconds to wait for the pipes of a killed child.
_COLLECT_S = 5.0
#: Bytes of a dead child's error output that are kept for the log.
_STDERR_BYTES = 2_000


class ChildFailedError(Exception):
    """A child did not start, or ended without having said what is wrong with its file."""

    def __init__(self, cause: str, *, interrupted: bool = False) -> None:
        #: Another process killed it, which is not its file's fault.
        self.interrupted = interrupted
        super().__init__(cause)


class Child:
    """One child, in a session and process group of its own; `start` makes it, `kill` and `collect` end it."""

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket) -> None:
        self._process = process
        self._control = control

    @classmethod
    async def start(cls, limits: MediaLimits) -> Self:
        """Starts a child; does not wait until it is ready."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",  # neither the working directory nor PYTHON* variables decide what it imports
                "-m",
                "sayit.scheduler.ingest.audio_reader.child",
                json.dumps(asdict(limits)),
                stdin=theirs.fileno(),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
                cwd="/",
                env=_ENVIRONMENT | {name: os.environ[name] for name in _INHERITED if name in os.environ},
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return cls(process, ours)

    @property
    def pid(self) -> int:
        """Its process id, which is also its group's."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended as far as we know."""
        return self._process.returncode is None

    async def ready(self) -> None:
        """Waits until it can take a file.

        Raises:
            ChildFailedError: it ended instead, or took too long.
        """
        try:
            async with asyncio.timeout(_START_S):
                kind, _ = await self.receive()
        except TimeoutError:
            raise ChildFailedError(f"not ready after {_START_S:.0f} s") from None
        if kind != frames.READY:
            raise ChildFailedError(f"frame {kind!r} before a file was sent")

    def send(self, descriptor: int, request: bytes) -> None:
        """Hands over the open file with `frames.MIX`, `SPLIT` or `LIVE`; the caller keeps its own descriptor.

        Raises:
            ChildFailedError: the child is gone.
        """
        try:
            socket.send_fds(self._control, [request], [descriptor])
        except OSError as error:
            raise ChildFailedError(f"no longer there: {error}", interrupted=True) from error

    async def receive(self) -> tuple[bytes, bytes]:
        """The next frame's kind and payload.

        Raises:
            ChildFailedError: it ended, or sent something that is no frame.
        """
        output = self._process.stdout
        assert output is not None
        try:
            kind, length = frames.unpack_header(await output.readexactly(frames.HEADER_BYTES))
            return kind, await output.readexactly(length)
        except frames.BrokenFrameError as error:
            raise ChildFailedError(str(error)) from error
        except asyncio.IncompleteReadError:
            raise await self._ended() from None

    def kill(self) -> None:
        """Ends the child and whatever it may have started; harmless if it has ended."""
        self._control.close()
        if self.running:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    async def collect(self) -> None:
        """Waits until the killed child is gone and leaves no zombie."""
        output = self._process.stdout
        assert output is not None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_COLLECT_S):
                while await output.read(frames.MAX_AUDIO_BYTES):  # a paused pipe would keep wait() waiting
                    pass
                await self._errors()
                await self._process.wait()

    async def _ended(self) -> ChildFailedError:
        """Why the output ended."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END_S):
                errors = await self._errors()
                status = await self._process.wait()
                interrupted = status in (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP)
                return ChildFailedError(f"ended with status {status}: {errors}", interrupted=interrupted)
        return ChildFailedError("closed its output and went on")

    async def _errors(self) -> str:
        """The end of what it wrote to its error output."""
        stream = self._process.stderr
        assert stream is not None
        tail = b""
        while block := await stream.read(65_536):
            tail = (tail + block)[-_STDERR_BYTES:]
        return tail.decode(errors="replace").strip()
