"""`sayit jobs …`."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sayit.cli import printer
from sayit.cli.commands.arguments import AsJson, Labels, Subtitles, Suppressed, spread
from sayit.cli.connection import SuiteConnection
from sayit.cli.exit_codes import Exit, Failure
from sayit.cli.local_suite.suite_file import write
from sayit.cli.messages import LocalError, complain, language, note
from sayit.cli.overrides import labels
from sayit.cli.transcription.display import clock
from sayit.cli.transcription.live_transcript import LiveTranscript
from sayit.cli.transcription.outputs import formats_of
from sayit.speech.errors import SayItError
from sayit.speech.jobs import Completed, Failed, JobError, JobEvent, JobState, Progress, StateChanged
from sayit.speech.rendering import Format

if TYPE_CHECKING:
    from sayit.client import AsyncClient

app = typer.Typer(no_args_is_help=True, help="Look after jobs.")

JobId = Annotated[str, typer.Argument(metavar="JOB", help="The job's id.", show_default=False)]
JobIds = Annotated[list[str], typer.Argument(metavar="JOB", help="Ids of jobs.", show_default=False)]


@app.command("list")
@spread
def list_jobs(
    connection: SuiteConnection,
    label: Labels,
    state: Annotated[list[JobState] | None, typer.Option("--state", help="Only these states; may be repeated.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Most jobs to list.")] = 50,
    text: Annotated[
        str, typer.Option("--text", metavar="WORDS", help="Only jobs whose transcript has all of these words.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """List your jobs, newest first."""
    wanted = labels(label)
    found = connection.call(lambda client: client.list(states=state or (), limit=limit, labels=wanted, text=text))
    printer.table_or_json(
        found,
        ("JOB", "STATE", "CREATED", "AUDIO", "DONE", "LANGUAGE", "MODEL", "FILE"),
        lambda job: (
            job.id,
            str(job.state),
            printer.moment(job.created_at_s),
            printer.seconds(job.progress.audio_total_s),
            _percentage(job.progress),
            job.options.language,
            job.model or "-",
            job.filename or "-",
        ),
        as_json=as_json,
    )


@app.command("show")
@spread
def show(job: JobId, connection: SuiteConnection, as_json: AsJson = False) -> None:
    """Show one job."""
    found = connection.call(lambda client: client.get(job))
    if as_json:
        printer.as_json(found)
        return
    fields = {
        "job": found.id,
        "state": str(found.state),
        "file": found.filename or "-",
        "language": found.options.language,
        "task": str(found.options.task),
        "model": found.model or "-",
        "audio": printer.seconds(found.progress.audio_total_s),
        "done": _percentage(found.progress),
        "created": printer.moment(found.created_at_s),
        "started": printer.moment(found.started_at_s),
        "finished": printer.moment(found.finished_at_s),
        "expires": printer.moment(found.expires_at_s),
        "from cache": "yes" if found.cached else "no",
        "warnings": ", ".join(found.warnings) or "-",
        "labels": ", ".join(f"{name}={value}" for name, value in found.labels.items()) or "-",
    }
    if found.error is not None:
        fields["error"] = _sentence(found.error)
    for name, value in fields.items():
        print(f"{name:10}  {value}")


@app.command("watch")
@spread
def watch(
    job: JobId,
    connection: SuiteConnection,
    after: Annotated[int, typer.Option("--after", min=0, help="Number of the last event you have seen.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print every event as one line of JSON.")] = False,
) -> None:
    """Follow a job until it ends; exit status 1 if it fails or is cancelled."""
    live_transcript = LiveTranscript()

    def plainly(event: JobEvent) -> None:
        body = event.body
        piece = live_transcript.take(body)
        if piece is not None:
            print(f"{clock(piece.start_s):>7}  {piece.text}", flush=True)
        elif isinstance(body, Failed):
            note(f"{job}: {_sentence(body.error)}")
        elif isinstance(body, StateChanged):
            note(f"{job}: {body.state}")

    def as_line(event: JobEvent) -> None:
        kind = type(event.body).__name__
        printer.json_line({"seq": event.seq, "time_s": event.time_s, "type": kind, "body": event.body})

    async def work(client: AsyncClient) -> bool:
        completed = False
        async for event in client.watch(job, after_seq=after):
            (as_line if as_json else plainly)(event)
            completed = completed or isinstance(event.body, Completed)
        # Without it: nothing after `after`, or an end without a transcript.
        return completed or (await client.get(job)).state is JobState.COMPLETED

    raise typer.Exit(Exit.OK if connection.call(work) else Exit.FAILED)


@app.command("cancel")
@spread
def cancel(ids: JobIds, connection: SuiteConnection) -> None:
    """Cancel jobs; one that has ended stays as it is."""

    async def one(client: AsyncClient, job_id: str) -> str:
        return str((await client.cancel(job_id)).state)

    _each(connection, ids, one)


@app.command("delete")
@spread
def delete(ids: JobIds, connection: SuiteConnection) -> None:
    """Delete jobs with their audio and text; a running one is cancelled first."""

    async def one(client: AsyncClient, job_id: str) -> str:
        await client.delete(job_id)
        return "deleted"

    _each(connection, ids, one)


@app.command("share")
@spread
def share(
    job: JobId,
    connection: SuiteConnection,
    days: Annotated[float, typer.Option("--days", max=90, help="For how many days the link is valid.")] = 7,
    as_json: AsJson = False,
) -> None:
    """Make a link that shows a finished job to people without a key: transcript, audio and downloads.

    The job is kept at least until the link ends. Its token is said once.
    """
    made = connection.call(lambda client: client.share(job, valid_for_s=days * 86_400))
    if as_json:
        printer.as_json(made)
        return
    note(f"{made.link.id}: {printer.moment(made.link.expires_at_s)}")
    print(f"/shared#{made.token}")


@app.command("links")
@spread
def links(job: JobId, connection: SuiteConnection, as_json: AsJson = False) -> None:
    """List a job's links that have not ended."""
    found = connection.call(lambda client: client.share_links(job))
    printer.table_or_json(
        found,
        ("LINK", "CREATED", "EXPIRES", "LAST USED"),
        lambda link: (link.id, *map(printer.moment, (link.created_at_s, link.expires_at_s, link.last_used_at_s))),
        as_json=as_json,
    )


