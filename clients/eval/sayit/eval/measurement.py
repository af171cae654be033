"""Transcribes labelled recordings on a suite and keeps the results."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sayit.cli import interrupt
from sayit.cli.messages import LocalError
from sayit.client import AsyncClient
from sayit.eval.labels import Label
from sayit.speech.errors import SayItError
from sayit.speech.jobs import ChunkText, JobEvent, Refinement
from sayit.speech.options import Options
from sayit.speech.transcript import Segment, Span, Transcript

#: Why there is no transcript.
Problem = SayItError | LocalError


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A suite's result for a recording."""

    transcript: Transcript
    #: Seconds from sending it until its transcript was there.
    wall_s: float
    #: From the end of one chunk's text to the beginning of the next one's; None for an answer from the cache.
    boundaries: tuple[Span, ...] | None


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One run on all recordings."""

    #: In the order of the labels; the error where there is no transcript.
    readings: tuple[Reading | Problem, ...]
    #: Seconds for all of them.
    wall_s: float


async def measure(
    client: AsyncClient,
    labels: Sequence[Label],
    options: Options,
    *,
    language: str,
    at_once: int,
    done: Callable[[Label, Reading | Problem], None],
) -> Measured:
    """Transcribes all recordings, `at_once` at a time.

    Args:
        client: of the suite.
        labels: the recordings.
        options: how; their language is replaced.
        language: a code or AUTO for all recordings; empty asks for each label's own.
        at_once: jobs in the suite at a time.
        done: called with each one as it ends.
    """
    gate = asyncio.Semaphore(at_once)

    async def one(label: Label) -> Reading | Problem:
        async with gate:
            asked = dataclasses.replace(options, language=language or label.language)
            try:
                reading: Reading | Problem = await _read(client, label, asked)
            except SayItError as error:
                reading = error
            except OSError:
                reading = LocalError("FILE_UNREADABLE")
            done(label, reading)
            return reading

    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(label)) for label in labels]
    return Measured(readings=tuple(task.result() for task in tasks), wall_s=time.monotonic() - began)


async def _read(client: AsyncClient, label: Label, options: Options) -> Reading:
    texts: dict[int, tuple[Segment, ...]] = {}

    def on_event(event: JobEvent) -> None:
        match event.body:
            case ChunkText(chunk_index=index, segments=segments):
                texts[index] = segments
            case Refinement(chunk_indexes=(index,), segments=segments):
                texts[index] = segments

    began = time.monotonic()
    job = await client.create_job(label.audio, options=options)
    async with interrupt.cancelling(client, job.id):
        result = await client.wait(job.id, on_event=on_event)
    boundaries = None if result.job.cached else boundaries_between([texts[index] for index in sorted(texts)])
    return Reading(transcript=result.transcript, wall_s=time.monotonic() - began, boundaries=boundaries)


def boundaries_between(chunks: Sequence[tuple[Segment, ...]]) -> tuple[Span, ...]:
    """From the end of each chunk's text to the beginning of the next one's; chunks without text are passed over."""
    spoken = [segments for segments in chunks if segments]
    return tuple(
        Span(
            start_s=min(before[-1].end_s, after[0].start_s),
            end_s=max(before[-1].end_s, after[0].start_s),
        )
        for before, after in pairwise(spoken)
    )
