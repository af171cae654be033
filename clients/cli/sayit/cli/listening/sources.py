# ruff: noqa: PLC0415 - PyAV and PortAudio are there only with an extra, and are imported where they are needed
"""Where live audio comes from: a file that is played, standard input, a microphone. All of it is mono, 16-bit."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from sayit.cli.messages import LocalError
from sayit.cli.transcription.inputs import STDIN, Input
from sayit.speech.audio import SAMPLE_BYTES, SAMPLE_RATE_HZ

#: The argument that means the microphone, as none does.
MICROPHONE = "microphone"
#: Seconds of a piece.
_PIECE_S = 0.1
_EXTRA = "listen"


@dataclass(frozen=True, kw_only=True)
class Sound:
    """Audio that comes while it is iterated over, in another thread."""

    pieces: Iterator[bytes] | FileIO
    rate_hz: int
    #: Name of the job.
    name: str


def sound(source: str, rate_hz: int, *, fast: bool) -> Sound:
    """The audio that the argument names.

    Args:
        source: a file, "-", or MICROPHONE.
        rate_hz: of standard input and the microphone.
        fast: whether a file is sent as fast as it is taken, and not in real time.

    Raises:
        LocalError: there is no such file, or a package is missing.
    """
    if source == MICROPHONE:
        return Sound(pieces=_microphone(rate_hz), rate_hz=rate_hz, name=MICROPHONE)
    if source == STDIN:
        # Without a buffer a read returns what is there, and one that waits holds no lock when the program ends.
        return Sound(pieces=open(0, "rb", buffering=0, closefd=False), rate_hz=rate_hz, name="stdin")
    file = Path(source)
    Input(shown=source, path=file).check()
    pieces = _pieces(_decoded(file))
    return Sound(pieces=pieces if fast else in_real_time(pieces), rate_hz=SAMPLE_RATE_HZ, name=file.name)


def in_real_time(pieces: Iterator[bytes], rate_hz: int = SAMPLE_RATE_HZ) -> Iterator[bytes]:
    """The pieces, each when it would have been recorded."""
    due_s = time.monotonic()
    for piece in pieces:
        due_s += len(piece) / SAMPLE_BYTES / rate_hz
        time.sleep(max(0.0, due_s - time.monotonic()))
        yield piece


def _decoded(file: Path) -> Iterator[bytes]:
    """The first audio track."""
    try:
        import av
    except ModuleNotFoundError:
        raise LocalError("PACKAGE_MISSING", extra=_EXTRA, package="av", cause="") from None

    def frames() -> Iterator[bytes]:
        try:
            with av.open(str(file)) as container:
                resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE_HZ)
                for frame in itertools.chain(container.decode(container.streams.audio[0]), (None,)):
                    for mono in resampler.resample(frame):
                        yield bytes(mono.planes[0])[: mono.samples * SAMPLE_BYTES]
        except (av.FFmpegError, IndexError) as error:
            raise LocalError("FILE_UNREADABLE") from error

    return frames()


def _pieces(blocks: Iterator[bytes]) -> Iterator[bytes]:
    size, rest = round(_PIECE_S * SAMPLE_RATE_HZ) * SAMPLE_BYTES, bytearray()
    for block in blocks:
        rest += block
        while len(rest) >= size:
            yield bytes(rest[:size])
            del rest[:size]
    if rest:
        yield bytes(rest)


def _microphone(rate_hz: int) -> Iterator[bytes]:
    """What the system's default microphone hears."""
    try:
        import sounddevice
    except ModuleNotFoundError:
        raise LocalError("PACKAGE_MISSING", extra=_EXTRA, package="sounddevice", cause="") from None
    except OSError as error:  # PortAudio itself, which its package for Linux does not bring
        raise LocalError("PACKAGE_BROKEN", extra=_EXTRA, package="sounddevice", cause=error) from None

    def recorded() -> Iterator[bytes]:
        frames = round(_PIECE_S * rate_hz)
        try:
            with sounddevice.RawInputStream(samplerate=rate_hz, channels=1, dtype="int16") as stream:
                while True:
                    yield bytes(stream.read(frames)[0])
        except sounddevice.PortAudioError as error:
            raise LocalError("NO_MICROPHONE", cause=error) from error

    return recorded()
