"""How benchmarks ask a suite: options that make every window cost the same, and clients that note when things come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

from sayit.client import AsyncClient, JobState, Options, SayItError
from sayit.speech.jobs import ChunkText, JobEvent, PartialText, StateChanged


def fixed(tokens: int, *, beam_size: int = 1) -> Options:
    """One temperature, one language, so many tokens a window: with random weights every window then costs the same."""
    return Options(language="ko", temperature=0.0, beam_size=beam_size, max_tokens_per_window=tokens)


@dataclass(kw_only=True)
class Timeline:
    """What a client saw of one job; seconds since the epoch, None for what never came."""

    sent_s: float
    job_id: str = ""
    first_text_s: float | None = None
    done_s: float | None = None
    #: When the text of each chunk arrived, by chunk.
    chunk_texts_s: dict[int, float] | None = None


async def follow(client: AsyncClient, audio: bytes, options: Options, *, until_text: bool = False) -> Timeline:
    """Sends a file and notes when things arrive, until the job's end or its first text.

    Raises:
        SayItError: the file was refused, or the job did not complete.
    """
    seen = Timeline(sent_s=time.time(), chunk_texts_s={})
    ended: JobState | None = None
    async with aclosing(client.stream(audio, options=options, filename="benchmark")) as events:
        async for event in events:
            _note(seen, event)
            if isinstance(event.body, StateChanged) and event.body.state.terminal:
                ended = event.body.state
            if until_text and seen.first_text_s is not None:
                return seen
    if ended not in {JobState.COMPLETED, None}:
        await client.result(seen.job_id)
    seen.done_s = time.time()
    return seen


def _note(seen: Timeline, event: JobEvent) -> None:
    now_s = time.time()
    seen.job_id = event.job_id
    if isinstance(event.body, ChunkText | PartialText):
        seen.first_text_s = seen.first_text_s or now_s
    if isinstance(event.body, ChunkText) and seen.chunk_texts_s is not None:
        seen.chunk_texts_s[event.body.chunk_index] = now_s


@asynccontextmanager
async def cancelled_afterwards(client: AsyncClient, audio: bytes, options: Options) -> AsyncIterator[str]:
    """A job that runs while the block does; yields its id."""
    job = await client.create_job(audio, options=options, filename="benchmark-long")
    try:
        yield job.id
    finally:
        try:
            await client.cancel(job.id)
        except SayItError as error:
            print(f"{job.id} is not cancelled: {error}")


async def until_idle(busy: Callable[[], float], *, limit_s: float = 60.0, every_s: float = 0.02) -> float:
    """Asks `busy()` (a number) until it is 0; seconds that took.

    Raises:
        TimeoutError: it never was.
    """
    began = time.monotonic()
    while await asyncio.to_thread(busy) > 0:
        if time.monotonic() - began > limit_s:
            raise TimeoutError("the transcribers did not become idle")
        await asyncio.sleep(every_s)
    return time.monotonic() - began
