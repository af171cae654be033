"""`sayit admin` on a real suite."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from sayit.cli.application import app
from sayit.client import Client, Options
from tests.end_to_end.helper import RECORDINGS

if TYPE_CHECKING:
    from tests.end_to_end.helper import RunningSuite


def run(suite: RunningSuite, *arguments: str, code: int = 0) -> str:
    """What a command prints."""
    result = CliRunner().invoke(app, ["admin", *arguments, "--server", suite.address])
    assert result.exit_code == code, result.output
    return result.stdout


def read(suite: RunningSuite, *arguments: str) -> Any:
    """What it prints for scripts."""
    return json.loads(run(suite, *arguments, "--json"))


def test_a_job_is_listed_done_again_and_counted(suite: RunningSuite) -> None:
    """By the ids and figures that gRPC gives, in tables and as JSON."""
    with Client(suite.address) as client:
        job = client.transcribe(RECORDINGS / "ko-8s.flac", options=Options(language="ko")).job
        listed = read(suite, "jobs", "--state", "completed", "--limit", "1000")
        assert job.id in [one["job"]["id"] for one in listed]
        [again] = read(suite, "retry", job.id)
        assert again["job"]["id"] != job.id
        client.wait(again["job"]["id"])
    assert job.id in run(suite, "jobs", "--limit", "1000")
    assert "completed" in run(suite, "cancel", job.id)
    assert "JOB_NOT_FOUND" not in run(suite, "usage", "--by", "tenant")
    [row] = [one for one in read(suite, "usage", "--by", "tenant")["rows"] if one["tenant"] == "local"]
    assert row["jobs"] >= 2
    assert "job.retry" in run(suite, "audit", "--limit", "1000")
    assert "case 7" in run(suite, "hold", "--job", job.id, "--reason", "case 7")
    assert job.id in [one["job_id"] for one in read(suite, "holds")]
    run(suite, "release", "--job", job.id)
    run(suite, "release", "--job", job.id, code=1)


@pytest.mark.parametrize(
    ("command", "word"),
    [
        ("queue", "micro"),
        ("workers", "micro"),
        ("limits", "SAYIT_MAX_ACTIVE_JOBS"),
        ("settings", "SAYIT_RESULT_TTL_H"),
        ("webhooks", "ATTEMPTS"),
    ],
)
def test_what_is_there_is_shown(command: str, word: str, suite: RunningSuite) -> None:
    """A table with a title for each column, and the same as JSON."""
    assert word in run(suite, command)
    assert read(suite, command) is not None


def test_a_job_that_is_not_there_is_told(suite: RunningSuite) -> None:
    """With the status of a command that failed."""
    run(suite, "cancel", "none", code=1)
