"""What splitting and merging cost in words: the suite's path against the same model run directly.

For each labelled recording (`NAME.flac` beside `NAME.json`), two transcripts by the same model and beam size:

- suite: splitter, then the model on each chunk with the language's preset, then second looks, then merger;
- direct: faster-whisper on each Silero chunk of at most 29 s, as its own splitting gives them.

Printed per recording: word error rate of both, words lost and doubled within 1 s of a seam in both, chunks, hard seams,
second looks, and packing (seconds of speech, pauses up to 2 s included, per second of window). Exits with 1 if over all
recordings the error rate is more than `--allow` points above the direct run's, or the seams lose or double more words,
or if the suite writes words where nothing is said. Single recordings scatter by several points either way: the micro
model loses the thread in some windows, and which ones depends on where they begin.

    python benchmarks/overlap_alignment.py recordings --language auto
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import soundfile as sf
from faster_whisper import WhisperModel
from faster_whisper.vad import VadOptions, get_speech_timestamps
from numpy.typing import NDArray

from sayit.eval.labels import Label
from sayit.eval.layouts import find
from sayit.eval.scores import Normaliser, comparable, lost_and_doubled, normalise, word_errors
from sayit.scheduler.assemble.merge import Merged, merge
from sayit.scheduler.assemble.redecode import Heard, redecode_requests, texts_with_redecodes
from sayit.scheduler.ingest.segmentation import SplitConfig, Splitter
from sayit.scheduler.ingest.vad import SileroDetector
from sayit.scheduler.jobs.channels import ChannelSpeech
from sayit.scheduler.jobs.records import ChunkOutput, DoneChunk, ReadyChunk
from sayit.scheduler.jobs.redecodes import Redecode
from sayit.scheduler.jobs.time_mapping import TimeMapping, needs_words
from sayit.speech.audio import SAMPLE_RATE_HZ
from sayit.speech.language_names import AUTO
from sayit.speech.options import PRESETS, DecodeOptions, Options, resolve
from sayit.speech.transcript import Segment, Span, Word
from sayit.transcriber.engine import Engine

ROOT = Path(__file__).parents[1]
#: A chunk's segments (times from its start), its language and the language's probability.
Reading = tuple[tuple[Segment, ...], str, float]
Reader = Callable[[NDArray[np.float32], DecodeOptions], Reading]
#: Pauses up to this length are speech as far as packing goes.
BRIDGED_S = 2.0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One transcript and where its seams are."""

    text: str
    overlaps: tuple[Span, ...]


@dataclass(frozen=True, kw_only=True)
class Score:
    """How good a transcript is."""

    errors: int
    wer: float
    lost: int
    doubled: int


def options_for(language: str, beam_size: int) -> Options:
    """What a request for this language asks for."""
    return Options(language=language, beam_size=beam_size).normalised()


def as_float(pcm: NDArray[np.int16]) -> NDArray[np.float32]:
    """Samples as models take them, -1 to 1."""
    return pcm.astype(np.float32) * np.float32(1 / 32768)


def run_model(model: Any, audio: NDArray[np.float32], options: DecodeOptions, *, words: bool) -> tuple[list[Any], Any]:
    """faster-whisper with these options on one chunk."""
    segments, info = model.transcribe(
        audio,
        language=None if options.language == AUTO else options.language,
        beam_size=options.beam_size,
        best_of=options.best_of,
        patience=options.patience,
        temperature=list(options.temperatures),
        word_timestamps=words,
        condition_on_previous_text=True,
    )
    return list(segments), info


