"""Live speech without a suite: the scheduler's `Conversation` and a real engine, on a clock that is simulated.

    python -m benchmarks.live_simulation MODEL_FOLDER --sets ko-talks,ko-clips --share 0.4
    python -m benchmarks.live_simulation MODEL_FOLDER --files recordings/jfk.mp3 --language en

Recordings are played in real time of that clock. A decoding takes its processor time, divided by what `--cores` save,
and nothing else can be decoded meanwhile; so the figures hold on a busy machine, too, and what is tuned with them is
turns, agreement and how often text is asked for. `file` is the same engine's error rate with the recording cut as a
file is. `benchmarks/live.py` measures a suite in real time.
"""

from __future__ import annotations

import argparse
import heapq
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from faster_whisper.audio import decode_audio

from benchmarks.real_speech import SETS, Recording
from sayit.scheduler.ingest.segmentation import SplitConfig, Splitter
from sayit.scheduler.ingest.vad import SileroDetector
from sayit.scheduler.jobs.records import ChunkOutput
from sayit.scheduler.live.conversation import (
    Action,
    Cancel,
    Conversation,
    Decode,
    Final,
    SessionState,
    SpeechBegan,
    SpeechEnded,
    Text,
)
from sayit.scheduler.live.turns import TurnConfig
from sayit.speech.options import DecodeOptions, Options, resolve
from sayit.transcriber.engine import DecodePolicy, Engine, Lane

RATE_HZ = 16_000
#: Audio that arrives at once.
STEP_S = 0.04
#: What follows a recording, so that its last utterance ends as the others do.
TAIL_S = 1.5
#: The same again and again: three letters or more, four times in a row.
LOOP = re.compile(r"(\w{3,}?)\1{3,}")


@dataclass(kw_only=True)
class Figures:
    """What is measured of a recording."""

    final_s: list[float] = field(default_factory=list)
    first_s: list[float] = field(default_factory=list)
    commit_s: list[float] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    cpu_s: float = 0.0
    decodings: int = 0
    lag_s: float = 0.0
    broken: int = 0


class Machine:
    """One engine that decodes one stretch at a time, what is final first."""

    def __init__(self, engine: Engine, options: DecodeOptions, cores: float) -> None:
        self._engine, self._options, self._cores = engine, options, cores
        self._waiting: list[tuple[bool, int, Decode]] = []
        self._current: tuple[float, Decode, ChunkOutput] | None = None
        self.cpu_s, self.decodings = 0.0, 0

    def ask(self, decode: Decode) -> None:
        """Queues a stretch."""
        heapq.heappush(self._waiting, (not decode.final, decode.request_id, decode))

    def cancel(self, request_id: int, now_s: float) -> None:
        """Gives one up, or what is left of it."""
        self._waiting = [each for each in self._waiting if each[1] != request_id]
        heapq.heapify(self._waiting)
        if self._current and self._current[1].request_id == request_id:
            # The call that is being made ends, and none follows.
            ends_s = now_s + (self._current[0] - now_s) / 2
            self._current = (ends_s, *self._current[1:])

    def until(self, now_s: float) -> Iterator[tuple[float, int, ChunkOutput]]:
        """What is decoded up to now."""
        while True:
            if self._current is not None:
                ends_s, decode, output = self._current
                if ends_s > now_s:
                    return
                self._current = None
                yield ends_s, decode.request_id, output
                free_s = ends_s
            else:
                free_s = now_s
            if not self._waiting:
                return
            decode = heapq.heappop(self._waiting)[2]
            began_s = time.process_time()
            output = self.decode(decode.pcm, final=decode.final, language=decode.language, prompt=decode.prompt)
            took_s = time.process_time() - began_s
            self.cpu_s += took_s
            self.decodings += 1
            self._current = (free_s + took_s / self._cores, decode, output)

    def decode(self, pcm: bytes, *, final: bool, language: str = "", prompt: str = "") -> ChunkOutput:
        """A stretch's text, as the transcriber decodes it."""
        options = replace(self._options, word_timestamps=True, prompt=prompt, temperatures=(0.0,))
        options = replace(options, language=language or options.language)
        if not final:
            options = replace(options, beam_size=1)
        return self._text(pcm, options, Lane.FINAL if final else Lane.INTERIM)

    def decode_chunk(self, pcm: bytes) -> ChunkOutput:
        """A chunk's text, as the transcriber decodes it."""
        return self._text(pcm, replace(self._options, word_timestamps=True), Lane.BULK)

    def _text(self, pcm: bytes, options: DecodeOptions, lane: Lane) -> ChunkOutput:
        text = self._engine.submit(pcm, options, lane=lane).future.result()
        return ChunkOutput(
            segments=text.segments,
            language=text.language,
            language_probability=text.language_probability,
            suppressed=text.suppressed,
            compute_s=text.compute_s,
        )

    @property
    def idle(self) -> bool:
        """Whether nothing is left to decode."""
        return self._current is None and not self._waiting


