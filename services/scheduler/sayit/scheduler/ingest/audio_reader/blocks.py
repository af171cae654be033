"""Decoded audio in blocks, within the limit of its length."""

from __future__ import annotations

from collections.abc import Callable

from sayit.scheduler.ingest.audio_reader.limits import MediaLimits
from sayit.speech.audio import SAMPLE_BYTES, SAMPLE_RATE_HZ
from sayit.speech.errors import ErrorKind, SayItError

#: Bytes of the longest block handed to the sink: one second of one channel.
BLOCK_BYTES = SAMPLE_RATE_HZ * SAMPLE_BYTES

Sink = Callable[[bytes], None]
#: Takes, before any audio, the seconds that the file says it has, if it says so, and the channels in the blocks.
Begin = Callable[[float | None, int], None]


class Blocks:
    """Cuts audio into blocks, and ends the decoding where the audio exceeds the limit."""

    def __init__(self, limits: MediaLimits, sink: Sink, block_bytes: int) -> None:
        #: Samples of each channel taken so far.
        self.samples = 0
        #: Channels in the audio taken; set before any comes.
        self.channels = 1
        self._max_samples = int(limits.max_audio_s * SAMPLE_RATE_HZ)
        self._sink = sink
        self._block_bytes = block_bytes
        self._pending = bytearray()

    def audio(self, pcm: bytes) -> None:
        """Takes s16le audio of any length."""
        self.samples += len(pcm) // (SAMPLE_BYTES * self.channels)
        if self.samples > self._max_samples:
            raise SayItError(ErrorKind.AUDIO_TOO_LONG)
        self._pending += pcm
        whole = self._block_bytes - self._block_bytes % (SAMPLE_BYTES * self.channels)
        while len(self._pending) >= whole:
            self._sink(bytes(self._pending[:whole]))
            del self._pending[:whole]

    def silence(self, seconds: float) -> None:
        """Takes so much silence, a block at a time."""
        left = round(seconds * SAMPLE_RATE_HZ)
        while left > 0:
            count = min(left, SAMPLE_RATE_HZ)
            self.audio(bytes(count * SAMPLE_BYTES * self.channels))
            left -= count

    def finish(self) -> None:
        """Hands over the last, shorter block."""
        if self._pending:
            self._sink(bytes(self._pending))
            self._pending.clear()
