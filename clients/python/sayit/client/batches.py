"""Several recordings: so many at once, each with an outcome of its own."""

from __future__ import annotations

import asyncio
import functools
import itertools
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from dataclasses import dataclass

from sayit.client.audio_sources import Audio
from sayit.speech.errors import SayItError
from sayit.speech.jobs import JobEvent, Result


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one recording: a result or an error."""

    #: Its place among the recordings, from 0.
    index: int
    audio: Audio
    result: Result | None = None
    error: SayItError | OSError | None = None


#: Transcribes one recording, and calls the listener with its events.
Transcribe = Callable[[Audio, Callable[[JobEvent], object] | None], Awaitable[Result]]


async def outcomes(
    transcribe: Transcribe,
    audios: Iterable[Audio],
    at_once: int,
    on_event: Callable[[int, JobEvent], object] | None,
) -> AsyncGenerator[Outcome, None]:
    """The outcomes as they come; recordings are taken from the iterable when there is room for them."""
    numbered = enumerate(audios)
    running: set[asyncio.Task[Outcome]] = set()

    async def one(index: int, audio: Audio) -> Outcome:
        listener = functools.partial(on_event, index) if on_event else None
        try:
            return Outcome(index=index, audio=audio, result=await transcribe(audio, listener))
        except (SayItError, OSError) as error:
            return Outcome(index=index, audio=audio, error=error)

    try:
        while True:
            room = itertools.islice(numbered, at_once - len(running))
            running |= {asyncio.create_task(one(index, audio)) for index, audio in room}
            if not running:
                return
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                yield task.result()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
