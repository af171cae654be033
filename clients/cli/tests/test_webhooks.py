"""`sayit webhooks`."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from sayit.cli.application import app
from sayit.scheduler.db.engine import database_at
from sayit.scheduler.db.schema import metadata
from sayit.scheduler.db.transactions import Rules
from sayit.scheduler.db.webhooks import announce
from sayit.scheduler.dispatch.order import choose
from sayit.speech.jobs import JobState

SECRET = "s" * 32


def run(*arguments: str, code: int = 0) -> str:
    """What a command prints."""
    result = CliRunner().invoke(app, ["webhooks", *arguments])
    assert result.exit_code == code, result.output
    return result.stdout


def with_a_message(folder: Path) -> None:
    """A database with a message in its outbox."""
    database = database_at(f"sqlite:///{folder / 'sayit.db'}")
    rules = Rules(result_ttl_s=1.0, choose=choose, receivers={"*": "https://example.com/hook"})
    row = {"callback_url": "", "labels": "", "model": "m", "samples_total": None, "cached": False, "error_code": ""}
    job = SimpleNamespace(id="j", tenant="t", created_s=1.0, finished_s=2.0, **row)

    async def fill() -> None:
        await database.write(metadata.create_all)
        await database.write(lambda connection: announce(connection, job, JobState.COMPLETED, rules))
        await database.close()

    asyncio.run(fill())


def test_secrets_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One for each of the installation's, and others for another tenant; without one the call is wrong."""
    monkeypatch.setenv("SAYIT_WEBHOOK_SECRETS", f"{SECRET} {'o' * 32}")
    printed = run("secret", "--tenant", "a").split()
    assert [one[:6] for one in printed] == ["whsec_", "whsec_"]
    assert not set(printed) & set(run("secret", "--tenant", "b").split())
    monkeypatch.delenv("SAYIT_WEBHOOK_SECRETS")
    run("secret", code=2)


def test_messages_are_listed_and_sent_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the scheduler's database, also while it runs."""
    monkeypatch.setenv("SAYIT_WEBHOOK_SECRETS", SECRET)
    with_a_message(tmp_path)
    [row] = json.loads(run("list", "--json", "--data", str(tmp_path)))
    assert (row["job_id"], row["state"], row["url"]) == ("j", "pending", "https://example.com/hook")
    assert "https://example.com/hook" in run("list", "--data", str(tmp_path))
    assert run("replay", row["id"], "--data", str(tmp_path)) == f"{row['id']}: pending\n"
    run("replay", "msg_unknown", "--data", str(tmp_path), code=1)


def test_a_message_is_tried_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes only where webhooks may go."""
    monkeypatch.setenv("SAYIT_WEBHOOK_SECRETS", SECRET)
    run("test", "http://127.0.0.1/", code=1)
