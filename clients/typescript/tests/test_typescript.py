"""The TypeScript client: generated from what the bridge says, type-checked, and used."""

from __future__ import annotations

import asyncio
import json
import shutil
import struct
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from clients.bridge.tests.helper import scripted
from clients.python.tests.live_service import digits
from clients.python.tests.story import AUDIO, JOB, TRANSCRIPT
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


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client in JavaScript; the strict compiler agrees with it."""
    folder = tmp_path_factory.mktemp("compiled")
    (folder / "package.json").write_text('{"type": "module"}')
    done = subprocess.run(
        [TSC, "--outDir", folder], cwd=generate.FOLDER, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout
    return folder


async def _run(script: str, *arguments: object) -> Any:
    """What a script of Node's prints."""
    path = generate.FOLDER / "tests" / script
    command = ("node", "--experimental-websocket", path, *arguments)  # which later versions have without the flag
    node = await asyncio.create_subprocess_exec(*map(str, command), stdout=-1, stderr=-1)
    output, errors = await node.communicate()
    assert node.returncode == 0, errors.decode()
    return json.loads(output)


@asynccontextmanager
async def _cutting(port: int, *cuts: int) -> AsyncIterator[str]:
    """The address of a proxy that breaks its first connections after so many bytes of answers."""
    left = list(cuts)

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most: float) -> None:
        with suppress(ConnectionError):
            while most > 0 and (data := await reader.read(256)):
                most -= len(data)
                writer.write(data)
                await writer.drain()
        writer.transport.abort()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, requests = await asyncio.open_connection("127.0.0.1", port)
        most = left.pop(0) if left else float("inf")
        await asyncio.gather(pass_on(reader, requests, float("inf")), pass_on(answers, writer, most))

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as proxy:
        yield f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"


@needs_node
async def test_live_speech_goes_on_where_its_connection_broke(compiled: Path) -> None:
    """All text comes, once; committed text grows under one name across connections; a wrong option is refused."""
    async with scripted() as (http, gateway):
        assert http.base_url.port is not None
        async with _cutting(http.base_url.port, 5_000, 0, 5_000) as proxy:
            said = await _run("listen.mjs", compiled, proxy)
    *events, last = said["events"]
    finals = [event["text"] for event in events if event["type"] == "text" and event["final"]]
    speech = struct.pack("<99h", *range(99))
    assert "".join(finals) == digits(speech)
    assert bytes(gateway.spoken) == speech
    assert (events[0], last) == ({"type": "started", "jobId": JOB}, {"type": "finished", "jobId": JOB})
    texts: dict[str, str] = {}
    for event in events:
        if event["type"] == "text":
            assert event["text"].startswith(texts.get(event["item"], ""))
            texts[event["item"]] = event["text"]
    assert len(texts) == len(finals)
    first, *later = gateway.live_configs
    assert len(later) == 2
    assert {config.resume_job_id for config in later} == {JOB}
    assert (first.job.options.language, first.job.filename, first.sample_rate_hz, first.refine) == (
        "ko",
        "talk",
        8_000,
        True,
    )
    assert first.turn_detection.silence.ToMilliseconds() == 400
    assert said["wrong"] == "INVALID_LANGUAGE"


@needs_node
async def test_the_client_transcribes_across_a_broken_stream(compiled: Path, tmp_path: Path) -> None:
    """Progress of the upload, events resumed after the last number, errors with codes."""
    (tmp_path / "audio.wav").write_bytes(AUDIO)
    async with scripted() as (http, gateway):
        said = await _run("transcribe.mjs", compiled, http.base_url, tmp_path / "audio.wav")
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