class Play:
    """One recording, played."""

    def __init__(self, machine: Machine, config: TurnConfig, *, verbose: bool) -> None:
        self._machine, self._verbose = machine, verbose
        self.figures = Figures()
        self.conversation = Conversation(
            SileroDetector().probabilities, config, SessionState(language=""), interim=True
        )
        self._ended_s: dict[int, float] = {}
        self._began_s: dict[int, float] = {}
        self._committed: dict[int, str] = {}
        self._counted: dict[int, int] = {}

    def run(self, audio: np.ndarray) -> Figures:
        """Plays the recording to its end."""
        pcm = (np.clip(np.pad(audio, (0, int(TAIL_S * RATE_HZ))), -1, 1) * 32767).astype("<i2").tobytes()
        step, now_s = int(STEP_S * RATE_HZ) * 2, 0.0
        cpu_s, decodings = self._machine.cpu_s, self._machine.decodings
        for start in range(0, len(pcm), step):
            now_s += STEP_S
            self._serve(now_s)
            self._do(self.conversation.feed(pcm[start : start + step]), now_s)
            self.figures.lag_s = max(self.figures.lag_s, now_s - self.conversation.settled / RATE_HZ)
        self._do(self.conversation.finish(), now_s)
        while self.conversation.busy:
            now_s += STEP_S
            self._serve(now_s)
        while not self._machine.idle:
            now_s += STEP_S
            self._serve(now_s)
        self.figures.cpu_s = self._machine.cpu_s - cpu_s
        self.figures.decodings = self._machine.decodings - decodings
        return self.figures

    def _serve(self, now_s: float) -> None:
        for at_s, request_id, output in self._machine.until(now_s):
            self._do(self.conversation.decoded(request_id, output), at_s)

    def _do(self, actions: Sequence[Action], now_s: float) -> None:
        for action in actions:
            match action:
                case Decode():
                    self._machine.ask(action)
                case Cancel():
                    self._machine.cancel(action.request_id, now_s)
                case SpeechBegan():
                    self._began_s[action.utterance] = action.at_sample / RATE_HZ
                case SpeechEnded():
                    self._ended_s[action.utterance] = action.at_sample / RATE_HZ
                case Text():
                    self._text(action, now_s)
                case Final():
                    self._final(action, now_s)

    def _text(self, text: Text, now_s: float) -> None:
        began_s = self._began_s.pop(text.utterance, None)
        if began_s is not None:
            self.figures.first_s.append(now_s - began_s)
        committed = "".join(word.text for word in text.committed)
        self._extends(text.utterance, committed)
        fresh = text.committed[self._counted.get(text.utterance, 0) :]
        self._counted[text.utterance] = len(text.committed)
        self.figures.commit_s += [now_s - word.end_s for word in fresh]
        if self._verbose:
            print(f"{now_s:7.2f}   {committed} | {''.join(word.text for word in text.tentative)}")

    def _final(self, final: Final, now_s: float) -> None:
        words = [word for segment in final.output.segments for word in segment.words]
        self._extends(final.utterance, "".join(word.text for word in words))
        fresh = words[self._counted.get(final.utterance, 0) :]
        self.figures.commit_s += [now_s - word.end_s for word in fresh]
        self.figures.final_s.append(now_s - self._ended_s[final.utterance])
        text = " ".join(segment.text for segment in final.output.segments)
        self.figures.texts.append(text)
        if self._verbose:
            stretch = f"{final.start_sample / RATE_HZ:.1f}-{final.end_sample / RATE_HZ:.1f}"
            print(f"{now_s:7.2f} F {text}  ({stretch}, {final.output.language}, {self.figures.final_s[-1]:.2f} s)")

    def _extends(self, utterance: int, text: str) -> None:
        before, self._committed[utterance] = self._committed.get(utterance, ""), text
        if not text.strip().startswith(before.strip()):
            self.figures.broken += 1


