"""Sends the inputs, reads their jobs' events, writes the results."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sayit.cli import interrupt
from sayit.cli.exit_codes import Exit
from sayit.cli.messages import LocalError, error_line, is_unavailability
from sayit.cli.transcription.display import Display
from sayit.cli.transcription.inputs import Input
from sayit.cli.transcription.outputs import Outputs
from sayit.client import AsyncClient
from sayit.speech.errors import SayItError
from sayit.speech.options import Options
from sayit.speech.transcript import Transcript

#: Files that are sent at once; the suite shares its transcribers between them.
_AT_ONCE = 4


@dataclass(frozen=True, kw_only=True)
class Work:
    """One call's work."""

    inputs: Sequence[Input]
    options: Options
    #: Of every job.
    labels: Mapping[str, str] = field(default_factory=dict)
    outputs: Outputs
    display: Display


async def transcribe_all(client: AsyncClient, work: Work) -> Exit:
    """Transcribes all inputs, a few at once; one that fails does not stop the others.

    Cancelled, it cancels the jobs that it started.
    """
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(index: int) -> Exit:
        async with gate:
            return await _one(client, work, index)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(index)) for index in range(len(work.inputs))]
    return max(task.result() for task in tasks)


async def _one(client: AsyncClient, work: Work, index: int) -> Exit:
    shown = work.inputs[index].shown
    try:
        work.inputs[index].check()
        work.display.begin(index)
        transcript = await _transcript(client, work, index)
        work.display.done(index, transcript)
        work.outputs.put(index, transcript)
    except (SayItError, LocalError) as error:
        work.display.failed(index, error_line(shown, error))
        if not isinstance(error, LocalError) or error.code != "NOT_WRITTEN":
            work.outputs.put(index, error)
        return Exit.UNAVAILABLE if is_unavailability(error) else Exit.FAILED
    return Exit.OK


async def _transcript(client: AsyncClient, work: Work, index: int) -> Transcript:
    one = work.inputs[index]
    try:
        job = await client.create_job(one.audio(), options=work.options, filename=one.filename, labels=work.labels)
    except OSError as error:
        raise LocalError("FILE_UNREADABLE") from error
    async with interrupt.cancelling(client, job.id):
        result = await client.wait(job.id, on_event=lambda event: work.display.event(index, event.body))
    return result.transcript
