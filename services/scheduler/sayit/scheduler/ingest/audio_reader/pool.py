"""One child process per file, the next one started ahead."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import time
from collections.abc import AsyncIterator, Coroutine
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from sayit.scheduler.ingest.audio_reader import frames
from sayit.scheduler.ingest.audio_reader.limits import CHANNELS_CANCEL, AudioSummary, MediaLimits
from sayit.scheduler.ingest.audio_reader.mixing import Mixer
from sayit.scheduler.ingest.audio_reader.process import Child, ChildFailedError
from sayit.speech.audio import SAMPLE_BYTES, SAMPLE_RATE_HZ, seconds_of
from sayit.speech.errors import ErrorKind, SayItError

#: Children tried before decoding counts as unavailable.
_START_ATTEMPTS = 3
#: The next child is started so much later than a file begins, in seconds: starting takes 0.15 s of a core, and the
#: first one of a short recording's chunks is on its way to a transcriber by then.
_SPARE_AFTER_S = 0.3


class AudioReaderPool:
    """Decodes files in child processes and keeps one child warm. An asynchronous context manager.

    A child decodes one file and ends. It is killed with its process group as soon as its file's context is left,
    however that happens, and ends by itself when this process dies. How many files are decoded at once is up to
    the caller.

    Args:
        limits: what one file may cost.
    """

    def __init__(self, limits: MediaLimits | None = None) -> None:
        self._limits = limits or MediaLimits()
        self._spare: asyncio.Task[Child] | None = None
        self._endings: set[asyncio.Task[None]] = set()
        self._open = False

    async def __aenter__(self) -> Self:
        """Starts the first child; does not wait for it."""
        self._open = True
        self._start_spare()
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Ends the warm child and waits until every child whose context has been left is gone."""
        self._open = False
        if self._spare is not None:
            self._end(_end_start(self._spare))
            self._spare = None
        while self._endings:
            await asyncio.wait(set(self._endings))

    @contextlib.asynccontextmanager
    async def read(self, path: str | Path, *, split: bool = False) -> AsyncIterator[AudioStream]:
        """Decodes one file for as long as the context is open.

        Args:
            path: a seekable file; the child gets it open and never sees its name.
            split: whether its channels are delivered side by side; else they are mixed.

        Raises:
            SayItError: UNAVAILABLE if no child could be started; iterating raises what is wrong with the file.
            OSError: the file cannot be opened.
        """
        descriptor = await asyncio.to_thread(os.open, path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            child = await self._take(descriptor, frames.SPLIT if split else frames.MIX)
        finally:
            os.close(descriptor)
        async with self._at_work(child):
            yield AudioStream(child, self._limits, split=split)

    @contextlib.asynccontextmanager
    async def live(self) -> AsyncIterator[tuple[asyncio.StreamWriter, AudioStream]]:
        """Decodes compressed live audio for as long as the context is open: what is written, and what comes of it.

        Raises:
            SayItError: as `read`. Writing raises ConnectionError once the child has ended; iterating says why.
        """
        reading, writing = os.pipe()
        try:
            child = await self._take(reading, frames.LIVE)
        except BaseException:
            os.close(writing)
            raise
        finally:
            os.close(reading)
        loop = asyncio.get_running_loop()
        async with self._at_work(child):
            transport, protocol = await loop.connect_write_pipe(
                asyncio.streams.FlowControlMixin, os.fdopen(writing, "wb", buffering=0)
            )
            try:
                # How long the client takes to speak is not held against its audio.
                limits = replace(self._limits, wall_s=math.inf)
                yield asyncio.StreamWriter(transport, protocol, None, loop), AudioStream(child, limits, split=False)
            finally:
                if not transport.is_closing():
                    transport.abort()

    @contextlib.asynccontextmanager
    async def _at_work(self, child: Child) -> AsyncIterator[None]:
        """Starts the next child, and ends this one."""
        try:
            asyncio.get_running_loop().call_later(_SPARE_AFTER_S, self._start_spare)
            yield
        finally:
            child.kill()
            # Shielded: a cancelled caller leaves at once, and the pool still collects its child.
            await asyncio.shield(self._end(child.collect()))

    async def _take(self, descriptor: int, request: bytes) -> Child:
        """The warm child, or a new one, with the file handed over."""
        cause = ""
        for _ in range(_START_ATTEMPTS):
            task, self._spare = self._spare, None
            task = task or asyncio.create_task(_started(self._limits))
            try:
                child = await asyncio.shield(task)
            except asyncio.CancelledError:
                self._end(_end_start(task))
                raise
            except (ChildFailedError, OSError) as error:
                cause = str(error)
                continue
            try:
                child.send(descriptor, request)
            except ChildFailedError as error:  # it ended while it waited
                cause = str(error)
                child.kill()
                self._end(child.collect())
                continue
            return child
        raise SayItError(ErrorKind.UNAVAILABLE, cause=f"no decoder could be started: {cause}")

    def _start_spare(self) -> None:
        if self._open and self._spare is None:
            self._spare = asyncio.create_task(_started(self._limits))

    def _end(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Runs the end of a child to its own end, whatever happens to the caller."""
        task = asyncio.create_task(work)
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)
        return task


class AudioStream:
    """The audio of one file: an asynchronous iterator of s16le blocks, 16 kHz, at most a second of mono each.

    The child works no further ahead than a pipe holds, so a slow consumer costs no memory, and its own slowness is
    not held against the file.

    Raises while it is iterated:
        SayItError: INVALID_FORMAT, UNSUPPORTED_CODEC, DAMAGED_FILE, NO_AUDIO_TRACK, UNSUPPORTED_AUDIO, AUDIO_TOO_LONG,
            DECODING_FAILED (crash, time, memory); UNAVAILABLE if another process killed the child, which is not the
            file's fault: decode it again.
    """

    def __init__(self, child: Child, limits: MediaLimits, *, split: bool) -> None:
        self._child = child
        self._limits = limits
        self._mixer = None if split else Mixer()
        #: Channels in the blocks, interleaved; known with the first block.
        self.channels = 1
        #: Those of the child's blocks; 0 until it has said how many.
        self._sent_channels = 0
        self._samples = 0
        self._waited_s = 0.0
        self._summary: AudioSummary | None = None
        #: How long the file says it is; None as long as it has not said so. It may be wrong.
        self.declared_s: float | None = None

    @property
    def summary(self) -> AudioSummary:
        """What the file was; known once the iteration has ended."""
        if self._summary is None:
            raise RuntimeError("the file has not been decoded to its end")
        return self._summary

    def __aiter__(self) -> Self:
        """Itself: a file is decoded once."""
        return self

    async def __anext__(self) -> bytes:
        """The next block."""
        if self._summary is not None:
            raise StopAsyncIteration
        try:
            kind, payload = await self._receive()
            if kind == frames.BEGIN and not self._sent_channels:
                declared_s, channels = frames.unpack_begin(payload, most_channels=self._limits.max_channels)
                self.declared_s = None if declared_s is None else min(declared_s, self._limits.max_audio_s)
                self._sent_channels = channels
                self.channels = channels if self._mixer is None else 1
                kind, payload = await self._receive()
            if kind == frames.AUDIO:
                return self._counted(payload)
            if kind == frames.ERROR:
                raise frames.unpack_error(payload, limit_minutes=self._limit_minutes)
            self._summary = frames.unpack_summary(payload, samples=self._samples)
            if self._mixer is not None and self._mixer.cancelled:
                self._summary = replace(self._summary, warnings=(*self._summary.warnings, CHANNELS_CANCEL))
        except ChildFailedError as error:
            kind_of_error = ErrorKind.UNAVAILABLE if error.interrupted else ErrorKind.DECODING_FAILED
            raise SayItError(kind_of_error, cause=str(error)) from error
        except frames.BrokenFrameError as error:
            raise SayItError(ErrorKind.DECODING_FAILED, cause=str(error)) from error
        raise StopAsyncIteration

    @property
    def _limit_minutes(self) -> str:
        return f"{self._limits.max_audio_s / 60:g}"

    def _counted(self, pcm: bytes) -> bytes:
        """Counts here as well: a file may have taken the child over, so its own count cannot be trusted."""
        if not self._sent_channels or len(pcm) % (SAMPLE_BYTES * self._sent_channels):
            raise frames.BrokenFrameError(f"{len(pcm)} bytes of {self._sent_channels} channels")
        count = len(pcm) // (SAMPLE_BYTES * self._sent_channels)
        self._samples += count
        if self._samples > self._limits.max_audio_s * SAMPLE_RATE_HZ:
            raise SayItError(ErrorKind.AUDIO_TOO_LONG, limit_minutes=self._limit_minutes)
        return self._mixer.mixed(pcm) if self._mixer is not None and self._sent_channels == 2 else pcm

    async def _receive(self) -> tuple[bytes, bytes]:
        """The next frame, within the time allowed for the audio delivered so far."""
        allowed_s = self._limits.wall_s + self._limits.wall_per_audio_s * seconds_of(self._samples)
        began = time.monotonic()
        try:
            left_s = max(0.0, allowed_s - self._waited_s)
            async with asyncio.timeout(None if left_s == math.inf else left_s):
                return await self._child.receive()
        except TimeoutError:
            cause = f"no more than {seconds_of(self._samples):.1f} s of audio after {allowed_s:.1f} s of waiting"
            raise SayItError(ErrorKind.DECODING_FAILED, cause=cause) from None
        finally:
            self._waited_s += time.monotonic() - began


async def _started(limits: MediaLimits) -> Child:
    """A child that is ready for its file."""
    child = await Child.start(limits)
    try:
        await child.ready()
    except BaseException:
        child.kill()
        await child.collect()
        raise
    return child


async def _end_start(task: asyncio.Task[Child]) -> None:
    """Ends a child that is still being started, or waits for a file that will not come."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, ChildFailedError, OSError):
        child = await task
        child.kill()
        await child.collect()
