"""One transcriber's engine in a process of its own, as `sayit tune` measures it.

    python -m sayit.tune.child FOLDER THREADS BATCH COMPUTE_TYPE

It loads the model, says that it is ready, and then answers each line on standard input (a `Task`'s name) with a line of
JSON on standard output. It ends when its standard input does. The process that starts it sets OMP_NUM_THREADS.
"""

from __future__ import annotations

# isort: off
from sayit.transcriber.allocator import keep_memory

if __name__ == "__main__":
    keep_memory()  # before what follows: libraries start threads while they are imported
# isort: on

import json
import resource
import sys
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
from faster_whisper.audio import decode_audio

from sayit.speech.audio import SAMPLE_RATE_HZ
from sayit.speech.options import Options, resolve
from sayit.transcriber.engine import BatchLimits, Engine, Lane

#: Eight seconds of Korean, spoken by a synthesizer.
_SPEECH = Path(__file__).parent / "speech.flac"
#: A full chunk, and most tokens that it takes: a model that writes a loop must not spoil the comparison.
_CHUNK_S, _TOKENS = 29, 100
#: One language, one temperature: the same work for every setting.
_OPTIONS = resolve(Options(language="ko", temperature=0.0, max_tokens_per_window=_TOKENS).normalised())
#: Pieces of the speech: where each of them takes a second window, of 30 s, the model does not bear short ones.
_PIECES_S = (2, 4, 6)
#: Work with a backlog is repeated for at least so long.
_LEAST_S = 2.0
#: Repetitions of the short file; the fastest one counts, as noise only ever adds.
_REPETITIONS = 2


def main(folder: str, threads: str, batch: str, compute_type: str) -> None:
    """Runs the tasks that it reads."""
    bounds = BatchLimits(batch=int(batch))
    engine = Engine.load(Path(folder), threads=int(threads), compute_type=compute_type, bounds=bounds)
    engine.warm_up()
    engine.start()
    short = np.asarray(decode_audio(str(_SPEECH)), np.float32)
    chunk = np.resize(short, _CHUNK_S * SAMPLE_RATE_HZ)
    _answer(ready=True)
    for line in sys.stdin:
        match line.strip():
            case "latency":
                took = [_run(engine, [short], Lane.INTERACTIVE)[0] for _ in range(_REPETITIONS)]
                pieces = [short[: seconds * SAMPLE_RATE_HZ] for seconds in _PIECES_S]
                _, windows = _run(engine, pieces, Lane.INTERACTIVE)
                _answer(seconds=min(took), short_windows=windows < 2 * len(pieces))
            case "throughput":
                seconds, windows = 0.0, 0
                while seconds < _LEAST_S:
                    more_s, more = _run(engine, [chunk] * max(2, int(batch)), Lane.BULK)
                    seconds, windows = seconds + more_s, windows + more
                _answer(seconds=seconds, audio_s=windows * _CHUNK_S, rss_mb=_peak_mb())
    engine.close()


def _run(engine: Engine, chunks: list[Any], lane: Lane) -> tuple[float, int]:
    """Seconds until all chunks are done, and their windows."""
    began = time.perf_counter()
    futures: list[Future[Any]] = [engine.submit(pcm, _OPTIONS, lane=lane).future for pcm in chunks]
    windows = sum(future.result().windows for future in futures)
    return time.perf_counter() - began, windows


def _peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3


def _answer(**values: object) -> None:
    print(json.dumps(values), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
