"""`sayit admin ...`: an installation in its operator's eyes, by a key with the scope admin."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from sayit.cli import printer
from sayit.cli.commands.arguments import AsJson, spread
from sayit.cli.connection import SuiteConnection
from sayit.cli.exit_codes import Exit, Failure
from sayit.speech.administration import LegalHold, OwnedJob, UsageGroup
from sayit.speech.jobs import JobState

app = typer.Typer(
    no_args_is_help=True,
    help="Look after an installation: usage, queue, workers, all tenants' jobs, limits, settings, webhooks, audit.",
)

Job = Annotated[str, typer.Argument(metavar="ID", help="The job's id.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=1000, help="At most so many.")]
OfTenant = Annotated[str, typer.Option("--tenant", help="Only this tenant's.")]
_DAY_S = 86_400.0


@app.command("usage")
@spread
def usage(
    connection: SuiteConnection,
    days: Annotated[float, typer.Option("--days", min=0, help="How many days back.")] = 30.0,
    by: Annotated[
        list[UsageGroup] | None,
        typer.Option("--by", help="What rows are told apart by; several times. Default: day, tenant and key."),
    ] = None,
    tenant: OfTenant = "",
    as_json: AsJson = False,
) -> None:
    """Show what ended jobs used: audio, jobs, errors, and the time to the transcript, by day, tenant, key and model."""
    groups = by or [UsageGroup.DAY, UsageGroup.TENANT, UsageGroup.KEY]
    offset_minutes = (time.localtime().tm_gmtoff or 0) // 60
    report = connection.call(
        lambda client: client.admin.usage(
            groups, since_s=time.time() - days * _DAY_S, tenant=tenant, utc_offset_minutes=offset_minutes
        )
    )
    if as_json:
        printer.as_json(report)
        return
    if not report.kept_days:
        raise Failure(Exit.FAILED, "This installation keeps no usage: SAYIT_USAGE_DAYS is 0.")
    shown = [group for group in UsageGroup if group in groups]
    printer.table(
        (*(str(group).upper() for group in shown), *_USAGE_HEAD),
        (
            (
                *(getattr(row, _FIELDS[group]) for group in shown),
                *map(str, (row.jobs, row.completed, row.cached, row.failed, row.cancelled)),
                f"{row.audio_s / 60:.1f} min",
                *map(printer.seconds, (row.median_s, row.p95_s)),
            )
            for row in report.rows
        ),
    )
    if report.errors:
        print()
        printer.table(("ERROR", "JOBS"), ((one.code, str(one.jobs)) for one in report.errors))


_FIELDS = {UsageGroup.DAY: "day", UsageGroup.TENANT: "tenant", UsageGroup.KEY: "key_id", UsageGroup.MODEL: "model"}
_USAGE_HEAD = ("JOBS", "COMPLETED", "CACHED", "FAILED", "CANCELLED", "AUDIO", "MEDIAN", "P95")


@app.command("queue")
@spread
def queue(connection: SuiteConnection, as_json: AsJson = False) -> None:
    """Show what there is to do: chunks and audio without a text, and how long the oldest chunk waits."""
    found = connection.call(lambda client: client.admin.queue())
    if as_json:
        printer.as_json(found)
        return
    printer.table(("MODEL", "JOBS", ""), ((one.model, one.state, str(one.jobs)) for one in found.jobs))
    printer.table(
        ("MODEL", "LANE", "CHUNKS", "", "AUDIO"),
        ((one.model, one.lane, one.state, str(one.chunks), printer.seconds(one.audio_s)) for one in found.chunks),
    )
    printer.table(
        ("MODEL", "OLDEST", "NOT CUT YET"),
        ((one.model, printer.seconds(one.oldest_s), printer.seconds(one.uncut_s)) for one in found.models),
    )


@app.command("workers")
@spread
def workers(connection: SuiteConnection, as_json: AsJson = False) -> None:
    """List the transcribers that answer: their model, how much they hold, how fast they are."""
    status = connection.call(lambda client: client.status())
    printer.table_or_json(
        status.transcribers,
        ("TRANSCRIBER", "MODEL", "BUSY", "SLOTS", "SPEED"),
        lambda one: (one.id, one.model, str(one.busy), str(one.slots), f"{one.speed:.1f} ×" if one.speed else "-"),
        as_json=as_json,
    )


@app.command("jobs")
@spread
def jobs(
    connection: SuiteConnection,
    state: Annotated[list[JobState] | None, typer.Option("--state", help="Only in this state; several times.")] = None,
    tenant: OfTenant = "",
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List the jobs of all tenants, the newest first."""
    found, _ = connection.call(lambda client: client.admin.jobs(state or (), tenant=tenant, page_size=limit))
    printer.table_or_json(found, _JOB_HEAD, _job_row, as_json=as_json)


@app.command("cancel")
@spread
def cancel(connection: SuiteConnection, job: Job, as_json: AsJson = False) -> None:
    """Cancel a job of any tenant."""
    found = connection.call(lambda client: client.admin.cancel(job))
    printer.table_or_json([found], _JOB_HEAD, _job_row, as_json=as_json)


