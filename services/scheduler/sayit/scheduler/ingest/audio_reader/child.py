"""The process that decodes one file: `python -I -m sayit.scheduler.ingest.audio_reader.child LIMITS`.

LIMITS is DecodeLimits as JSON. Standard input is the control socket, which carries one byte, `frames.MIX`,
`frames.SPLIT` or `frames.LIVE`, with the open file; when it is closed, the parent no longer waits. Standard output
takes the frames of `frames`.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import socket
import struct
import sys
from functools import partial
from typing import BinaryIO

from sayit.scheduler.ingest.audio_reader import frames, sandbox
from sayit.scheduler.ingest.audio_reader.demux import read_audio, read_live
from sayit.scheduler.ingest.audio_reader.limits import MediaLimits
from sayit.speech.errors import ErrorKind, SayItError

_CONTROL_FD = 0
_OUTPUT_FD = 1


def main() -> int:
    """Announces itself, waits for its file, decodes it, ends."""
    limits = MediaLimits(**json.loads(sys.argv[1]))
    sandbox.confine(memory_mb=limits.memory_mb, cpu_s=limits.cpu_s)
    _load_all()
    control = socket.socket(fileno=_CONTROL_FD)
    try:
        _send(frames.pack(frames.READY))
        request, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not request or not descriptors:
            return 0  # the pool closed without having needed this child
        with os.fdopen(descriptors[0], "rb", buffering=0) as file:
            sandbox.lock_down(_CONTROL_FD, memory_mb=limits.memory_mb)
            _send(_read(file, limits, request))
    except (BrokenPipeError, ConnectionError):
        return 0  # the parent is gone or no longer waits
    return 0


def _load_all() -> None:
    """Loads what PyAV imports when it is needed: once the child is locked down no module can be opened."""
    for name in ("audio", "subtitles", "video"):
        importlib.import_module(f"av.{name}.stream")
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 2, 8_000, 32_000, 4, 16)
    head = struct.pack("<4sI4s", b"RIFF", 4_036, b"WAVE") + form + struct.pack("<4sI", b"data", 4_000)
    read_audio(io.BytesIO(head + bytes(4_000)), MediaLimits(), lambda _: None)


def _read(file: BinaryIO, limits: MediaLimits, request: bytes) -> bytes:
    """Decodes the file and returns the frame that concludes it."""
    read = read_live if request == frames.LIVE else partial(read_audio, split=request == frames.SPLIT)
    try:
        summary = read(
            file,
            limits,
            lambda block: _send(frames.pack(frames.AUDIO, block)),
            lambda seconds, channels: _send(frames.pack_begin(seconds, channels)),
        )
        return frames.pack_summary(summary)
    except SayItError as error:
        return frames.pack_error(error.kind, error.cause)
    except (BrokenPipeError, ConnectionError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever a hostile file makes the libraries raise is a failed decoding
        return frames.pack_error(ErrorKind.DECODING_FAILED, f"{type(error).__name__}: {error}")


def _send(frame: bytes) -> None:
    """Writes a frame; blocks while the parent's reader is behind, which keeps memory flat on both sides."""
    rest = memoryview(frame)
    while rest:
        rest = rest[os.write(_OUTPUT_FD, rest) :]


if __name__ == "__main__":
    sys.exit(main())
