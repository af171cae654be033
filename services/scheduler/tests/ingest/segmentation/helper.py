"""Sound made to measure, and a detector that needs no network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sayit.scheduler.ingest.segmentation import FRAME_SAMPLES, SplitConfig, Splitter
from sayit.scheduler.jobs.records import ReadyChunk

RATE = 16_000


class LoudnessDetector:
    """Calls every frame that is loud on average a voice; stateless."""

    def probabilities(self, samples: NDArray[np.int16]) -> NDArray[np.float32]:
        """1 for loud frames, 0 for others."""
        frames = samples.astype(np.float32).reshape(-1, FRAME_SAMPLES)
        return (np.abs(frames).mean(axis=1) > 300).astype(np.float32)


class ScriptedDetector:
    """Gives probabilities from a list, whatever the sound."""

    def __init__(self, probabilities: Sequence[float]) -> None:
        self._left = list(probabilities)

    def probabilities(self, samples: NDArray[np.int16]) -> NDArray[np.float32]:
        """The next of the list, then 0."""
        count = len(samples) // FRAME_SAMPLES
        given, self._left = self._left[:count], self._left[count:]
        return np.array(given + [0.0] * (count - len(given)), np.float32)


def sound(*script: tuple[str, float], seed: int = 1) -> NDArray[np.int16]:
    """`int16[n]` at 16 kHz: stretches of ("speech" | "silence", seconds)."""
    noise = np.random.default_rng(seed)
    parts = [
        (noise.standard_normal(round(seconds * RATE)) * (3000 if kind == "speech" else 2)).astype(np.int16)
        for kind, seconds in script
    ]
    return np.concatenate([np.zeros(0, np.int16), *parts])


def split(
    samples: NDArray[np.int16], *, blocks: Sequence[int] = (32_000,), config: SplitConfig | None = None
) -> tuple[list[ReadyChunk], Splitter]:
    """All chunks of a recording that arrives in blocks of these sizes in bytes, over and over."""
    splitter = Splitter(config or SplitConfig(), LoudnessDetector())
    data, at, turn = samples.tobytes(), 0, 0
    chunks: list[ReadyChunk] = []
    while at < len(data):
        size = blocks[turn % len(blocks)]
        chunks += splitter.feed(data[at : at + size])
        at, turn = at + size, turn + 1
    return chunks + splitter.finish(), splitter


def seconds(chunk: ReadyChunk) -> float:
    """How long a chunk is."""
    return len(chunk.pcm) / (2 * RATE)