def direct(model: Any, pcm: NDArray[np.int16], options: DecodeOptions) -> Outcome:
    """The same model on each of faster-whisper's own chunks of at most 29 s."""
    audio = as_float(pcm)
    spans = get_speech_timestamps(audio.copy(), VadOptions(max_speech_duration_s=29))
    texts = [
        segment.text.strip()
        for span in spans
        for segment in run_model(model, audio[span["start"] : span["end"]], options, words=False)[0]
    ]
    middles = [(a["end"] + b["start"]) // 2 for a, b in pairwise(spans)]
    return Outcome(text=" ".join(texts), overlaps=tuple(_span(at, at) for at in middles))


def split(pcm: NDArray[np.int16], config: SplitConfig) -> tuple[list[ReadyChunk], tuple[tuple[int, int], ...]]:
    """The suite's chunks of a recording, and its speech, in samples."""
    splitter = Splitter(config, SileroDetector())
    chunks = [*splitter.feed(pcm.tobytes()), *splitter.finish()]
    return chunks, tuple(splitter.speech)


def faster_whisper_reader(model: Any) -> Reader:
    """Chunks read by faster-whisper itself: what splitting and merging cost, without the suite's engine."""

    def read(audio: NDArray[np.float32], options: DecodeOptions) -> Reading:
        found, info = run_model(model, audio, options, words=options.word_timestamps)
        segments = tuple(
            Segment(
                id=place,
                start_s=segment.start,
                end_s=segment.end,
                text=segment.text.strip(),
                language=info.language,
                words=tuple(
                    Word(text=word.word, start_s=word.start, end_s=word.end, probability=word.probability)
                    for word in segment.words or ()
                ),
            )
            for place, segment in enumerate(found)
        )
        return segments, info.language, info.language_probability

    return read


def engine_reader(engine: Engine) -> Reader:
    """Chunks read by the suite's own engine."""

    def read(audio: NDArray[np.float32], options: DecodeOptions) -> Reading:
        found = engine.submit(audio, options).future.result()
        return found.segments, found.language, found.language_probability

    return read


def heard_by(
    read: Reader, pcm: NDArray[np.int16], pieces: Sequence[tuple[int, int]], options: DecodeOptions
) -> ChunkOutput:
    """The text of these pieces of a recording, with times from its start."""
    segments, language, probability = read(as_float(pcm), options)
    return ChunkOutput(
        segments=TimeMapping(pieces).segments(segments),
        language=language,
        language_probability=probability,
        suppressed=(),
        compute_s=0.0,
    )


def done(read: Reader, chunk: ReadyChunk, options: DecodeOptions) -> DoneChunk:
    """One chunk with its text; words where a seam needs them."""
    options = replace(options, word_timestamps=needs_words(chunk.pieces, hard=chunk.hard_start or chunk.hard_end))
    return DoneChunk(
        **chunk.place,
        object_key="",
        output=heard_by(read, np.frombuffer(chunk.pcm, "<i2"), chunk.pieces, options),
    )


def merged(heard: Heard) -> Merged:
    """The transcript of chunks and looks, without the guard."""
    return merge(texts_with_redecodes(heard), speech=heard.spans, duration_s=heard.samples / SAMPLE_RATE_HZ)


def redecoded(read: Reader, pcm: NDArray[np.int16], heard: Heard) -> Heard:
    """The same with all the looks that it makes wanted."""
    while again := redecode_requests(heard, merged(heard)):
        redecodes = [
            Redecode(
                request=redecode,
                round=heard.next_round,
                output=heard_by(
                    read,
                    pcm[redecode.start_sample : redecode.end_sample],
                    ((redecode.start_sample, redecode.end_sample),),
                    redecode.overrides.applied(heard.options, PRESETS),
                ),
            )
            for redecode in again
        ]
        heard = replace(heard, redecodes=(*heard.redecodes, *redecodes))
    return heard


def suite(
    read: Reader, pcm: NDArray[np.int16], asked: Options, config: SplitConfig, *, redecodes: bool = True
) -> tuple[Outcome, Heard, float]:
    """Splitter, model, looks, merger; the transcript, what was heard, and the packing ratio."""
    chunks, speech = split(pcm, config)
    options = resolve(asked)
    heard = Heard(
        chunks=tuple(done(read, chunk, options) for chunk in chunks),
        redecodes=(),
        speech=(ChannelSpeech(channel=0, spans=tuple(speech)),),
        options=asked,
        presets=PRESETS,
        samples=len(pcm),
    )
    if redecodes:
        heard = redecoded(read, pcm, heard)
    middles = [(a.end_sample + b.start_sample) // 2 for a, b in pairwise(chunks)]
    text = " ".join(segment.text for segment in merged(heard).segments)
    return Outcome(text=text, overlaps=tuple(_span(at, at) for at in middles)), heard, _packing(chunks, heard.spans)


def _packing(chunks: Sequence[ReadyChunk], speech: Sequence[Span]) -> float:
    """Seconds of speech, pauses up to 2 s included, per second of window."""
    if not chunks:
        return 0.0
    speaking = sum(span.duration_s for span in speech)
    pauses = (after.start_s - before.end_s for before, after in pairwise(speech))
    return (speaking + sum(pause for pause in pauses if pause <= BRIDGED_S)) / (30 * len(chunks))


def _span(start: int, end: int) -> Span:
    return Span(start_s=start / SAMPLE_RATE_HZ, end_s=end / SAMPLE_RATE_HZ)


def score(label: Label, outcome: Outcome) -> Score:
    """Word errors, and among them those near a seam. Without words to expect, the rate is that of written words."""
    said = comparable(label.words, label.languages)
    written = normalise(outcome.text, label.languages, Normaliser.BASIC)
    found = word_errors(" ".join(word for word, _ in said), written)
    lost, doubled = lost_and_doubled(said, written.split(), outcome.overlaps)
    wer = found / len(said) if said else float(bool(found))
    return Score(errors=found, wer=wer, lost=lost, doubled=doubled)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One recording, both ways."""

    words: int
    direct: Score
    suite: Score


def compare(
    model: Any, read: Reader, label: Label, language: str, beam_size: int, config: SplitConfig, *, redecodes: bool
) -> Comparison:
    """Runs one recording both ways and prints its line."""
    pcm, _ = sf.read(label.audio, dtype="int16")
    options = options_for(label.language if language == "label" else language, beam_size)
    plain = score(label, direct(model, pcm, resolve(options)))
    outcome, heard, packing = suite(read, pcm, options, config, redecodes=redecodes)
    ours = score(label, outcome)
    hard = sum(chunk.hard_end for chunk in heard.chunks)
    kinds = Counter(redecode.request.kind for redecode in heard.redecodes)
    name = f"{label.name} ({options.language})"
    print(
        f"{name:30} {_columns(len(label.words), plain, ours)}",
        f"chunks {len(heard.chunks)} ({hard} hard)  looks {dict(kinds) or 0}  packing {packing:.2f}",
        sep="  ",
        flush=True,
    )
    return Comparison(words=len(label.words), direct=plain, suite=ours)


def _columns(words: int, plain: Score, ours: Score) -> str:
    return (
        f"words {words:5}  direct {100 * plain.wer:5.1f} %  suite {100 * ours.wer:5.1f} %  "
        f"at seams lost/doubled: direct {plain.lost}/{plain.doubled} suite {ours.lost}/{ours.doubled}"
    )


def _sum(scores: Sequence[Score], words: int) -> Score:
    errors = sum(each.errors for each in scores)
    return Score(
        errors=errors,
        wer=errors / max(words, 1),
        lost=sum(each.lost for each in scores),
        doubled=sum(each.doubled for each in scores),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "recordings", nargs="?", type=Path, default=ROOT / "recordings", help="folder of recordings with labels"
    )
    parser.add_argument("--model", default=str(ROOT / "services/transcriber/sayit/transcriber/micro"))
    parser.add_argument(
        "--reader", choices=["engine", "faster-whisper"], default="engine", help="what reads the chunks"
    )
    parser.add_argument("--language", default="label", help="a code, auto, or label: the recording's own if it has one")
    parser.add_argument("--beam-size", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--allow", type=float, default=1.0, help="points of word error rate")
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=JSON", help="a splitter setting to try")
    parser.add_argument("--no-redecode", dest="redecodes", action="store_false", help="merge without second looks")
    given = parser.parse_args(arguments)
    model = WhisperModel(given.model, device="cpu", compute_type="int8", cpu_threads=given.threads)
    changes = {name: json.loads(value) for name, value in (change.split("=", 1) for change in given.set)}
    config = replace(SplitConfig(), **changes)
    labels = find(given.recordings)
    engine = Engine.load(Path(given.model), threads=given.threads, compute_type="int8")
    engine.start()
    with closing(engine):
        read = engine_reader(engine) if given.reader == "engine" else faster_whisper_reader(model)
        results = [
            compare(model, read, label, given.language, given.beam_size, config, redecodes=given.redecodes)
            for label in labels
        ]
    words = sum(each.words for each in results)
    plain = _sum([each.direct for each in results], words)
    ours = _sum([each.suite for each in results], words)
    print(f"{'all':30} {_columns(words, plain, ours)}")
    invented = sum(each.suite.errors for each in results if not each.words)
    worse = ours.wer - plain.wer > given.allow / 100 or ours.lost + ours.doubled > plain.lost + plain.doubled
    return int(worse or invented > 0)


if __name__ == "__main__":
    sys.exit(main())
