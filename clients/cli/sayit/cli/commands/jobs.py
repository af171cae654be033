# ruff: noqa: PLC0415 - what a command needs is imported inside it, so that `sayit --help` is quick
"""`sayit jobs …`."""

from __future__ import annotations

from typing import Annotated

import typer

from sayit.cli.commands.arguments import ApiKey, AsJson, JobId, JobIds, Roots, Server
from sayit.speech.jobs import JobState
from sayit.speech.rendering import Format

app = typer.Typer(no_args_is_help=True, help="Look after jobs.")


@app.command("list")
def list_jobs(
    state: Annotated[list[JobState] | None, typer.Option("--state", help="Only these states; may be repeated.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Most jobs to list.")] = 50,
    as_json: AsJson = False,
    server: Server = "",
    api_key: ApiKey = "",
    root_certificates: Roots = None,
) -> None:
    """List your jobs, newest first."""
    from sayit.cli import jobs
    from sayit.cli.connection import Connection

    connection = Connection(server=server, api_key=api_key, root_certificates=root_certificates)
    jobs.show_list(connection, tuple(state or ()), limit, as_json=as_json)


@app.command("show")
def show(
    job: JobId, as_json: AsJson = False, server: Server = "", api_key: ApiKey = "", root_certificates: Roots = None
) -> None:
    """Show one job."""
    from sayit.cli import jobs
    from sayit.cli.connection import Connection

    connection = Connection(server=server, api_key=api_key, root_certificates=root_certificates)
    jobs.show_one(connection, job, as_json=as_json)


@app.command("watch")
def watch(
    job: JobId,
    after: Annotated[int, typer.Option("--after", min=0, help="Number of the last event you have seen.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print every event as one line of JSON.")] = False,
    server: Server = "",
    api_key: ApiKey = "",
    root_certificates: Roots = None,
) -> None:
    """Follow a job until it ends; exit status 1 if it fails or is cancelled."""
    from sayit.cli import jobs
    from sayit.cli.connection import Connection

    connection = Connection(server=server, api_key=api_key, root_certificates=root_certificates)
    raise typer.Exit(jobs.watch(connection, job, after, as_json=as_json))


@app.command("cancel")
def cancel(ids: JobIds, server: Server = "", api_key: ApiKey = "", root_certificates: Roots = None) -> None:
    """Cancel jobs; one that has ended stays as it is."""
    from sayit.cli import jobs
    from sayit.cli.connection import Connection

    connection = Connection(server=server, api_key=api_key, root_certificates=root_certificates)
    raise typer.Exit(jobs.cancel(connection, ids))


@app.command("delete")
def delete(ids: JobIds, server: Server = "", api_key: ApiKey = "", root_certificates: Roots = None) -> None:
    """Delete jobs with their audio and text; a running one is cancelled first."""
    from sayit.cli import jobs
    from sayit.cli.connection import Connection

    connection = Connection(server=server, api_key=api_key, root_certificates=root_certificates)
    raise typer.Exit(jobs.delete(connection, ids))


@app.command("transcript")
def transcript(
    job: JobId,
    form: Annotated[Format, typer.Option("--format", "-f", help="Form of the result.")] = Format.TXT,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write it there.", show_default="standard output"),
    ] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="As the model wrote it, without formatting and masks that the job asked for.")
    ] = False,
    server: Server = "",
    api_key: ApiKey = "",
    root_certificates: Roots = None,
) -> None:
    """Print a finished job's transcript."""
    from sayit.cli import jobs
    from sayit.cli.connection import Connection

    connection = Connection(server=server, api_key=api_key, root_certificates=root_certificates)
    jobs.transcript(connection, job, form, output, raw=raw)
