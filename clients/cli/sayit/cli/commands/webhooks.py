# ruff: noqa: PLC0415 - what a command needs is imported inside it, so that `sayit --help` is quick
"""`sayit webhooks …`, for operators: with the scheduler's settings, on the machine that has its database."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sayit.cli import printer
from sayit.cli.commands.arguments import AsJson, Data, spread
from sayit.cli.exit_codes import Exit, Failure

if TYPE_CHECKING:
    from pathlib import Path

    from sayit.scheduler.db.webhooks import WebhookStore
    from sayit.scheduler.settings import SchedulerSettings

app = typer.Typer(
    no_args_is_help=True, help="Look after webhooks, with the scheduler's settings (SAYIT_WEBHOOK_SECRETS and others)."
)

Tenant = Annotated[str, typer.Option("--tenant", help="Whose webhooks.")]
_COLUMNS = ("id", "tenant", "job_id", "state", "attempts", "status", "due_s", "url", "detail")


def _settings(data: Path | None = None) -> SchedulerSettings:
    from sayit.scheduler.settings import SchedulerSettings

    settings = SchedulerSettings() if data is None else SchedulerSettings(data_dir=data)
    if not settings.secrets():
        raise Failure(Exit.USAGE, "SAYIT_WEBHOOK_SECRETS is not set.")
    return settings


@asynccontextmanager
async def _store(settings: SchedulerSettings) -> AsyncIterator[WebhookStore]:
    from sayit.cli import scheduler_database
    from sayit.scheduler.db.transactions import Rules
    from sayit.scheduler.db.webhooks import WebhookStore
    from sayit.scheduler.dispatch.order import choose

    async with scheduler_database.opened(settings) as database:
        yield WebhookStore(database, Rules(result_ttl_s=0.0, choose=choose))


@app.command("secret")
def secret(tenant: Tenant = "local") -> None:
    """Print what a tenant's receivers verify signatures with, one a line: the new one, then the old one."""
    from sayit.scheduler.webhooks.signatures import tenant_secret

    for one in _settings().secrets():
        print(tenant_secret(one, tenant))


@app.command("test")
def try_out(
    url: Annotated[str, typer.Argument(metavar="URL", help="The receiver.")],
    tenant: Tenant = "local",
) -> None:
    """Send a signed message of the type `test` to a receiver, from here, and print the status of its answer."""
    import asyncio

    from sayit.scheduler.outbound.destinations import RefusedError
    from sayit.scheduler.outbound.exchange import Exchange, NoAnswerError
    from sayit.scheduler.webhooks.signatures import signed_headers

    settings, now = _settings(), datetime.now(UTC)
    body = json.dumps({"type": "test", "timestamp": now.isoformat(), "data": {}})
    headers = signed_headers("msg_test", body, tenant=tenant, secrets=settings.secrets(), now_s=time.time())

    async def sent() -> int:
        exchange = Exchange(destinations=settings.destinations())
        async with asyncio.timeout(15.0), exchange.request("POST", url, headers, body.encode()) as answer:
            return answer.status

    try:
        status = asyncio.run(sent())
    except (RefusedError, NoAnswerError, TimeoutError) as error:
        raise Failure(Exit.FAILED, f"{url}: {str(error) or 'no answer within 15 s'}") from None
    print(status)
    if not 200 <= status < 300:
        raise Failure(Exit.FAILED, f"{url} answered {status}: a webhook would be sent again.")


@app.command("list")
@spread
def list_webhooks(
    data: Data,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List the newest messages of the last days: where they go and what came of them."""
    import asyncio

    async def newest() -> list[dict[str, Any]]:
        async with _store(_settings(data)) as store:
            return await store.newest(limit=limit)

    rows = asyncio.run(newest())
    if as_json:
        printer.as_json([{name: row[name] for name in (*_COLUMNS, "created_s")} for row in rows])
    else:
        titles = tuple(name.upper() for name in _COLUMNS if name != "due_s")
        printer.table(titles, [tuple(str(row[name]) for name in _COLUMNS if name != "due_s") for row in rows])


@app.command("replay")
@spread
def replay(message: Annotated[str, typer.Argument(metavar="ID", help="The message's id, msg_...")], data: Data) -> None:
    """Send a message again, from now on and under its id; a receiver that was gone gets messages again."""
    import asyncio

    async def replayed() -> bool:
        async with _store(_settings(data)) as store:
            return await store.replay(message)

    if not asyncio.run(replayed()):
        raise Failure(Exit.FAILED, f"There is no message {message}.")
    print(f"{message}: pending")
