"""Decodes one damaged file after another in one confined process: `python media_batch_child.py LIMITS`.

A process for each of ten thousand files would take most of an hour to start. Confinement and decoder are those of the
real child; files come on standard input (length, content), one JSON line goes out for each.
"""

from __future__ import annotations

import io
import json
import struct
import sys

from sayit.scheduler.ingest.audio_reader import sandbox
from sayit.scheduler.ingest.audio_reader.demux import read_audio
from sayit.scheduler.ingest.audio_reader.limits import MediaLimits
from sayit.speech.errors import SayItError


def main() -> None:
    """Runs until its input ends."""
    limits = MediaLimits(**json.loads(sys.argv[1]))
    sandbox.confine(memory_mb=limits.memory_mb, cpu_s=limits.cpu_s)
    status_fd = sandbox.open_status()
    while header := sys.stdin.buffer.read(4):
        content = sys.stdin.buffer.read(struct.unpack("!I", header)[0])
        sys.stdout.write(json.dumps(_outcome(content, limits) | {"peak_mb": sandbox.resident_mb(status_fd)}) + "\n")
        sys.stdout.flush()


def _outcome(content: bytes, limits: MediaLimits) -> dict[str, object]:
    received = 0
    channels = 0

    def begin(_declared_s: float | None, number: int) -> None:
        nonlocal channels
        channels = number

    def count(block: bytes) -> None:
        nonlocal received
        received += len(block)

    try:
        summary = read_audio(io.BytesIO(content), limits, count, begin)
    except SayItError as error:
        return {"kind": error.kind.code}
    except Exception as error:  # noqa: BLE001 - counted: the real child turns it into DECODING_FAILED
        return {"kind": "DECODING_FAILED", "unexpected": f"{type(error).__name__}: {error}"}
    assert received == summary.samples * 2 * channels
    return {"kind": "decoded", "samples": summary.samples}


if __name__ == "__main__":
    main()
