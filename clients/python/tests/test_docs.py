"""The programs in docs/sdk.md and docs/live.md run as they stand there."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from .story import AUDIO

DOCUMENTS = [Path(__file__).parents[3] / "docs" / name for name in ("sdk.md", "live.md")]
PROGRAMS = [
    program
    for document in DOCUMENTS
    for program in re.findall(r"```python\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)
]


@pytest.mark.parametrize("program", PROGRAMS, ids=range(len(PROGRAMS)))
async def test_a_program_of_the_documentation_runs(program, gateway, tmp_path, monkeypatch):
    """Each program does its work on a gateway at the default address, here a scripted one."""
    (tmp_path / "meeting.m4a").write_bytes(AUDIO)
    (tmp_path / "speech.raw").write_bytes(AUDIO[:38])
    (tmp_path / "ca.pem").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    here = program.replace("Client()", f"Client({gateway.address!r})")
    await asyncio.to_thread(exec, compile(here, "sdk.md", "exec"), {"print": lambda *_, **__: None})
    talks = "Client()" in program
    assert bool(gateway.calls) is talks
