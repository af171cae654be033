"""A long recording over all transcribers: speed, gain of batches, gaps, makespan, costs beside the model, packing."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from faster_whisper.vad import VadOptions, collect_chunks, get_speech_timestamps

from benchmarks import bare, corpus, throughput
from benchmarks.results import Result
from benchmarks.suite import Chunk, Suite
from benchmarks.workload import fixed
from sayit.client import AsyncClient

#: Greedy tokens of a window: about what half a minute of speech takes.
TOKENS = 100
#: Windows that tell how fast the usual way is.
_USUAL_WINDOWS = 4
#: After interactive work (a recording's first chunk is) batches stay small for so long; then they fill, in seconds.
SMALL_BATCHES_S = 32.0
#: "The suite should reach" it: two Zen 4 cores, two processes, encoded singly, decoded in batches of eight.
_BEST_MEASURED = 8.0


@dataclass(frozen=True, kw_only=True)
class Saturated:
    """What a saturated suite did."""

    chunks: list[Chunk]
    #: Audio-seconds per second, all transcribers together.
    speed: float
    #: From the first byte sent to the last event.
    makespan_s: float
    #: CPU time of all parts without that of the transcribers' models, and bytes of gRPC messages.
    cpu_outside_s: float
    bytes_moved: float
    #: Windows that were encoded.
    windows: float
    #: Time in which a transcriber had work and its engine stood still, all of them together.
    gap_s: float
    speech_s: float
    rss_mb: float

    @property
    def audio_s(self) -> float:
        """Audio that was transcribed."""
        return sum(chunk.audio_s for chunk in self.chunks)


@dataclass(frozen=True, kw_only=True)
class _Count:
    """Counters at one moment."""

    cpu_outside_s: float
    bytes_moved: float
    gap_s: float
    windows: float


def _count(suite: Suite) -> _Count:
    return _Count(
        cpu_outside_s=suite.cpu_outside_s(),
        bytes_moved=suite.over_parts("sayit_grpc_bytes_total"),
        gap_s=suite.over_transcribers("sayit_transcriber_gap_seconds_sum"),
        windows=suite.over_transcribers("sayit_transcriber_windows_total"),
    )


async def saturate(suite: Suite, samples: corpus.Samples, *, lead_s: float = SMALL_BATCHES_S) -> Saturated:
    """Transcribes one long recording; what is committed in its first `lead_s` seconds does not count for the speed."""
    audio = corpus.encoded(samples, "FLAC")
    before = _count(suite)
    async with AsyncClient(suite.address) as client:
        began = time.monotonic()
        result = await client.transcribe(audio, options=fixed(TOKENS))
        makespan_s = time.monotonic() - began
    after = _count(suite)
    chunks = suite.chunks(result.job.id)
    commits = [
        throughput.Commit(worker=each.transcriber, time_s=each.committed_s, audio_s=each.audio_s) for each in chunks
    ]
    rss_mb = max(size for part, size in suite.rss_mb().items() if part.startswith("transcriber"))
    return Saturated(
        chunks=chunks,
        speed=throughput.steady_speed(commits, not_before_s=min(each.claimed_s for each in chunks) + lead_s),
        makespan_s=makespan_s,
        cpu_outside_s=after.cpu_outside_s - before.cpu_outside_s,
        bytes_moved=after.bytes_moved - before.bytes_moved,
        windows=after.windows - before.windows,
        gap_s=after.gap_s - before.gap_s,
        speech_s=result.transcript.coverage.speech_detected_s,
        rss_mb=rss_mb,
    )


def bare_on(
    processes: Sequence[bare.Bare], chunks: Sequence[Chunk], audio: Path, *, batch: int, each: int
) -> list[bare.Figures]:
    """The bare model on the suite's own windows, so many for each process, all processes at once."""
    windows = [(chunk.start_sample, chunk.end_sample) for chunk in sorted(chunks, key=lambda one: one.number)]
    # Without the first, which is short on purpose; repeated if there are too few.
    windows = (windows[1:] or windows) * (each * len(processes) // max(1, len(windows) - 1) + 1)
    requests = [
        bare.Request(
            audio=str(audio), windows=tuple(windows[place : place + each]), batch=min(batch, each), tokens=TOKENS
        )
        for place in range(0, each * len(processes), each)
    ]
    return bare.together(processes, requests)


def speed_of(figures: Sequence[bare.Figures]) -> float:
    """Audio-seconds per second of processes that work side by side."""
    return sum(one.speed for one in figures)


def results(many: Saturated, best: Sequence[bare.Figures], *, cores: int) -> list[Result]:
    """Metrics 1, 2, 6, 7 and 9 of a saturated suite, next to the bare model at the same batch size."""
    ideal_s = many.audio_s / speed_of(best)
    audio_s = sum(one.audio_s for one in best)
    return [
        Result(
            id=1,
            name="audio-seconds per second and core, saturated",
            value=many.speed / cores,
            unit="s/s",
            reference=speed_of(best) / cores,
            goal=_BEST_MEASURED,
            compare=">=",
        ),
        Result(
            id=2,
            name="service efficiency: suite ÷ bare CTranslate2 at the same batch size",
            value=many.speed / speed_of(best),
            unit="",
            reference=1.0,
            goal=0.95,
            compare=">=",
        ),
        Result(
            id=6,
            name="idle gap of a busy transcriber, mean per window",
            value=many.gap_s / many.windows * 1000,
            unit="ms",
            reference=sum(one.outside_s for one in best) / len(best) * 1000,
            goal=2.0,
            compare="<",
        ),
        Result(
            id=7,
            name=f"makespan of {many.audio_s / 60:.0f} minutes of audio ÷ ideal",
            value=many.makespan_s / ideal_s,
            unit="",
            reference=1.0,
            goal=1.1,
            compare="<=",
        ),
        Result(
            id=9,
            name="CPU time outside the model per audio-second",
            value=many.cpu_outside_s / many.audio_s * 1000,
            unit="ms",
            reference=sum(one.cpu_outside_s for one in best) / audio_s * 1000,
        ),
        Result(
            id=9,
            name="bytes of messages per audio-second (the bare figure is 16 bit PCM, once)",
            value=many.bytes_moved / many.audio_s,
            unit="B",
            reference=32_000.0,
        ),
    ]


def usual(model: Path, chunks: Sequence[Chunk], audio: Path, *, cores: int) -> Result:
    """How a model is usually served: one process with all threads, one window at a time; a row of metric 1."""
    with bare.running(1, model, threads=cores, stock=True) as processes:
        figures = bare_on(processes, chunks, audio, batch=1, each=_USUAL_WINDOWS)
    return Result(
        id=1,
        name="the usual way, bare: one process with all threads, one window at a time",
        value=speed_of(figures) / cores,
        unit="s/s",
    )


def gain(many: Saturated, one: Saturated, best: Sequence[bare.Figures], single: Sequence[bare.Figures]) -> Result:
    """Metric 3: what batches gain with a backlog, against what they gain bare."""
    return Result(
        id=3,
        name="gain of dynamic batching ÷ CTranslate2's own gain from that batch size",
        value=(many.speed / one.speed) / (speed_of(best) / speed_of(single)),
        unit="",
        reference=speed_of(best) / speed_of(single),
        goal=0.95,
        compare=">=",
    )


def memory(many: Saturated, *, batch: int, best: Sequence[bare.Figures] = ()) -> Result:
    """Rows of metric 3: what a batch takes."""
    return Result(
        id=3,
        name=f"resident memory of a transcriber, Small, batch {batch}",
        value=many.rss_mb,
        unit="MB",
        reference=max((one.rss_mb for one in best), default=None),
    )


def packing(many: Saturated, samples: corpus.Samples) -> Result:
    """Metric 11, on speech with pauses of 0.3 to 1 s; bare is what faster-whisper's batched pipeline makes of it."""
    audio = samples.astype(np.float32) * np.float32(1 / 32768)
    spans = get_speech_timestamps(audio.copy(), VadOptions(min_silence_duration_ms=160, max_speech_duration_s=30))
    pieces, _ = collect_chunks(audio, spans, max_duration=30)
    return Result(
        id=11,
        name="packing: seconds of speech ÷ (30 × windows encoded), pauses of 0.3–1 s",
        value=many.speech_s / (30 * many.windows),
        unit="",
        reference=many.speech_s / (30 * len(pieces)),
        goal=0.8,
        compare=">=",
    )
