"""The one engine of this process, used by one chunk at a time and never on the event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from typing import Protocol

import numpy as np
import numpy.typing as npt

from sayit.speech.options import DecodeOptions
from sayit.transcriber.engine.result import ChunkText

#: float32[n], mono 16 kHz, -1 to 1.
Samples = npt.NDArray[np.float32]


class Engine(Protocol):
    """A loaded model; see `sayit.transcriber.engine.Engine`."""

    def transcribe(
        self,
        pcm: Samples,
        options: DecodeOptions,
        *,
        on_window: Callable[[ChunkText], None],
        cancelled: Callable[[], bool],
    ) -> ChunkText:
        """Blocks until the chunk is done; raises EngineCancelled once `cancelled()` turned true between windows."""
        ...


class EngineLane:
    """Queues chunks in front of the engine.

    Args:
        engine: loaded and warm.
        executor: one thread; what computes runs there.
    """

    def __init__(self, engine: Engine, executor: Executor) -> None:
        self._engine = engine
        self._executor = executor
        self._lane = asyncio.Lock()
        self._busy_since_s: float | None = None

    @property
    def busy_for_s(self) -> float:
        """Seconds that the chunk on the engine has been there; 0 while the engine idles."""
        return 0.0 if self._busy_since_s is None else time.monotonic() - self._busy_since_s

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Waits until the engine is free and holds it while the block runs; may be cancelled while it waits."""
        async with self._lane:
            yield

    async def transcribe(
        self,
        pcm: Samples,
        options: DecodeOptions,
        *,
        on_window: Callable[[ChunkText], None],
        cancelled: Callable[[], bool],
    ) -> ChunkText:
        """Runs the engine in its thread; `on_window` is called on the event loop."""
        loop = asyncio.get_running_loop()

        def run() -> ChunkText:
            return self._engine.transcribe(
                pcm,
                options,
                on_window=lambda text: _told(loop, on_window, text),
                cancelled=cancelled,
            )

        self._busy_since_s = time.monotonic()
        try:
            return await loop.run_in_executor(self._executor, run)
        finally:
            self._busy_since_s = None


def _told(loop: asyncio.AbstractEventLoop, on_window: Callable[[ChunkText], None], text: ChunkText) -> None:
    """Hands text over to the loop, which may be gone: a process that leaves does not wait for its engine."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(on_window, text)


def samples_of_pcm(pcm: bytes | bytearray) -> Samples:
    """float32[n] of s16le bytes; the only copy is the conversion."""
    samples: Samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
    samples *= np.float32(1.0 / 32768.0)
    return samples
