"""What alternating languages cost: words, tags and windows, on recordings assembled from the labelled ones.

Labelled segments of the recordings are put together anew: stretches of Korean and English in turn, with pauses between
segments and at the changes. They go the suite's way: splitter, engine with detection, looks, merger. Printed
as a table: word error rate, segments whose language is tagged wrongly, and windows encoded for how many chunks. Exits
with 1 if more than 10 % of all words or 5 % of all tags are wrong.

    python -m benchmarks.languages
"""

from __future__ import annotations

import random
import sys
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from benchmarks.overlap_alignment import ROOT, Reading, merged, options_for, suite
from sayit.eval.layouts import find
from sayit.eval.scores import word_errors
from sayit.scheduler.ingest.segmentation import SplitConfig
from sayit.speech.audio import SAMPLE_RATE_HZ
from sayit.speech.language_names import AUTO
from sayit.speech.options import DecodeOptions
from sayit.speech.transcript import Segment
from sayit.transcriber.engine import Engine
from sayit.transcriber.models import bundled

Range = tuple[float, float]
LENGTH_S = 90.0
#: Segments are cut so far outside of their label.
MARGIN_S = 0.05
SOURCES = ("ko-150s", "en-90s", "ko-en-180s", "ko-longsilence-150s", "ko-8s", "en-8s")


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """How a recording is assembled; all in seconds."""

    stretch_s: Range
    pause_s: Range
    change_s: Range


MATERIALS = (
    Corpus(stretch_s=(10, 20), pause_s=(0.3, 0.8), change_s=(0.0, 0.05)),
    Corpus(stretch_s=(8, 14), pause_s=(0.3, 0.8), change_s=(0.6, 1.2)),
    Corpus(stretch_s=(4, 8), pause_s=(0.3, 0.8), change_s=(0.3, 0.8)),
    Corpus(stretch_s=(4, 8), pause_s=(0.1, 0.3), change_s=(0.05, 0.3)),
    Corpus(stretch_s=(5, 10), pause_s=(0.0, 0.02), change_s=(0.0, 0.02)),
    Corpus(stretch_s=(3, 6), pause_s=(0.05, 0.1), change_s=(0.05, 0.1)),
    Corpus(stretch_s=(2, 4), pause_s=(0.3, 0.6), change_s=(0.3, 0.8)),
    Corpus(stretch_s=(2, 4), pause_s=(0.0, 0.05), change_s=(0.0, 0.05)),
    Corpus(stretch_s=(1, 2), pause_s=(0.3, 0.6), change_s=(0.3, 0.8)),
)


@dataclass(frozen=True, kw_only=True)
class Said:
    """A labelled segment."""

    middle_s: float
    language: str
    text: str


def segments() -> dict[str, list[tuple[NDArray[np.float32], str]]]:
    """All labelled segments by language: samples and text."""
    found: dict[str, list[tuple[NDArray[np.float32], str]]] = {"ko": [], "en": []}
    for label in find(ROOT / "recordings"):
        if label.name not in SOURCES:
            continue
        pcm, _ = sf.read(label.audio, dtype="float32")
        for each in label.phrases:
            first, last = (
                round(at * SAMPLE_RATE_HZ) for at in (max(0.0, each.start_s - MARGIN_S), each.end_s + MARGIN_S)
            )
            found[each.language].append((pcm[first:last], each.text))
    return found


def assembled(seed: int, corpus: Corpus) -> tuple[NDArray[np.int16], list[Said]]:
    """A recording, and what is said in it."""
    chance, noise, supply = random.Random(seed), np.random.default_rng(seed), segments()
    for each in supply.values():
        chance.shuffle(each)
    parts: list[NDArray[np.float32]] = []
    said: list[Said] = []
    at = 0

    def add(samples: NDArray[np.float32]) -> None:
        nonlocal at
        parts.append(samples)
        at += len(samples)

    def pause(length_s: Range) -> None:
        add(noise.normal(0, 1e-3, round(chance.uniform(*length_s) * SAMPLE_RATE_HZ)).astype(np.float32))

    languages = ["ko", "en"]
    pause((0.3, 0.3))
    while at < LENGTH_S * SAMPLE_RATE_HZ:
        language = languages[0]
        until = at + chance.uniform(*corpus.stretch_s) * SAMPLE_RATE_HZ
        while at < until:
            samples, text = supply[language][0]
            supply[language].append(supply[language].pop(0))
            said.append(Said(middle_s=(at + len(samples) / 2) / SAMPLE_RATE_HZ, language=language, text=text))
            add(samples)
            pause(corpus.pause_s if at < until else corpus.change_s)
        languages.reverse()
    return (np.concatenate(parts) * 32767).astype("<i2"), said


def wrong_tags(said: list[Said], written: tuple[Segment, ...]) -> int:
    """Labelled segments where the nearest written one is tagged with another language."""

    def nearest(middle_s: float) -> Segment:
        return min(written, key=lambda s: max(s.start_s - middle_s, middle_s - s.end_s))

    return sum(nearest(each.middle_s).language != each.language for each in said)


def main() -> int:
    """The command line."""
    engine = Engine.load(bundled().path, threads=1, compute_type="int8")
    engine.start()
    errors = words = wrong = tags = 0
    print("| stretches | pauses | at changes | WER % | wrong tags | chunks | windows |")
    print("|---|---|---|---|---|---|---|")
    with closing(engine):
        for seed, corpus in enumerate(MATERIALS):
            pcm, said = assembled(seed, corpus)
            windows = 0

            def counted(audio: NDArray[np.float32], options: DecodeOptions) -> Reading:
                nonlocal windows
                text = engine.submit(audio, options).future.result()
                windows += text.windows
                return text.segments, text.language, text.language_probability

            _, heard, _ = suite(counted, pcm, options_for(AUTO, 5), SplitConfig())
            written = merged(heard).segments
            spoken = " ".join(each.text for each in said)
            found, count = word_errors(spoken, " ".join(each.text for each in written)), len(spoken.split())
            missed = wrong_tags(said, written)
            spans = (f"{low:g}–{high:g} s" for low, high in (corpus.stretch_s, corpus.pause_s, corpus.change_s))
            print(
                f"| {' | '.join(spans)} | {100 * found / count:.1f} | {missed} of {len(said)} "
                f"| {len(heard.chunks)} | {windows} |",
                flush=True,
            )
            errors, words = errors + found, words + count
            wrong, tags = wrong + missed, tags + len(said)
    print(f"| all | | | {100 * errors / words:.1f} | {wrong} of {tags} | | |")
    return int(errors > 0.1 * words or wrong > 0.05 * tags)


if __name__ == "__main__":
    sys.exit(main())