def as_file(machine: Machine, audio: np.ndarray) -> str:
    """The recording's text, cut as a file is."""
    splitter = Splitter(SplitConfig(), SileroDetector())
    pcm = (np.clip(audio, -1, 1) * 32767).astype("<i2").tobytes()
    chunks = [*splitter.feed(pcm), *splitter.finish()]
    return " ".join(s.text for chunk in chunks for s in machine.decode_chunk(chunk.pcm).segments)


def main() -> None:
    """Prints one line for each set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--sets", default="ko-talks,ko-clips,en-misc")
    parser.add_argument("--share", type=float, default=0.25)
    parser.add_argument("--files", nargs="*", default=[])
    parser.add_argument("--language", default="auto")
    parser.add_argument("--silence", type=float, default=0.5)
    parser.add_argument("--cores", type=float, default=1.7, help="how much faster two cores are than one")
    parser.add_argument("--no-file", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    engine = Engine.load(args.model, threads=1, compute_type="int8", policy=DecodePolicy())
    engine.warm_up()
    engine.start()
    sets = {name: list(SETS[name](args.share)) for name in args.sets.split(",") if not args.files}
    if args.files:
        sets["files"] = [Recording(name=file, audio=decode_audio(file), said="", language="") for file in args.files]
    for name, recordings in sets.items():
        totals, wrong, said = Figures(), {"live": 0, "file": 0}, 0
        length_s = loops = 0.0
        for one in recordings:
            language = one.language if args.language == "label" else args.language
            machine = Machine(engine, resolve(Options(language=language or "auto").normalised()), args.cores)
            found = Play(machine, TurnConfig(silence_s=args.silence), verbose=args.verbose).run(one.audio)
            one.written["live"] = " ".join(found.texts)
            one.written["file"] = "" if args.no_file else as_file(machine, one.audio)
            loops += len(LOOP.findall("".join(one.units(one.written["live"]))))
            for system in wrong:
                wrong[system] += one.errors(system)[0] if one.said else len(one.units(one.written[system]))
            said += len(one.units(one.said))
            length_s += len(one.audio) / RATE_HZ
            totals.final_s += found.final_s
            totals.first_s += found.first_s
            totals.commit_s += found.commit_s
            totals.cpu_s += found.cpu_s
            totals.decodings += found.decodings
            totals.lag_s = max(totals.lag_s, found.lag_s)
            totals.broken += found.broken
            if args.verbose and one.said:
                print(f"{one.name}: {one.errors('live')[0]} / {one.errors('file')[0]} of {len(one.units(one.said))}")
                print("   said", one.said, "\n   file", one.written["file"])
        rates = {system: 100 * count / max(1, said) for system, count in wrong.items()}
        print(
            f"{name}: {length_s:.0f} s; wrong live {rates['live']:.1f} %, file {rates['file']:.1f} %; "
            f"final {_percentiles(totals.final_s)}; first {_percentiles(totals.first_s)}; "
            f"committed {_percentiles(totals.commit_s)}; longest lag {totals.lag_s:.1f} s; loops {loops:.0f}; "
            f"broken {totals.broken}; {totals.decodings} decodings, {totals.cpu_s / max(1, length_s):.2f} CPU s/s",
            flush=True,
        )
    engine.close()


def _percentiles(values: Sequence[float]) -> str:
    return " / ".join(f"{np.percentile(values, p):.2f}" for p in (50, 95, 100)) + " s" if values else "-"


if __name__ == "__main__":
    main()
