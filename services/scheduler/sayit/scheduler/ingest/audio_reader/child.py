"""The process that decodes one file: `python -I -m sayit.scheduler.ingest.audio_reader.child LIMITS`.

LIMITS is DecodeLimits as JSON. Standard input is the control socket, which carries one byte, `frames.MIX` or
`frames.SPLIT`, with the open file; when it is closed, the parent no longer waits. Standard output takes the frames of
`frames`.
"""

from __future__ import annotations

import json
import os
import socket
import sys

from sayit.scheduler.ingest.audio_reader import frames, sandbox
from sayit.scheduler.ingest.audio_reader.demux import read_audio
from sayit.scheduler.ingest.audio_reader.limits import MediaLimits
from sayit.speech.errors import ErrorKind, SayItError

_CONTROL_FD = 0
_OUTPUT_FD = 1


def main() -> int:
    """Announces itself, waits for its file, decodes it, ends."""
    limits = MediaLimits(**json.loads(sys.argv[1]))
    sandbox.confine(memory_mb=limits.memory_mb, cpu_s=limits.cpu_s)
    control = socket.socket(fileno=_CONTROL_FD)
    try:
        _send(frames.pack(frames.READY))
        request, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not request or not descriptors:
            return 0  # the pool closed without having needed this child
        sandbox.watch(_CONTROL_FD, memory_mb=limits.memory_mb)
        sandbox.forbid_processes()
        _send(_read(descriptors[0], limits, split=request == frames.SPLIT))
    except (BrokenPipeError, ConnectionError):
        return 0  # the parent is gone or no longer waits
    return 0


def _read(descriptor: int, limits: MediaLimits, *, split: bool) -> bytes:
    """Decodes the file and returns the frame that concludes it."""
    try:
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            summary = read_audio(
                file,
                limits,
                lambda block: _send(frames.pack(frames.AUDIO, block)),
                lambda seconds, channels: _send(frames.pack_begin(seconds, channels)),
                split=split,
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
