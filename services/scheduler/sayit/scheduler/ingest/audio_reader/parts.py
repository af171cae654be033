"""Where a file's containers begin and end: sizes that are too small, and containers that were joined end to end.

Demuxers stop where a container says that it ends. What people do to files (a recorder that lost power, `cat a b`) puts
audio behind that.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

#: RIFF sizes from here on are the placeholders of programs that write to a pipe; so is 0.
_UNKNOWN_BYTES = 0x7FFF_0000
_OPEN = b"\xff\xff\xff\xff"
#: Fewer bytes behind a container are padding or a tag.
_LEAST_BYTES = 4_096
#: Chunks and boxes that are looked at; fragmented recordings have two a second.
_MAX_CHUNKS = 200_000
_SCAN_BYTES = 1 << 20
#: A RIFF's chunk has its name and its size in front, a list also its kind.
_CHUNK_HEAD, _RIFF_HEAD = 8, 12
_EBML = b"\x1a\x45\xdf\xa3"


@dataclass(frozen=True, kw_only=True)
class FilePart:
    """One container of a file, in bytes from the file's start."""

    start: int
    end: int
    #: Where its header lies too low about the length of its data; None where it does not.
    open_size_at: int | None = None
    #: Bytes of its data that the header declares and the file has not.
    missing: int = 0
    #: Whether something follows it that is no container.
    rest: bool = False


class PartFile:
    """A part as a file of its own, reduced to its bytes: FFmpeg also judges by names, and PyAV asks for one."""

    def __init__(self, file: BinaryIO, part: FilePart) -> None:
        self._file = file
        self._part = part
        self._position = 0
        #: The end of the last byte that was read.
        self.furthest = 0

    def read(self, count: int) -> bytes:
        """The next bytes, at most so many."""
        start = self._part.start + self._position
        self._file.seek(start)
        data = self._file.read(max(0, min(count, self._part.end - start)))
        self._position += len(data)
        self.furthest = max(self.furthest, self._position)
        at = self._part.open_size_at
        if at is not None and start < at + 4 and at < start + len(data):
            shown = bytearray(data)
            for offset in range(max(at, start), min(at + 4, start + len(data))):
                shown[offset - start] = 0xFF
            return bytes(shown)
        return data

    def tell(self) -> int:
        """The position."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """The new position, or -1 where a damaged file points before its own start."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._part.end - self._part.start}
        target = base.get(whence, 0) + offset
        if target < 0 or whence not in base:
            return -1
        self._position = target
        return target


class EmptyChunks:
    """Counts the chunks of an AVI's stream that hold no byte.

    FFmpeg writes one for each frame of the codec that is missing where sound begins late or pauses. Its reader passes
    over them and goes on counting frames, so that what follows would come too early.
    """

    def __init__(self, file: PartFile, stream: int) -> None:
        self._file = file
        self._name = f"{stream:02}wb".encode()
        self._at = _RIFF_HEAD
        self._looked = self._count = 0

    def before(self, position: int | None) -> int:
        """How many stand before the chunk whose content begins there; the file's position stays."""
        back = self._file.tell()
        while position is not None and self._at < position - _CHUNK_HEAD and self._looked < _MAX_CHUNKS:
            self._looked += 1
            self._file.seek(self._at)
            head = self._file.read(_RIFF_HEAD)
            size = int.from_bytes(head[4:8], "little")
            lists = head[:4] in {b"LIST", b"RIFF"} and head[8:] in {b"movi", b"rec ", b"AVIX"}
            self._count += head[:4] == self._name and size == 0
            self._at += _RIFF_HEAD if lists else _CHUNK_HEAD + size + size % 2
        self._file.seek(back)
        return self._count


def parts_of(file: BinaryIO) -> Iterator[FilePart]:
    """The containers of a file, in order; the whole file where nothing is known of its form."""
    size = file.seek(0, os.SEEK_END)
    start = 0
    while True:
        head = _at(file, start, 12)
        if head[:4] == b"RIFF" and head[8:] == b"WAVE":
            part = _wav(file, start, size)
        elif head[4:8] == b"ftyp":
            part = _mp4(file, start, size)
        elif head[:4] == _EBML:
            part = FilePart(start=start, end=_next_ebml(file, start, size) or size)
        else:
            part = FilePart(start=start, end=size)
        yield part
        if part.end >= size or part.rest:
            return
        start = part.end


def _at(file: BinaryIO, position: int, count: int) -> bytes:
    file.seek(position)
    return file.read(count)


def _wav(file: BinaryIO, start: int, size: int) -> FilePart:
    """A WAV up to the next one, or to the file's end."""
    data_at: int | None = None
    position = start + 12
    for _ in range(_MAX_CHUNKS):
        header = _at(file, position, 8)
        name, length = header[:4], int.from_bytes(header[4:], "little")
        if len(header) < 8:
            return FilePart(start=start, end=size)
        if data_at is not None and name in (b"RIFF", b"RIFX", b"RF64"):
            return FilePart(start=start, end=position)
        known = name.isascii() and name.decode("ascii").isprintable()
        if data_at is not None and (not known or position + 8 + length > size + 1):
            behind = size - position
            return FilePart(start=start, end=size, open_size_at=data_at + 4 if behind >= _LEAST_BYTES else None)
        if name == b"data" and data_at is None:
            if length == 0 or length >= _UNKNOWN_BYTES:
                return FilePart(start=start, end=size)
            data_at = position
            if position + 8 + length > size:
                return FilePart(start=start, end=size, missing=position + 8 + length - size)
        position += 8 + length + length % 2
    return FilePart(start=start, end=size)


def _mp4(file: BinaryIO, start: int, size: int) -> FilePart:
    """An MP4 up to the next one, or to the file's end."""
    position, index = start, False
    for _ in range(_MAX_CHUNKS):
        header = _at(file, position, 16)
        length, name = int.from_bytes(header[:4], "big"), header[4:8]
        if length == 1:
            length = int.from_bytes(header[8:], "big")
        if name == b"ftyp" and index:
            return FilePart(start=start, end=position)
        if len(header) < 8 or length < 8 or position + length > size:
            rest = index and length >= 2 and size - position >= _LEAST_BYTES and not name.isalnum()
            return FilePart(start=start, end=position if rest else size, rest=rest)
        index = index or name == b"moov"
        position += length
    return FilePart(start=start, end=size)


def _next_ebml(file: BinaryIO, start: int, size: int) -> int | None:
    """Where the next Matroska file begins: recordings in a browser do not say how long they are."""
    position = start + len(_EBML)
    while position < size:
        block = _at(file, position, _SCAN_BYTES)
        found = block.find(_EBML)
        while found >= 0:
            if b"\x42\x82" in _at(file, position + found, 64):  # DocType, which no picture holds by chance
                return position + found
            found = block.find(_EBML, found + 1)
        position += max(len(block) - len(_EBML), 1)
    return None
