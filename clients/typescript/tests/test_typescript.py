"""The TypeScript client: generated from what the bridge says, type-checked, and used."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from clients.bridge.tests.helper import scripted
from clients.python.tests.helper import AUDIO, TRANSCRIPT
from clients.typescript import generate

TSC = generate.FOLDER / "node_modules" / ".bin" / "tsc"
needs_node = pytest.mark.skipif(
    not (shutil.which("node") and TSC.exists()), reason="needs Node, and `npm ci` in clients/typescript"
)


def test_the_document_is_the_bridges() -> None:
    """`openapi.json` says what the code says; `python clients/typescript/generate.py` writes it anew."""
    assert json.loads(generate.DOCUMENT.read_text(encoding="utf-8")) == json.loads(generate.document())


@needs_node
def test_the_types_are_the_documents(tmp_path: Path) -> None:
    """`schema.d.ts` is what the generator makes of the document."""
    generate.write_schema(generate.DOCUMENT, tmp_path / "schema.d.ts")
    assert (tmp_path / "schema.d.ts").read_text() == generate.SCHEMA.read_text()


@needs_node
async def test_the_client_transcribes_across_a_broken_stream(tmp_path: Path) -> None:
    """The strict compiler agrees; progress of the upload, events resumed after the last number, errors with codes."""
    compiling = (TSC, "--outDir", tmp_path / "compiled")
    compiler = await asyncio.create_subprocess_exec(*compiling, cwd=generate.FOLDER, stdout=-1)
    complaints, _ = await compiler.communicate()
    assert compiler.returncode == 0, complaints.decode()
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "audio.wav").write_bytes(AUDIO)
    script = generate.FOLDER / "tests" / "transcribe.mjs"
    async with scripted() as (http, gateway):
        arguments = (script, tmp_path / "compiled", str(http.base_url), tmp_path / "audio.wav")
        node = await asyncio.create_subprocess_exec("node", *arguments, stdout=-1, stderr=-1)
        output, errors = await node.communicate()
    assert node.returncode == 0, errors.decode()
    said = json.loads(output)
    assert said["text"] == TRANSCRIPT.text
    assert [seq for _, seq in said["seen"] if seq] == [1, 2, 3, 4, 5]
    assert said["connections"] == [None, "2"]
    assert said["sent"] == [len(AUDIO), len(AUDIO)]
    assert said["steps"] > 1
    assert (said["refused"], said["state"]) == ("INVALID_FORMAT", "completed")
    assert said["srt"].startswith("1\n00:00:00,000")
    assert (gateway.configs[0].filename, gateway.configs[0].options.language) == ("회의.wav", "ko")
    assert gateway.received[0] == AUDIO
    assert gateway.metadata["authorization"] == "Bearer key-1"
