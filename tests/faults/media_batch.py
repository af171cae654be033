"""Parent of the batch child: feeds it, times it, replaces it when it dies."""

from __future__ import annotations

import asyncio
import json
import struct
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sayit.scheduler.ingest.audio_reader.limits import MediaLimits

_CHILD = Path(__file__).with_name("media_batch_child.py")
#: Files after which a child is replaced, as memory of earlier files must not hide what one costs.
_FILES_PER_CHILD = 250


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one file."""

    #: `decoded`, an error code, `crash` or `timeout`.
    kind: str
    #: Seconds from sending the file to its outcome.
    took_s: float
    #: The child's largest resident memory so far.
    peak_mb: float = 0.0
    #: An exception that the decoder should have had an error for.
    unexpected: str = ""


class BatchChild:
    """An asynchronous context manager around a replaceable confined child."""

    def __init__(self, limits: MediaLimits, *, timeout_s: float) -> None:
        #: Children that died over a file or had to be killed.
        self.replaced = 0
        self._limits = limits
        self._timeout_s = timeout_s
        self._process: asyncio.subprocess.Process | None = None
        self._files = 0

    async def __aenter__(self) -> Self:
        """Starts nothing yet."""
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Ends the child."""
        await self._end()

    async def outcome(self, content: bytes) -> Outcome:
        """Has one file decoded."""
        if self._files >= _FILES_PER_CHILD:
            await self._end()
        process = self._process or await self._start()
        self._files += 1
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout_s):
                line = await self._answer(process, content)
        except TimeoutError:
            await self._replace()
            return Outcome(kind="timeout", took_s=time.monotonic() - began)
        took_s = time.monotonic() - began
        if not line:
            await self._replace()
            return Outcome(kind="crash", took_s=took_s)
        answer: dict[str, Any] = json.loads(line)
        return Outcome(
            kind=answer["kind"], took_s=took_s, peak_mb=answer["peak_mb"], unexpected=answer.get("unexpected", "")
        )

    async def _answer(self, process: asyncio.subprocess.Process, content: bytes) -> bytes:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(struct.pack("!I", len(content)) + content)
            await process.stdin.drain()
        except ConnectionError:
            return b""
        return await process.stdout.readline()

    async def _start(self) -> asyncio.subprocess.Process:
        self._files = 0
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(_CHILD),
            json.dumps(asdict(self._limits)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={"MALLOC_ARENA_MAX": "1"},
        )
        return self._process

    async def _replace(self) -> None:
        self.replaced += 1
        await self._end()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            if process.returncode is None:
                process.kill()
            await process.communicate()
