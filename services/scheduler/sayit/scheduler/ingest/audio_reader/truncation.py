"""Whether a file ends before the end it declares. Declared lengths serve this comparison and nothing else."""

from __future__ import annotations

import math
import os
from typing import Any

import av

from sayit.scheduler.ingest.audio_reader.parts import PartFile

#: Seconds that may be missing without a warning: encoder delay and padding.
_SLACK_S = 0.5
#: Bytes at the start of an MP3 in which its length tag is looked for.
_MP3_HEAD_BYTES = 65_536
#: An Ogg page is at most 65,307 bytes.
_OGG_TAIL_BYTES = 131_072
_OGG_HEADER_BYTES = 27
#: Containers whose length libavformat estimates from the bit rate, which is wrong for variable ones, or from the last
#: packet, which is the file's end wherever that is; AVI's also counts the time before sound that begins late.
_ESTIMATED = frozenset({"aac", "amr", "avi", "mpeg", "mpegts"})


def is_cut_short(container: Any, stream: Any, file: PartFile, *, end_s: float, damaged_end: bool) -> bool:
    """Whether audio that the file declares is missing at its end.

    Args:
        container: the opened PyAV container.
        stream: its audio stream.
        file: the same file; its position changes.
        end_s: where the decoded audio ends, in seconds after the container's start.
        damaged_end: the last thing in the file was a packet that could not be decoded, as when it is cut in two.
    """
    if container.format.name == "wav":
        return False  # libavformat hides the difference, and `parts` finds it
    if container.format.name == "ogg":
        return not _ogg_is_complete(file)
    declared_s = _declared_end_s(container, stream, file)
    return damaged_end if declared_s is None else end_s < declared_s - _SLACK_S


def _declared_end_s(container: Any, stream: Any, file: PartFile) -> float | None:
    """When the file says that its audio ends, in seconds after the container's start; None if it does not say."""
    name = container.format.name
    if name in _ESTIMATED or (name == "mp3" and not _has_length_tag(file)):
        return None
    if name != "asf" and stream.duration is not None and stream.duration > 0:  # ASF gives all streams the file's length
        origin_s = (container.start_time or 0) / av.time_base
        return float((stream.duration + (stream.start_time or 0)) * stream.time_base) - origin_s
    if container.duration is not None and len(container.streams) == 1:
        return float(container.duration / av.time_base)
    return None


def declared_s(container: Any, stream: Any) -> float | None:
    """The file's declared length, or libavformat's guess from its size; for estimates only."""
    if stream.duration:
        seconds = float(stream.duration * stream.time_base)
    elif container.duration:
        seconds = float(container.duration / av.time_base)
    else:
        return None
    return seconds if 0 < seconds < math.inf else None


def _has_length_tag(file: PartFile) -> bool:
    file.seek(0)
    head = file.read(_MP3_HEAD_BYTES)
    return any(tag in head for tag in (b"Xing", b"Info", b"VBRI"))


def _ogg_is_complete(file: PartFile) -> bool:
    """Whether the last page is whole; many recorders do not mark it as the last one, as RFC 3533 demands."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _OGG_TAIL_BYTES))
    tail = file.read(_OGG_TAIL_BYTES)
    page = tail[max(0, tail.rfind(b"OggS")) :]
    if len(page) < _OGG_HEADER_BYTES:
        return False
    segments = page[_OGG_HEADER_BYTES : _OGG_HEADER_BYTES + page[26]]
    return len(segments) == page[26] and len(page) >= _OGG_HEADER_BYTES + len(segments) + sum(segments)
