"""Where audio comes from: a path, bytes, an open file, an iterable. Reading never blocks the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, TypeVar, cast

#: Bytes of one message: large enough to be efficient, far below the server's limit of 1 MiB.
BLOCK_BYTES = 256 * 1024

#: What audio may be given as; a string is a path.
Audio: TypeAlias = str | os.PathLike[str] | bytes | bytearray | BinaryIO | Iterable[bytes] | AsyncIterable[bytes]

_END: Any = object()
_Value = TypeVar("_Value")


class Source(ABC):
    """Audio bytes, once or as often as they are needed."""

    #: Name of the file where there is one.
    filename: str = ""

    async def check(self) -> None:  # noqa: B027  # most sources are open already
        """Raises OSError for a file that cannot be opened, before any call is made."""

    async def size(self) -> int | None:
        """Bytes in all, where that is known beforehand."""
        return None

    @property
    @abstractmethod
    def can_start_again(self) -> bool:
        """Whether `blocks` may be called (again)."""

    @abstractmethod
    def blocks(self, offset: int = 0) -> AsyncGenerator[bytes, None]:
        """The bytes from `offset` on in blocks of 1 to BLOCK_BYTES bytes."""


def source_of(audio: Audio) -> Source:
    """The source for anything audio may be given as.

    Raises:
        TypeError: it is none of these.
    """
    if isinstance(audio, (bytes, bytearray, memoryview)):
        return _Bytes(bytes(audio))
    if isinstance(audio, (str, os.PathLike)):
        return _Path(Path(audio))
    if hasattr(audio, "read"):
        return _File(audio)
    if isinstance(audio, (Iterable, AsyncIterable)):
        return _Pieces(cast("Iterable[bytes] | AsyncIterable[bytes]", audio))
    raise TypeError(f"audio is a path, bytes, a binary file or an iterable of bytes, not {type(audio).__name__}")


class _Bytes(Source):
    def __init__(self, data: bytes) -> None:
        self._data = data

    async def size(self) -> int:
        return len(self._data)

    @property
    def can_start_again(self) -> bool:
        return True

    async def blocks(self, offset: int = 0) -> AsyncGenerator[bytes, None]:
        for start in range(offset, len(self._data), BLOCK_BYTES):
            yield self._data[start : start + BLOCK_BYTES]


class _Path(Source):
    def __init__(self, path: Path) -> None:
        self._path = path
        self.filename = path.name
        #: Whether it is a file and not a pipe, which can be opened and read only once.
        self._regular = True
        self._started = False

    async def check(self) -> None:
        self._regular = await in_thread(self._try_to_open)

    async def size(self) -> int | None:
        return (await in_thread(self._path.stat)).st_size if self._regular else None

    @property
    def can_start_again(self) -> bool:
        return self._regular or not self._started

    async def blocks(self, offset: int = 0) -> AsyncGenerator[bytes, None]:
        self._started = True
        opening = in_thread(self._open)
        try:
            file = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_opened)
            raise
        try:
            async for block in _blocks(_reader(file, offset) if self._regular else file.read):
                yield block
        finally:
            closing = in_thread(file.close)
            if self._regular:  # closing a pipe waits for the read that was given up
                await closing

    def _try_to_open(self) -> bool:
        if self._path.is_fifo() or self._path.is_char_device():
            return False
        self._open().close()
        return True

    def _open(self) -> BinaryIO:
        return self._path.open("rb")


class _File(Source):
    """A file that the caller opened and closes; read from its position on."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._seekable = bool(getattr(file, "seekable", bool)())
        self._lock = threading.Lock()
        self._start = file.tell() if self._seekable else 0
        self._started = False
        name = getattr(file, "name", "")
        self.filename = Path(name).name if isinstance(name, str) else ""

    async def size(self) -> int | None:
        if not self._seekable:
            return None
        end: int = await in_thread(self._file.seek, 0, os.SEEK_END)
        return max(0, end - self._start)

    @property
    def can_start_again(self) -> bool:
        return self._seekable or not self._started

    def blocks(self, offset: int = 0) -> AsyncGenerator[bytes, None]:
        self._started = True
        return _blocks(_reader(self._file, self._start + offset, self._lock) if self._seekable else self._file.read)


class _Pieces(Source):
    """An iterable of bytes of any sizes; an iterator is read once, a container as often as needed."""

    def __init__(self, pieces: Iterable[bytes] | AsyncIterable[bytes]) -> None:
        self._pieces = pieces
        self._once = hasattr(pieces, "__next__") or hasattr(pieces, "__anext__")
        self._started = False

    @property
    def can_start_again(self) -> bool:
        return not (self._once and self._started)

    async def blocks(self, offset: int = 0) -> AsyncGenerator[bytes, None]:
        self._started = True
        skip = offset
        async for piece in self._iterate():
            data = _checked(piece)
            skipped = min(skip, len(data))
            skip -= skipped
            for start in range(skipped, len(data), BLOCK_BYTES):
                yield data[start : start + BLOCK_BYTES]

    async def _iterate(self) -> AsyncGenerator[bytes, None]:
        if isinstance(self._pieces, AsyncIterable):
            async for piece in self._pieces:
                yield piece
            return
        # The iterable may block: a subprocess's output, a microphone.
        iterator = iter(self._pieces)
        while (piece := await in_thread(next, iterator, _END)) is not _END:
            yield piece


def in_thread(function: Callable[..., _Value], *arguments: Any) -> asyncio.Future[_Value]:
    """Begins a blocking call in a daemon thread and returns its future.

    Unlike an executor's thread it holds up neither the end of the loop nor that of the program: a read from a pipe or a
    terminal may never return. Starting a thread costs little beside reading a block.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_Value] = loop.create_future()

    def settle(value: Any, fault: Exception | None) -> None:
        if future.done():  # cancelled
            return
        if fault is None:
            future.set_result(value)
        else:
            future.set_exception(fault)

    def run() -> None:
        value, fault = None, None
        try:
            value = function(*arguments)
        except Exception as error:  # noqa: BLE001  # it is raised where the future is awaited
            fault = error
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(settle, value, fault)

    threading.Thread(target=run, name="sayit-client-reader", daemon=True).start()
    return future


def _close_opened(opening: asyncio.Future[BinaryIO]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


def _reader(file: Any, position: int, lock: threading.Lock | None = None) -> Callable[[int], bytes]:
    """Reads from `position` on, also if the file's position was changed meanwhile.

    The read that a broken call was waiting for goes on in its thread while the next attempt begins.
    """
    lock = lock or threading.Lock()

    def read(size: int) -> bytes:
        nonlocal position
        with lock:
            file.seek(position)
            data = _checked(file.read(size))
        position += len(data)
        return data

    return read


async def _blocks(read: Callable[[int], bytes]) -> AsyncGenerator[bytes, None]:
    while data := _checked(await in_thread(read, BLOCK_BYTES)):
        yield data


def _checked(data: Any) -> bytes:
    if isinstance(data, bytes):
        return data
    if isinstance(data, (bytearray, memoryview)):
        return bytes(data)
    raise TypeError(f"audio is read as bytes (a file opened with 'rb'), not {type(data).__name__}")
