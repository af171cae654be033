"""What the use cases ask of decoding."""

from __future__ import annotations

from collections.abc import AsyncIterable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol


class DecodeSummary(Protocol):
    """What a decoding found."""

    @property
    def samples(self) -> int:
        """Samples of each channel at 16 kHz."""
        ...

    @property
    def warnings(self) -> tuple[str, ...]:
        """Stable codes: TRUNCATED_AUDIO, CORRUPT_PACKETS, CHANNELS_CHANGED."""
        ...


class Decoding(AsyncIterable[bytes], Protocol):
    """16 kHz s16le PCM, in blocks of at most a second of mono; read to its end before asking for the summary."""

    async def __anext__(self) -> bytes:
        """The next block; StopAsyncIteration never comes before the first one."""
        ...

    @property
    def channels(self) -> int:
        """Channels in the blocks, interleaved, 1 to 8; known with the first block."""
        ...

    @property
    def summary(self) -> DecodeSummary:
        """What was found."""
        ...

    @property
    def declared_s(self) -> float | None:
        """How long the file says it is; None as long as it has not said so. It may be wrong."""
        ...


class Decoder(Protocol):
    """Decodes files that nobody trusts."""

    def decode(self, path: Path, *, split: bool = False) -> AbstractAsyncContextManager[Decoding]:
        """Decodes a file, its channels side by side or mixed; leaving the context stops it.

        Raises:
            SayItError: INVALID_FORMAT, NO_AUDIO_TRACK, UNSUPPORTED_AUDIO, AUDIO_TOO_LONG, DECODING_FAILED; also while
                reading.
        """
        ...
