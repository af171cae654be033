"""`sayit audit`."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from sayit.cli.application import app
from sayit.gateway.auth.keys import create_key, revoke_key
from sayit.scheduler.db.audit import record
from sayit.scheduler.db.engine import database_at
from sayit.scheduler.db.schema import metadata
from sayit.scheduler.db.transactions import Rules
from sayit.scheduler.dispatch.order import choose


def printed(*arguments: str) -> list[dict[str, Any]]:
    """What the command prints."""
    result = CliRunner().invoke(app, ["audit", *arguments])
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_the_log_is_printed_with_what_became_of_keys(tmp_path: Path) -> None:
    """By time, all of it or one tenant's; what is older than asked for is left out."""
    keys = tmp_path / "keys.json"
    key, _ = create_key(keys, tenant="alice", scopes=("read",))
    database = database_at(f"sqlite:///{tmp_path / 'sayit.db'}")
    rules = Rules(result_ttl_s=1.0, choose=choose, audit_s=60.0)

    async def fill() -> None:
        await database.write(metadata.create_all)
        for tenant in ("alice", "bob"):
            await database.write(lambda c, t=tenant: record(c, rules, "job.create", tenant=t, subject=f"of-{t}"))
        await database.close()

    asyncio.run(fill())
    revoke_key(keys, key.id)
    rows = printed("--data", str(tmp_path), "--file", str(keys))
    assert {(row["action"], row["subject"]) for row in rows} == {
        *(("key.create", key.id), ("key.revoke", key.id), ("job.create", "of-alice"), ("job.create", "of-bob"))
    }
    assert rows == sorted(rows, key=lambda row: row["at"])
    assert next(row["detail"] for row in rows if row["action"] == "key.create").startswith("scopes=read")
    assert [row["subject"] for row in printed("--data", str(tmp_path), "--tenant", "bob")] == ["of-bob"]
    assert printed("--data", str(tmp_path), "--days", "0") == []
