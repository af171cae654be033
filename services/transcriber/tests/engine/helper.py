"""Recordings, options and callbacks for the engine's tests."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from sayit.speech.audio import SAMPLE_RATE_HZ
from sayit.speech.options import DecodeOptions, Task
from sayit.transcriber.engine import DecodedChunk, Engine

RECORDINGS = Path(__file__).parents[4] / "recordings"
PLAIN = DecodeOptions(
    language="ko",
    task=Task.TRANSCRIBE,
    prompt="",
    hotwords="",
    word_timestamps=False,
    beam_size=5,
    best_of=3,
    patience=1.0,
    temperatures=(0.0,),
)
#: Thresholds that every result passes.
UNJUDGED = {"logprob_threshold": -1e9, "compression_ratio_threshold": 1e9, "no_speech_threshold": 1.0}


def options(**changes: Any) -> DecodeOptions:
    """Korean, beam search at temperature 0, changed."""
    return replace(PLAIN, **changes)


def recording(name: str, start_s: float = 0.0, end_s: float | None = None) -> npt.NDArray[np.float32]:
    """Samples of a labelled recording."""
    stop = None if end_s is None else round(end_s * SAMPLE_RATE_HZ)
    samples: npt.NDArray[np.float32] = soundfile.read(
        RECORDINGS / f"{name}.flac", start=round(start_s * SAMPLE_RATE_HZ), stop=stop, dtype="float32"
    )[0]
    return samples


def label(name: str) -> dict[str, Any]:
    """What a recording says: text, and segments with start, end, language and text."""
    value: dict[str, Any] = json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))
    return value


def run(engine: Engine, pcm: npt.NDArray[np.float32], **changes: Any) -> DecodedChunk:
    """The chunk's text, nothing watched, nothing cancelled."""
    return engine.submit(pcm, options(**changes)).future.result(60)


def words_of(chunk: DecodedChunk) -> list[str]:
    """All words said."""
    return " ".join(segment.text for segment in chunk.segments).split()


def ours(chunk):
    """The engine's segments in the reference's form."""
    return [(s.start_s, s.end_s, s.text) for s in chunk.segments]
