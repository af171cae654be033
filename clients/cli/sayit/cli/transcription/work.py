"""Sends the inputs, reads their jobs' events, writes the results."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sayit.cli import interrupt
from sayit.cli.exit_codes import Exit
from sayit.cli.messages import LocalError, error_line, is_unavailability
from sayit.cli.transcription.display import Display
from sayit.cli.transcription.inputs import Input
from sayit.cli.transcription.outputs import Form, Outputs
from sayit.client import AsyncClient
from sayit.speech.errors import SayItError
from sayit.speech.jobs import Result
from sayit.speech.options import Options
from sayit.speech.rendering import Format

#: Files that are sent at once; the suite shares its transcribers between them.
_AT_ONCE = 4


@dataclass(frozen=True, kw_only=True)
class Work:
    """One call's work."""

    inputs: Sequence[Input]
    options: Options
    #: Of every job.
    labels: Mapping[str, str] = field(default_factory=dict)
    #: Where the end of every job is told, if the suite sends webhooks; empty for nowhere.
    callback_url: str = ""
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
        result = await _result(client, work, index)
        documents, failure = await _documents(client, work.outputs.form, result.job.id)
        if failure is None:
            work.display.done(index, result.transcript)
        work.outputs.put(index, result.transcript, documents)
        if failure is not None:
            raise failure
    except (SayItError, LocalError) as error:
        work.display.failed(index, error_line(shown, error))
        if not isinstance(error, LocalError) or error.code != "NOT_WRITTEN":
            work.outputs.put(index, error)
        return Exit.UNAVAILABLE if is_unavailability(error) else Exit.FAILED
    return Exit.OK


async def _documents(client: AsyncClient, form: Form, job_id: str) -> tuple[dict[Format, bytes], SayItError | None]:
    """The documents that are asked for, and why one of them could not be made."""
    made: dict[Format, bytes] = {}
    failure = None
    for one in (each for each in form.formats if each.is_document):
        try:
            made[one] = await client.render_bytes(job_id, one, suppressed=form.suppressed)
        except SayItError as error:
            failure = error
    return made, failure


async def _result(client: AsyncClient, work: Work, index: int) -> Result:
    one = work.inputs[index]
    create = functools.partial(
        client.create_job_from_url if one.url else client.create_job,
        options=work.options,
        filename=one.filename,
        labels=work.labels,
        callback_url=work.callback_url,
    )
    try:
        job = await create(one.url or one.audio())
    except OSError as error:
        raise LocalError("FILE_UNREADABLE") from error
    async with interrupt.cancelling(client, job.id):
        return await client.wait(job.id, on_event=lambda event: work.display.event(index, event.body))
