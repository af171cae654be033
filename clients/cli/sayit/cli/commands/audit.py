# ruff: noqa: PLC0415 - the scheduler's code is imported where it is needed, so that `sayit --help` is quick
"""`sayit audit`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from sayit.cli.commands.arguments import Data, spread
from sayit.cli.exit_codes import failing


@spread
def audit(
    data: Data,
    days: Annotated[float, typer.Option("--days", min=0, help="Only what happened in so many days.")] = 1.0,
    tenant: Annotated[str, typer.Option("--tenant", help="Only what happened to this tenant's data.")] = "",
    keys_file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", envvar="SAYIT_API_KEYS_FILE", help="File of hashed keys.")
    ] = None,
) -> None:
    """Print who did what to which job, vocabulary, key or limit: a JSON object a line, the oldest first.

    It reads the scheduler's database, also while the suite runs, and the file of keys.
    """
    import asyncio

    since_s = datetime.now(UTC).timestamp() - days * 86_400

    async def printed() -> None:
        of_keys = [row for row in _of_keys(keys_file) if row["at_s"] >= since_s] if keys_file else []
        async for row in _stored(data, since_s):
            while of_keys and of_keys[0]["at_s"] <= row["at_s"]:
                _print(of_keys.pop(0), tenant)
            _print(row, tenant)
        for row in of_keys:
            _print(row, tenant)

    asyncio.run(printed())


def _print(row: dict[str, Any], tenant: str) -> None:
    if tenant in {"", row["tenant"]}:
        at = datetime.fromtimestamp(row["at_s"], UTC).isoformat(timespec="milliseconds")
        print(json.dumps({"at": at, **{name: row[name] for name in row if name != "at_s"}}, ensure_ascii=False))


async def _stored(data: Path, since_s: float) -> AsyncIterator[dict[str, Any]]:
    from sayit.cli import scheduler_database
    from sayit.scheduler.db.audit import AuditStore
    from sayit.scheduler.db.transactions import Rules
    from sayit.scheduler.dispatch.order import choose
    from sayit.scheduler.settings import SchedulerSettings

    async with scheduler_database.opened(SchedulerSettings(data_dir=data)) as database:
        store = AuditStore(database, Rules(result_ttl_s=0.0, choose=choose))
        after = (0.0, "")
        while page := await store.rows(since_s=since_s, after=after):
            for row in page:
                yield row
            after = (page[-1]["at_s"], page[-1]["id"])


def _of_keys(path: Path) -> Iterator[dict[str, Any]]:
    """What the file of keys says about itself, by time."""
    from sayit.gateway.auth import keys

    with failing(keys.KeysFileError):
        listed = keys.list_keys(path)
    found = [
        (datetime.fromisoformat(at).timestamp(), action, key)
        for key in listed
        for action, at in (("key.create", key.created), ("key.revoke", key.revoked))
        if at
    ]
    for at_s, action, key in sorted(found, key=lambda one: one[0]):
        detail = f"scopes={','.join(key.scopes)} expires={key.expires}" if action == "key.create" else ""
        row = {"id": "", "at_s": at_s, "tenant": key.tenant, "key_id": "operator", "action": action}
        yield row | {"subject": key.id, "detail": detail}
