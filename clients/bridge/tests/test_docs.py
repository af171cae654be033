"""The commands in docs/rest.md, as they stand there."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .helper import RECORDINGS, ROOT

PAGE = (ROOT / "docs" / "rest.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
def test_the_commands_work(bridge_url: str, tmp_path: Path) -> None:
    """All of them, in order; -f makes curl fail where an answer is not what the page promises."""
    shutil.copy(RECORDINGS / "en-8s.flac", tmp_path / "short.flac")
    shutil.copy(RECORDINGS / "ko-150s.flac", tmp_path / "long.flac")
    script = "\n".join(BLOCKS).replace("http://127.0.0.1:3000", bridge_url)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout[-2000:]
    assert done.stdout.count('"state":"completed"') >= 4
    assert "event: completed" in done.stdout
    assert " --> " in done.stdout
    assert "찾을 수 없습니다" in done.stdout


def test_the_table_of_statuses_is_the_codes() -> None:
    """Every code stands in the row of its status."""
    from sayit.bridge.http.problems import KIND_TO_HTTP  # noqa: PLC0415

    rows = {row.split("|")[1]: row for row in PAGE.splitlines() if re.match(r"\| \d", row)}
    for kind, status in KIND_TO_HTTP.items():
        (row,) = [row for statuses, row in rows.items() if str(status) in statuses]
        assert f"`{kind.code}`" in row
