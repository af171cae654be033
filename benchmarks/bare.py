"""The bare model: CTranslate2 in a process of its own, given the same windows as the suite, with nothing around it.

It does what cannot be left out (voice activity, features, encoder, decoder) in the best order known for CPUs: windows
are encoded one by one and decoded together. Requests come as JSON lines on standard input, figures go out the same way:

    python -m benchmarks.bare --model FOLDER --threads 1

`Bare` starts and asks such processes. They idle between requests, so that bare and suite can be measured in turn.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

from sayit.transcriber.allocator import keep_memory

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE_HZ = 16_000
#: Silero's frame, in samples.
_FRAME = 512


@dataclass(frozen=True, kw_only=True)
class Request:
    """Windows to decode."""

    #: A `.npy` file of int16[n] at 16 kHz.
    audio: str
    #: First sample and end of each window, at most 30 s long.
    windows: tuple[tuple[int, int], ...]
    #: Windows that are decoded in one call.
    batch: int
    #: New tokens of each window.
    tokens: int
    beam_size: int = 1
    #: Whether voice activity is looked for in them, too.
    voice: bool = True


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a request took."""

    windows: int
    audio_s: float
    wall_s: float
    #: Time inside CTranslate2's calls.
    model_s: float
    #: CPU time of the process without the model's thread (with more threads than one: without its busiest).
    cpu_outside_s: float
    #: The longest call of the model.
    longest_call_s: float
    #: Mean time per window in which the model did not run.
    outside_s: float
    rss_mb: float

    @property
    def speed(self) -> float:
        """Seconds of audio per second."""
        return self.audio_s / self.wall_s


class Bare:
    """A process with a warm model.

    Args:
        model: a CTranslate2 Whisper folder.
        threads: of each call.
        stock: whether memory is taken and given back as glibc does it unasked; otherwise as in a transcriber.
    """

    def __init__(self, model: Path, *, threads: int = 1, stock: bool = False) -> None:
        arguments = ["--model", str(model), "--threads", str(threads), *(["--stock"] if stock else [])]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "MALLOC_ARENA_MAX": "2"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.bare", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            cwd=Path(__file__).parents[1],
        )

    def ready(self) -> None:
        """Waits until the model is warm."""
        self.answer()

    def ask(self, request: Request) -> None:
        """Begins with a request; `answer` waits for its end."""
        assert self._process.stdin is not None
        self._process.stdin.write((json.dumps(asdict(request)) + "\n").encode())
        self._process.stdin.flush()

    def answer(self) -> Any:
        """The next line from the process.

        Raises:
            RuntimeError: it ended.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the bare model's process ended with status {self._process.wait()}")
        return json.loads(line)

    def decode(self, request: Request) -> Figures:
        """Asks and waits."""
        self.ask(request)
        return Figures(**self.answer())

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def running(count: int, model: Path, *, threads: int = 1, stock: bool = False) -> Iterator[list[Bare]]:
    """So many warm processes, ended with the block."""
    with ExitStack() as stack:
        found = []
        for _ in range(count):
            found.append(Bare(model, threads=threads, stock=stock))
            stack.callback(found[-1].close)
        for one in found:
            one.ready()
        yield found


def together(processes: Sequence[Bare], requests: Sequence[Request]) -> list[Figures]:
    """Lets all processes work at the same time, one request each."""
    for process, request in zip(processes, requests, strict=True):
        process.ask(request)
    return [Figures(**process.answer()) for process in processes]


class _Model:
    """The model inside the child."""

    def __init__(self, folder: str, threads: int) -> None:
        from faster_whisper import WhisperModel  # noqa: PLC0415 - only the child loads it
        from faster_whisper.audio import pad_or_trim  # noqa: PLC0415 - as above
        from faster_whisper.tokenizer import Tokenizer  # noqa: PLC0415 - as above
        from faster_whisper.transcribe import get_suppressed_tokens  # noqa: PLC0415 - as above

        from sayit.scheduler.ingest.vad import SileroDetector  # noqa: PLC0415 - as above

        self._whisper = WhisperModel(folder, device="cpu", compute_type="int8", cpu_threads=threads, num_workers=1)
        tokenizer = Tokenizer(self._whisper.hf_tokenizer, True, task="transcribe", language="ko")
        self._prompt = list(tokenizer.sot_sequence)
        self._suppressed = list(get_suppressed_tokens(tokenizer, [-1]))
        self._padded = pad_or_trim
        self._detector = SileroDetector
        self._calls: list[float] = []

    def decode(self, request: Request) -> Figures:
        samples: NDArray[np.int16] = np.load(request.audio, mmap_mode="r")
        process = psutil.Process()
        self._calls = []
        before_s, began = _outside_s(process), time.perf_counter()
        for start in range(0, len(request.windows), request.batch):
            batch = [np.array(samples[a:b]) for a, b in request.windows[start : start + request.batch]]
            self._decode(batch, request)
        wall_s = time.perf_counter() - began
        model_s = sum(self._calls)
        count = len(request.windows)
        return Figures(
            windows=count,
            audio_s=sum(b - a for a, b in request.windows) / RATE_HZ,
            wall_s=wall_s,
            model_s=model_s,
            cpu_outside_s=_outside_s(process) - before_s,
            longest_call_s=max(self._calls),
            outside_s=(wall_s - model_s) / count,
            rss_mb=process.memory_info().rss / 1e6,
        )

    def _decode(self, batch: list[NDArray[np.int16]], request: Request) -> None:
        encodings = []
        for pcm in batch:
            if request.voice:
                self._detector().probabilities(pcm[: len(pcm) // _FRAME * _FRAME])
            features = self._whisper.feature_extractor(pcm.astype(np.float32) * np.float32(1 / 32768))
            features = self._padded(features[:, :3000])
            with self._timed():
                encodings.append(np.array(self._whisper.encode(features)))
        with self._timed():
            self._generate(np.concatenate(encodings), request)

    def _generate(self, encodings: NDArray[np.float32], request: Request) -> None:
        import ctranslate2  # noqa: PLC0415 - as above

        results = self._whisper.model.generate(
            ctranslate2.StorageView.from_array(encodings),
            [self._prompt] * len(encodings),
            beam_size=request.beam_size,
            patience=1.0,
            max_length=2 * request.tokens,
            suppress_tokens=self._suppressed,
            max_initial_timestamp_index=50,
            return_scores=True,
            return_no_speech_prob=True,
        )
        short = [len(result.sequences_ids[0]) for result in results if len(result.sequences_ids[0]) != request.tokens]
        if short:
            print(f"not {request.tokens} tokens but {short}: is it a model with random weights?", file=sys.stderr)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self._calls.append(time.perf_counter() - began)


def busiest_s(process: psutil.Process) -> float:
    """CPU time of the thread that used most: CTranslate2's own, which does nothing but run the model."""
    return max(float(thread.user_time + thread.system_time) for thread in process.threads())


def _outside_s(process: psutil.Process) -> float:
    return sum(float(thread.user_time + thread.system_time) for thread in process.threads()) - busiest_s(process)


def main() -> None:
    """The child."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--stock", action="store_true")
    given = parser.parse_args()
    if not given.stock:
        keep_memory()
    model = _Model(given.model, given.threads)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        value = json.loads(line)
        request = Request(**{**value, "windows": tuple(map(tuple, value["windows"]))})
        print(json.dumps(asdict(model.decode(request))), flush=True)


if __name__ == "__main__":
    main()
