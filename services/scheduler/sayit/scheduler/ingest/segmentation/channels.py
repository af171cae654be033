"""Several channels: each is split by itself, and their chunks are numbered together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sayit.scheduler.ingest.segmentation.splitter import Splitter
from sayit.scheduler.jobs.channels import LEVEL_SAMPLES
from sayit.scheduler.jobs.records import ReadyChunk, SampleSpan
from sayit.speech.audio import SAMPLE_BYTES, SAMPLE_RATE_HZ

#: All channels advance by this many samples in turns, however the audio arrives, so that chunks of several channels
#: become ready in the same order whenever the recording is split again.
_STEP = SAMPLE_RATE_HZ


class ChannelSplitter:
    """Finds speech in every channel of a recording while it arrives and packs it into chunks.

    A chunk holds one channel. Chunks are numbered in the order in which they become final, those of one second of the
    recording by channel: a function of the audio alone.

    Args:
        new_splitter: makes the splitter of one channel.
        channels: how many channels the audio has, interleaved.
        numbered: whether they count from 1; the one of a mixed recording is 0.
        clips: the stretches that are heard, in samples and in order, one without an end where that is None; else all.
    """

    def __init__(
        self,
        new_splitter: Callable[[], Splitter],
        *,
        channels: int = 1,
        numbered: bool = False,
        clips: Sequence[tuple[int, int | None]] = (),
    ) -> None:
        self._clips = clips
        self._first = 1 if numbered else 0
        self._splitters = [new_splitter() for _ in range(channels)]
        self._levels = [bytearray() for _ in range(channels)]
        self._rest = bytearray()
        self._count = 0

    @property
    def total_samples(self) -> int:
        """Samples of each channel that were judged."""
        return self._splitters[0].total_samples

    @property
    def speech(self) -> dict[int, tuple[SampleSpan, ...]]:
        """All speech whose end is known, without padding, by channel; complete after `finish`."""
        return {number: splitter.speech for number, splitter in enumerate(self._splitters, start=self._first)}

    @property
    def levels(self) -> dict[int, bytes]:
        """How loud every 0.2 s is, by channel, in dB re one int16 step."""
        return {number: bytes(levels) for number, levels in enumerate(self._levels, start=self._first)}

    def feed(self, pcm: bytes) -> list[ReadyChunk]:
        """Takes the next bytes (16 kHz s16le, channels interleaved) and returns the chunks that became final."""
        self._rest += pcm
        ready: list[ReadyChunk] = []
        step_bytes = _STEP * SAMPLE_BYTES * len(self._splitters)
        while len(self._rest) >= step_bytes:
            ready += self._advance(bytes(self._rest[:step_bytes]))
            del self._rest[:step_bytes]
        return ready

    def finish(self) -> list[ReadyChunk]:
        """The recording ended: returns the remaining chunks."""
        ready = self._advance(bytes(self._rest)) if self._rest else []
        self._rest.clear()
        for place, splitter in enumerate(self._splitters):
            ready += self._numbered(place, splitter.finish())
        return ready

    def _advance(self, pcm: bytes) -> list[ReadyChunk]:
        """One step of every channel."""
        samples = np.frombuffer(pcm, "<i2").reshape(-1, len(self._splitters))
        if self._clips:
            samples = samples * self._heard(len(samples))[:, None]
        ready: list[ReadyChunk] = []
        for place, splitter in enumerate(self._splitters):
            channel = samples[:, place]
            self._levels[place] += _levels_db(channel)
            ready += self._numbered(place, splitter.feed(channel.tobytes()))
        return ready

    def _heard(self, count: int) -> NDArray[np.int16]:
        """1 for each of the next samples that lies in a clip, 0 elsewhere."""
        heard, at = np.zeros(count, np.int16), self.total_samples
        for start, end in self._clips:
            heard[max(0, start - at) : count if end is None else max(0, end - at)] = 1
        return heard

    def _numbered(self, place: int, chunks: list[ReadyChunk]) -> list[ReadyChunk]:
        numbered = [
            replace(chunk, index=self._count + further, channel=self._first + place)
            for further, chunk in enumerate(chunks)
        ]
        self._count += len(numbered)
        return numbered


def _levels_db(samples: NDArray[np.int16]) -> bytes:
    """The level of every LEVEL_SAMPLES, the last ones perhaps fewer, in whole dB re one int16 step; 0 for silence."""
    whole = np.pad(samples.astype(np.float32), (0, -len(samples) % LEVEL_SAMPLES)).reshape(-1, LEVEL_SAMPLES)
    power = np.maximum((whole**2).mean(axis=1), 1.0)
    return bytes(np.rint(10 * np.log10(power)).astype(np.uint8))