@app.command("unshare")
@spread
def unshare(
    job: JobId,
    ids: Annotated[list[str], typer.Argument(metavar="LINK", help="Ids of links.", show_default=False)],
    connection: SuiteConnection,
) -> None:
    """Revoke links: they show nothing from then on."""

    async def work(client: AsyncClient) -> None:
        for link in ids:
            await client.revoke_share_link(job, link)
            print(f"{link}: revoked")

    connection.call(work)


@app.command("transcript")
@spread
def transcript(
    job: JobId,
    connection: SuiteConnection,
    subtitles: Subtitles,
    form: Annotated[
        Format | None,
        typer.Option("--format", "-f", help="Form of the result.", show_default="the ending of --output, else txt"),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write it there.", show_default="standard output"),
    ] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="As the model wrote it, without formatting and masks that the job asked for.")
    ] = False,
    suppressed: Suppressed = False,
) -> None:
    """Print a finished job's transcript."""
    form = form or formats_of([], output)[0]
    if form.is_document and output is None and sys.stdout.isatty():
        raise Failure(Exit.USAGE, f"{form} is no text for a terminal: --output FILE")
    content = connection.call(
        lambda client: client.render_bytes(job, form, raw=raw, suppressed=suppressed, style=subtitles.style())
    )
    if not form.is_document and content and not content.endswith(b"\n"):
        content += b"\n"
    if output is None:
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
        return
    try:
        write(Path(output), content, mode=0o644)
    except OSError as error:
        raise LocalError("NOT_WRITTEN", path=output, cause=error.strerror) from error


def _each(connection: SuiteConnection, ids: list[str], one: Callable[[AsyncClient, str], Awaitable[str]]) -> None:
    """Does it to each job, says what became of it, and ends the command."""

    async def work(client: AsyncClient) -> Exit:
        status = Exit.OK
        for job_id in ids:
            try:
                print(f"{job_id}: {await one(client, job_id)}")
            except SayItError as error:
                complain(job_id, error)
                status = Exit.FAILED
        return status

    raise typer.Exit(connection.call(work))


def _percentage(progress: Progress) -> str:
    return "-" if progress.fraction is None else f"{progress.fraction:.0%}"


def _sentence(error: JobError) -> str:
    return f"{error.message_ko if language() == 'ko' else error.message_en} [{error.code}]"
