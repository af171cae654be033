"""What the REST bridge costs: the same file over REST and over gRPC, in turns, on one suite.

    python benchmarks/bridge_overhead.py --model micro                # absolute milliseconds
    python benchmarks/bridge_overhead.py --model small-shaped         # the ratio at the real model's cost
    python benchmarks/bridge_overhead.py --slow 200                   # and a quick file beside 200 slow uploads

Each round sends 10 s of speech over gRPC (`Transcribe`, as the SDK does) and over REST (`POST /v1/jobs?wait=60`, one
connection) to the same suite, the first of the two by turns, and waits for the transcript; the cache is off. Printed as
JSON: medians, their ratio (goal: at most 1.05 with the small shape) and difference, and with `--slow` the median of a
REST round while so many senders trickle.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import numpy as np
import soundfile

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.small_shaped import SMALL, build
from sayit.client import AsyncClient
from sayit.speech.options import Options
from tests.end_to_end.helper import RECORDINGS, RunningSuite, running_suite, wav

#: Of the file.
LENGTH_S = 10.0
#: With random weights a window says this much, as speech of this length does.
TOKENS = 60
#: Seconds between two pieces of a slow sender.
PAUSE_S = 2.0
OPTIONS = Options(language="ko", temperature=0.0, beam_size=1, max_tokens_per_window=TOKENS)


def speech() -> bytes:
    """10 s of Korean as WAV."""
    samples, rate = soundfile.read(RECORDINGS / "ko-150s.flac", dtype="int16")
    return wav(np.asarray(samples[: int(LENGTH_S * rate)]), rate)


async def over_grpc(client: AsyncClient, audio: bytes) -> None:
    """One file through the SDK."""
    result = await client.transcribe(audio, options=OPTIONS)
    assert result.transcript.duration_s > LENGTH_S - 0.1


async def over_rest(client: httpx.AsyncClient, audio: bytes) -> None:
    """One file through the bridge."""
    query = {"language": "ko", "temperature": 0, "beam_size": 1, "max_tokens_per_window": TOKENS, "wait": 60}
    answer = await client.post("/v1/jobs", params=query, content=audio, headers={"Content-Type": "audio/wav"})
    assert answer.json()["transcript"]["duration"] > LENGTH_S - 0.1, answer.text


async def took_s(call: Callable[[], Awaitable[None]]) -> float:
    """Seconds of a call."""
    began_s = time.perf_counter()
    await call()
    return time.perf_counter() - began_s


async def trickle(url: str, seconds: float) -> None:
    """A sender that is slow and not quite slow enough to be cut off."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"RIFF" + bytes(8_000)
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            await asyncio.sleep(PAUSE_S)
            yield bytes(8_000)

    async with httpx.AsyncClient(base_url=url, timeout=600, trust_env=False) as client:
        await client.post("/v1/jobs", content=pieces())


async def measure(suite: RunningSuite, rounds: int, slow: int) -> dict[str, float]:
    """All rounds on a running suite."""
    audio = speech()
    grpc: list[float] = []
    rest: list[float] = []
    async with (
        AsyncClient(suite.address) as sdk,
        httpx.AsyncClient(base_url=suite.rest, timeout=120, trust_env=False) as http,
    ):
        both = ((grpc, lambda: over_grpc(sdk, audio)), (rest, lambda: over_rest(http, audio)))
        for _, call in both:
            await call()  # warms connections and the model
        for number in range(rounds):
            for times, call in both if number % 2 else both[::-1]:
                times.append(await took_s(call))
        found = {
            "grpc_ms": statistics.median(grpc) * 1000,
            "rest_ms": statistics.median(rest) * 1000,
            "ratio": statistics.median(rest) / statistics.median(grpc),
            "difference_ms": (statistics.median(rest) - statistics.median(grpc)) * 1000,
            # Neighbours in time, so that what the machine does meanwhile touches both.
            "ratio_of_pairs": statistics.median(r / g for r, g in zip(rest, grpc, strict=True)),
            "rounds": rounds,
        }
        if slow:
            senders = [asyncio.create_task(trickle(suite.rest, 2.0 * rounds)) for _ in range(slow)]
            await asyncio.sleep(3 * PAUSE_S)
            beside = [await took_s(lambda: over_rest(http, audio)) for _ in range(max(3, rounds // 2))]
            found |= {"slow_senders": slow, "rest_beside_slow_ms": statistics.median(beside) * 1000}
            await asyncio.gather(*senders, return_exceptions=True)
    return {name: round(value, 3) for name, value in found.items()}


def main() -> None:
    """Starts a suite, measures, prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default="micro", help="micro, small-shaped, or a name or folder of a real one")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--slow", type=int, default=0, help="senders that trickle meanwhile")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = asked.model
        if model == "small-shaped":
            model = str(Path(folder) / "small-shaped")
            build(Path(model), SMALL)
        arguments = ("--transcribers", "1", "--threads", str(os.cpu_count() or 1), "--model", model)
        with running_suite(Path(folder), *arguments, SAYIT_CACHE_TTL_H="0") as suite:
            found = asyncio.run(measure(suite, asked.rounds, asked.slow))
    print(json.dumps({"model": asked.model, **found}, indent=2))


if __name__ == "__main__":
    main()
