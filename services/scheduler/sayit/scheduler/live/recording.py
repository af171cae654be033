"""A session's audio on its way into its upload: a WAV header, then parts of about two seconds."""

from __future__ import annotations

import secrets
import struct
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from sayit.scheduler.db.objects import Objects
from sayit.scheduler.db.uploads import UploadStore
from sayit.scheduler.jobs.live import WAV_HEADER_BYTES
from sayit.scheduler.jobs.records import PartRecord
from sayit.speech.audio import SAMPLE_BYTES, SAMPLE_RATE_HZ, samples_of

#: Parts are whole multiples of it: 40 ms are whole samples at every rate that is taken.
_GRAIN_BYTES = samples_of(0.04) * SAMPLE_BYTES
_PART_BYTES = samples_of(2.0) * SAMPLE_BYTES
#: The length of WAV that has none yet.
_UNKNOWN = 0xFFFFFFFF
WAV_HEADER = struct.pack(
    "<4sI4s4sIHHIIHH4sI",
    *(b"RIFF", _UNKNOWN, b"WAVE", b"fmt ", 16, 1, 1, SAMPLE_RATE_HZ, SAMPLE_RATE_HZ * SAMPLE_BYTES, SAMPLE_BYTES, 16),
    *(b"data", _UNKNOWN),
)


@dataclass(kw_only=True, eq=False)
class Recording:
    """What is stored, and what came behind it."""

    objects: Objects
    uploads: UploadStore
    upload_id: str
    #: Bytes of the upload.
    stored: int
    _rest: bytearray = field(default_factory=bytearray, init=False)

    @property
    def samples(self) -> int:
        """Samples at 16 kHz that are stored."""
        return (self.stored - WAV_HEADER_BYTES) // SAMPLE_BYTES

    @property
    def received(self) -> int:
        """Bytes of audio that came, stored or not."""
        return self.stored - WAV_HEADER_BYTES + len(self._rest)

    @property
    def is_due(self) -> bool:
        """Whether enough has come to be stored."""
        return len(self._rest) >= _PART_BYTES

    def add(self, pcm: bytes) -> None:
        """Takes the next audio: mono 16 kHz s16le."""
        self._rest += pcm

    async def put(self, *, everything: bool = False) -> PartRecord | None:
        """Stores what came as an object; the part whose row is to be written then, if it is any.

        Args:
            everything: also what is shorter than 40 ms, because nothing follows.
        """
        size = len(self._rest) - (0 if everything else len(self._rest) % _GRAIN_BYTES)
        if not size:
            return None
        # A newer call may store at the same place; which row counts is decided by the lease.
        key = f"uploads/{self.upload_id}/{self.stored:012d}-{secrets.token_hex(4)}"
        await self.objects.put(key, bytes(self._rest[:size]))
        return PartRecord(offset=self.stored, size=size, object_key=key)

    async def added(self, part: PartRecord, *, stored: bool) -> None:
        """The part's row was written, or must not be, because the lease is lost."""
        if not stored:
            await self.objects.delete(part.object_key)
            return
        del self._rest[: part.size]
        self.stored += part.size

    async def behind(self, sample: int) -> AsyncGenerator[bytes]:
        """Stored audio from a sample on."""
        first = WAV_HEADER_BYTES + sample * SAMPLE_BYTES
        for part in await self.uploads.parts(self.upload_id):
            if part.offset + part.size > first and part.offset >= WAV_HEADER_BYTES:
                yield (await self.objects.get(part.object_key))[max(0, first - part.offset) :]
