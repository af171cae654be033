"""Sends a load: an open loop, so that a slow service meets the same requests as a fast one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

from benchmarks import corpus
from benchmarks.load.arrivals import Arrival
from benchmarks.load.report import Outcome, Report, report
from sayit.client import AsyncClient, ErrorKind, JobState, Options, SayItError
from sayit.speech.jobs import ChunkText, Completed, Failed, PartialText, StateChanged

#: Answers of a service that is full.
_REFUSALS = frozenset({ErrorKind.OVERLOADED, ErrorKind.RATE_LIMITED})


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where requests go and what they ask for beside the language."""

    address: str
    api_key: str = ""
    root_certificates: bytes | None = None
    #: For models with random weights: so many tokens a window, greedy, one temperature. 0: what everybody gets.
    tokens: int = 0
    #: Seconds after its arrival at which a request counts as failed.
    limit_s: float = 600.0


async def drive(target: Target, load: Sequence[Arrival], *, duration_s: float) -> Report:
    """Sends every request at its time and waits for the last one."""
    outcomes, wall_s = await outcomes_of(target, load)
    return report(outcomes, wall_s=wall_s, duration_s=duration_s)


async def outcomes_of(target: Target, load: Sequence[Arrival]) -> tuple[list[Outcome], float]:
    """What came of each request of a load, in its order, and the seconds until the last one ended."""
    files = await asyncio.to_thread(lambda: [_file(each) for each in load])
    async with AsyncClient(
        target.address, api_key=target.api_key, root_certificates=target.root_certificates, retry_s=0
    ) as client:
        await client.status()  # the connection stands, and a wrong address is noticed, before the clock runs
        began_s = time.monotonic()
        requests = (
            _request(client, target, arrival, audio, began_s) for arrival, audio in zip(load, files, strict=True)
        )
        outcomes = list(await asyncio.gather(*requests))
        return outcomes, time.monotonic() - began_s


def _file(arrival: Arrival) -> bytes:
    samples = corpus.speech(arrival.audio_s, seed=arrival.seed, language=arrival.language)
    return corpus.encoded(samples, "FLAC")


async def _request(client: AsyncClient, target: Target, arrival: Arrival, audio: bytes, began_s: float) -> Outcome:
    due_s = began_s + arrival.at_s
    await asyncio.sleep(max(0.0, due_s - time.monotonic()))
    late_s = time.monotonic() - due_s
    options = Options(language=arrival.language)
    if target.tokens:
        options = Options(language=arrival.language, temperature=0.0, beam_size=1, max_tokens_per_window=target.tokens)
    try:
        async with asyncio.timeout(target.limit_s):
            first_s, done_s, error = await _times(client, audio, options)
    except SayItError as caught:
        return Outcome(audio_s=arrival.audio_s, late_s=late_s, error=caught.code, refused=caught.kind in _REFUSALS)
    except TimeoutError:
        return Outcome(audio_s=arrival.audio_s, late_s=late_s, error="TIMEOUT")
    return Outcome(
        audio_s=arrival.audio_s,
        late_s=late_s,
        first_text_s=None if first_s is None else first_s - due_s,
        done_s=None if error else done_s - due_s,
        error=error,
    )


async def _times(client: AsyncClient, audio: bytes, options: Options) -> tuple[float | None, float, str]:
    """When the first text came, when the job ended, and its error's code."""
    first_s: float | None = None
    error = "NO_END"
    async with aclosing(client.stream(audio, options=options, filename="load")) as events:
        async for event in events:
            match event.body:
                case ChunkText() | PartialText():
                    first_s = first_s or time.monotonic()
                case Completed():
                    error = ""
                case Failed(error=why):
                    error = why.code
                case StateChanged(state=JobState.CANCELLED):
                    error = ErrorKind.JOB_CANCELLED.name
    return first_s, time.monotonic(), error
