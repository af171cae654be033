"""Where a file's containers begin and end: sizes that are too small, and containers that were joined end to end.

Demuxers stop where a container says that it ends. What people do to files (a recorder that lost power, `cat a b`) puts
audio behind that.
"""

from __future__ import annotations

import os
import re
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
#: How a container begins that may stand behind another one: more than compressed sound holds by chance.
_BEGINNING = re.compile(
    rb"(?:RIFF|RIFX|RF64).{4}WAVE|FORM.{4}AIF[FC]|\x1a\x45\xdf\xa3|OggS\0\x02\0{8}|fLaC\0\0\0\x22|caff\0\x01\0\0desc|"
    rb"riff\x2e\x91\xcf\x11\xa5\xd6|FLV\x01.\0{3}\x09|#!AMR(?:-WB)?\n|\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9|ftyp",
    re.DOTALL,
)
_LONGEST_BEGINNING = 64
#: Ogg and Matroska hold these in front of FLAC.
_FLAC = b"fLaC"
#: An MP4 says its length, less than 256 bytes, before its name.
_MP4_HEAD = re.compile(rb"\0{3}.ftyp", re.DOTALL)
#: Behind a declared end less is needed: a tag of an MP3.
_TAG = re.compile(rb"ID3[\x02-\x04]")
_OGG, _OGG_HEAD = b"OggS", 27


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

    def again(self) -> PartFile:
        """The same, not read yet."""
        return PartFile(self._file, self._part)

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
    """The containers of a file, in order, of whatever kinds; the whole file where there is only one."""
    size = file.seek(0, os.SEEK_END)
    start = _behind_tag(file)
    while True:
        head = _at(file, start, 12)
        if head[:4] in {b"RIFF", b"RF64"} and head[8:] == b"WAVE":
            part = _wav(file, start, size)
        elif head[4:8] == b"ftyp":
            part = _mp4(file, start, size)
        else:
            end = _next_container(file, start, size)
            part = FilePart(start=start, end=end, missing=max(0, _declared_end(file, start) - end))
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
        if data_at is not None and (name in (b"RIFF", b"RIFX", b"RF64") or _begins(file, position)):
            return FilePart(start=start, end=position)
        known = name.isascii() and name.decode("ascii").isprintable()
        if data_at is not None and (not known or position + 8 + length > size + 1):
            behind = size - position
            return FilePart(start=start, end=size, open_size_at=data_at + 4 if behind >= _LEAST_BYTES else None)
        if name == b"data" and data_at is None:
            if length == 0 or length >= _UNKNOWN_BYTES:
                return FilePart(start=start, end=_next_container(file, start, size))
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
        if index and _begins(file, position):
            return FilePart(start=start, end=position)
        if len(header) < 8 or length < 8 or position + length > size:
            rest = index and length >= 2 and size - position >= _LEAST_BYTES and not name.isalnum()
            return FilePart(start=start, end=position if rest else size, rest=rest)
        index = index or name == b"moov"
        position += length
    return FilePart(start=start, end=size)


def _begins(file: BinaryIO, position: int) -> bool:
    """Whether a container begins there, behind the end of another one."""
    head = _at(file, position, _LONGEST_BEGINNING)
    return bool(_BEGINNING.match(head) or _MP4_HEAD.match(head) or _TAG.match(head))


def _next_container(file: BinaryIO, start: int, size: int) -> int:
    """Where the next container begins behind one that does not say how long it is; the file's end for none."""
    head = _at(file, start, 4)
    position = _behind_first_pages(file, start) if head == _OGG else start + len(head)
    while position < size:
        block = _at(file, position, _SCAN_BYTES)
        for found in _BEGINNING.finditer(block):
            at = position + found.start()
            if found[0] == b"ftyp":
                at -= 4
                true = bool(_MP4_HEAD.match(_at(file, at, 8)))
            elif found[0] == _EBML:
                true = b"\x42\x82" in _at(file, at, _LONGEST_BEGINNING)  # DocType, which no picture holds by chance
            else:
                true = not (found[0].startswith(_FLAC) and head in {_OGG, _EBML})
            if true and at > start:
                return at
        position += max(len(block) - _LONGEST_BEGINNING, 1)
    return size


def _behind_tag(file: BinaryIO) -> int:
    """Where a container begins behind a tag that is meant for MP3, which hides it from demuxers; 0 elsewhere."""
    head = _at(file, 0, 10)
    if not _TAG.match(head):
        return 0
    behind = 10 + sum((byte & 0x7F) << 7 * place for place, byte in enumerate(reversed(head[6:])))
    return behind if _begins(file, behind) else 0


def _declared_end(file: BinaryIO, start: int) -> int:
    """Where an AVI, a W64 or the data of a CAF ends by its own account; 0 where that is not said."""
    head = _at(file, start, 24)
    if head[:4] == b"RIFF":
        size = int.from_bytes(head[4:8], "little")
        return start + _CHUNK_HEAD + size if 0 < size < _UNKNOWN_BYTES else 0
    if head[:4] == b"riff":
        size = int.from_bytes(head[16:], "little", signed=True)
        return start + size
    position = start + _CHUNK_HEAD
    for _ in range(64 if head[:4] == b"caff" else 0):
        name, size = (chunk := _at(file, position, 12))[:4], int.from_bytes(chunk[4:], "big", signed=True)
        if name == b"data":
            return position + len(chunk) + size
        position += len(chunk) + max(0, size)
    return 0


def _behind_first_pages(file: BinaryIO, position: int) -> int:
    """Behind the first pages of an Ogg's streams: a later one begins the next link of a chain (RFC 3533)."""
    while True:
        head = _at(file, position, _OGG_HEAD + 255)
        if head[:4] != _OGG or len(head) < _OGG_HEAD or not head[5] & 2:
            return position
        position += _OGG_HEAD + head[26] + sum(head[_OGG_HEAD : _OGG_HEAD + head[26]])
