"""What the `sayit jobs` commands do with a suite."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from sayit.cli import printing
from sayit.cli.connection import Connection
from sayit.cli.exits import Exit
from sayit.cli.suite.ready import write
from sayit.cli.transcribing.display import clock
from sayit.cli.transcribing.sofar import SoFar
from sayit.cli.wording import LocalError, complain, language, note
from sayit.client import AsyncClient
from sayit.speech.errors import SayItError
from sayit.speech.jobs import Completed, Failed, Job, JobEvent, JobState, Progress, StateChanged
from sayit.speech.rendering import Format


def show_list(connection: Connection, states: Sequence[JobState], limit: int, *, as_json: bool) -> None:
    """Prints the newest jobs."""

    async def work(client: AsyncClient) -> list[Job]:
        return list(await client.list(states=tuple(states), limit=limit))

    found = connection.call(work)
    if as_json:
        printing.as_json(found)
        return
    printing.table(
        ("JOB", "STATE", "CREATED", "AUDIO", "DONE", "LANGUAGE", "MODEL", "FILE"),
        (
            (
                job.id,
                str(job.state),
                printing.moment(job.created_at_s),
                printing.seconds(job.progress.audio_total_s),
                _percentage(job.progress),
                job.options.language,
                job.model or "-",
                job.filename or "-",
            )
            for job in found
        ),
    )


def show_one(connection: Connection, job_id: str, *, as_json: bool) -> None:
    """Prints one job."""
    job = connection.call(lambda client: client.get(job_id))
    if as_json:
        printing.as_json(job)
        return
    fields = {
        "job": job.id,
        "state": str(job.state),
        "file": job.filename or "-",
        "language": job.options.language,
        "task": str(job.options.task),
        "model": job.model or "-",
        "audio": printing.seconds(job.progress.audio_total_s),
        "done": _percentage(job.progress),
        "created": printing.moment(job.created_at_s),
        "started": printing.moment(job.started_at_s),
        "finished": printing.moment(job.finished_at_s),
        "expires": printing.moment(job.expires_at_s),
        "from cache": "yes" if job.cached else "no",
        "warnings": ", ".join(job.warnings) or "-",
    }
    if job.error is not None:
        sentence = job.error.message_ko if language() == "ko" else job.error.message_en
        fields["error"] = f"{sentence} [{job.error.code}]"
    for name, value in fields.items():
        print(f"{name:10}  {value}")


def watch(connection: Connection, job_id: str, after: int, *, as_json: bool) -> Exit:
    """Prints a job's events as they come."""
    so_far = SoFar()
    end: list[JobState] = []

    def plainly(event: JobEvent) -> None:
        body = event.body
        piece = so_far.take(body)
        if piece is not None:
            print(f"{clock(piece.start_s):>7}  {piece.text}", flush=True)
        elif isinstance(body, Failed):
            sentence = body.error.message_ko if language() == "ko" else body.error.message_en
            note(f"{job_id}: {sentence} [{body.error.code}]")
        elif isinstance(body, StateChanged):
            note(f"{job_id}: {body.state}")

    def as_line(event: JobEvent) -> None:
        printing.json_line(
            {
                "seq": event.seq,
                "time_s": event.time_s,
                "type": type(event.body).__name__,
                "body": event.body,
            }
        )

    async def work(client: AsyncClient) -> None:
        async for event in client.watch(job_id, after_seq=after):
            (as_line if as_json else plainly)(event)
            if isinstance(event.body, Completed):
                end.append(JobState.COMPLETED)
        if not end:  # nothing after `after`, or an end without a transcript
            end.append((await client.get(job_id)).state)

    connection.call(work)
    return Exit.OK if end[-1] is JobState.COMPLETED else Exit.FAILED


def cancel(connection: Connection, ids: Sequence[str]) -> Exit:
    """Cancels jobs and prints what became of them."""

    async def one(client: AsyncClient, job_id: str) -> str:
        return str((await client.cancel(job_id)).state)

    return _each(connection, ids, one)


def delete(connection: Connection, ids: Sequence[str]) -> Exit:
    """Deletes jobs."""

    async def one(client: AsyncClient, job_id: str) -> str:
        await client.delete(job_id)
        return "deleted"

    return _each(connection, ids, one)


def transcript(connection: Connection, job_id: str, form: Format, output: str | None, *, raw: bool) -> None:
    """Prints or writes a transcript; raw, as the model wrote it.

    Raises:
        LocalError: it cannot be written.
    """
    text = connection.call(lambda client: client.render(job_id, form, raw=raw))
    if output is None:
        sys.stdout.write(text if text.endswith("\n") or not text else text + "\n")
        return
    try:
        write(Path(output), text, mode=0o644)
    except OSError as error:
        raise LocalError("NOT_WRITTEN", path=output) from error


def _each(connection: Connection, ids: Sequence[str], one: Callable[[AsyncClient, str], Awaitable[str]]) -> Exit:
    async def work(client: AsyncClient) -> Exit:
        status = Exit.OK
        for job_id in ids:
            try:
                print(f"{job_id}: {await one(client, job_id)}")
            except SayItError as error:
                complain(job_id, error)
                status = Exit.FAILED
        return status

    return connection.call(work)


def _percentage(progress: Progress) -> str:
    return "-" if progress.fraction is None else f"{progress.fraction:.0%}"