@app.command("retry")
@spread
def retry(connection: SuiteConnection, job: Job, as_json: AsJson = False) -> None:
    """Make a new job of an ended one: the same audio and options, for its owner; again, it is the one made before."""
    found = connection.call(lambda client: client.admin.retry(job))
    printer.table_or_json([found], _JOB_HEAD, _job_row, as_json=as_json)


_JOB_HEAD = ("JOB", "TENANT", "KEY", "STATE", "MODEL", "CREATED", "AUDIO", "ERROR")


def _job_row(one: OwnedJob) -> tuple[str, ...]:
    job = one.job
    return (
        *(job.id, one.tenant, one.key_id, str(job.state), job.model, printer.moment(job.created_at_s)),
        printer.seconds(job.progress.audio_total_s),
        job.error.code if job.error else "",
    )


@app.command("limits")
@spread
def limits(connection: SuiteConnection, as_json: AsJson = False) -> None:
    """Show the bounds of the installation and of the gateway that answers, and how much of each is used."""
    found = connection.call(lambda client: client.admin.limits())
    printer.table_or_json(
        found,
        ("LIMIT", "TENANT", "USED", "MOST"),
        lambda one: (one.name, one.tenant or "-", f"{one.used:g}", f"{one.most:g}" if one.most else "-"),
        as_json=as_json,
    )


@app.command("settings")
@spread
def settings(connection: SuiteConnection, as_json: AsJson = False) -> None:
    """Show the settings in force, without secrets, of the gateway and the scheduler that answer."""
    found = connection.call(lambda client: client.admin.settings())
    printer.table_or_json(
        found,
        ("PROCESS", "VARIABLE", "VALUE", "FROM", "CHANGE"),
        lambda one: (one.process, one.name, one.value or "-", one.source, "live" if one.reloadable else "restart"),
        as_json=as_json,
    )


@app.command("webhooks")
@spread
def webhooks(connection: SuiteConnection, limit: Limit = 50, as_json: AsJson = False) -> None:
    """List the newest webhook messages: where they go and what came of them."""
    found = connection.call(lambda client: client.admin.webhooks(limit))
    printer.table_or_json(
        found,
        ("ID", "TENANT", "JOB", "STATE", "ATTEMPTS", "STATUS", "URL", "DETAIL"),
        lambda one: (
            *(one.id, one.tenant, one.job_id, one.state, str(one.attempts), str(one.status), one.url, one.detail),
        ),
        as_json=as_json,
    )


@app.command("audit")
@spread
def audit(connection: SuiteConnection, tenant: OfTenant = "", limit: Limit = 50, as_json: AsJson = False) -> None:
    """List the newest rows of the audit log, the newest first: who did what."""
    found = connection.call(lambda client: client.admin.audit(tenant=tenant, limit=limit))
    printer.table_or_json(
        found,
        ("AT", "TENANT", "KEY", "ACTION", "SUBJECT", "DETAIL"),
        lambda one: (printer.moment(one.at_s), one.tenant, one.key_id, one.action, one.subject, one.detail),
        as_json=as_json,
    )


HeldJob = Annotated[str, typer.Option("--job", metavar="ID", help="A job, of any tenant.")]
HeldTenant = Annotated[str, typer.Option("--tenant", help="All jobs and uploads of a tenant.")]
_HOLD_HEAD = ("TENANT", "JOB", "SINCE", "BY", "REASON")


@app.command("holds")
@spread
def holds(connection: SuiteConnection, as_json: AsJson = False) -> None:
    """List legal holds: what no client can delete, and what does not expire."""
    found = connection.call(lambda client: client.admin.holds())
    printer.table_or_json(found, _HOLD_HEAD, _hold_row, as_json=as_json)


@app.command("hold")
@spread
def hold(
    connection: SuiteConnection,
    job: HeldJob = "",
    tenant: HeldTenant = "",
    reason: Annotated[str, typer.Option("--reason", help="Why, for the list and the audit log.")] = "",
    as_json: AsJson = False,
) -> None:
    """Keep a job, or all of a tenant, from being deleted by its owner or by age, until it is released."""
    found = connection.call(lambda client: client.admin.hold(job_id=job, tenant=tenant, reason=reason))
    printer.table_or_json([found], _HOLD_HEAD, _hold_row, as_json=as_json)


@app.command("release")
@spread
def release(connection: SuiteConnection, job: HeldJob = "", tenant: HeldTenant = "") -> None:
    """End a legal hold; what is due to be deleted goes then."""
    if not connection.call(lambda client: client.admin.release(job_id=job, tenant=tenant)):
        raise Failure(Exit.FAILED, "There is no such hold.")


def _hold_row(one: LegalHold) -> tuple[str, ...]:
    return (one.tenant, one.job_id or "-", printer.moment(one.created_at_s), one.key_id, one.reason)
