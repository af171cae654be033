"""Clients that generators make of the OpenAPI document upload, wait, read each format, list, cancel and resume."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from clients.typescript.generate import DOCUMENT
from clients.typescript.generate import FOLDER as TYPESCRIPT
from tests.end_to_end.helper import label, word_error_rate

from .helper import RECORDINGS, ROOT

DRIVERS = Path(__file__).parent / "generated"
GENERATORS = ROOT / ".venv-generators" / "bin"
NODE_MODULES = TYPESCRIPT / "node_modules"
FILES = (RECORDINGS / "en-8s.flac", RECORDINGS / "ko-150s.flac")
needs_generators = pytest.mark.skipif(not GENERATORS.exists(), reason="needs the generators: `make generators`")
needs_java = pytest.mark.skipif(shutil.which("java") is None, reason="there is no Java here")
needs_node = pytest.mark.skipif(
    not (shutil.which("node") and (NODE_MODULES / ".bin" / "openapi-ts").exists()),
    reason="needs Node, and `npm ci` in clients/typescript",
)


def run(*command: object, cwd: Path) -> str:
    """What a command prints; its errors fail the test."""
    done = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def check(printed: str) -> None:
    """All that a driver saw."""
    saw = json.loads(printed)
    for name in ("text", "json", "resumed"):
        assert word_error_rate(label("en-8s")["text"], saw[name]) < 20
    assert saw["formats"]["srt"].startswith("1\n00:00:0")
    assert saw["formats"]["vtt"].startswith("WEBVTT\n")
    assert saw["formats"]["tsv"].startswith("start\tend\ttext\n")
    assert saw["formats"]["timed.txt"].startswith("[00:00:0")
    assert saw["formats"]["ass"].startswith("[Script Info]\n")
    assert saw["formats"]["ttml"].startswith("<?xml")
    assert saw["formats"]["md"].startswith("**00:00:0")
    assert saw["documents"] == [b"PK\x03\x04".hex(), b"%PDF".hex()]
    assert saw["text"].split()[0] in saw["formats"]["txt"]
    assert (saw["listed"], saw["cancelled"], saw["offset"]) == (True, "cancelled", FILES[0].stat().st_size)


@needs_generators
def test_openapi_python_client(bridge_url: str, tmp_path: Path) -> None:
    """Without a warning: every operation is generated."""
    to = ("--output-path", tmp_path / "generated", "--meta", "none")
    said = run(GENERATORS / "openapi-python-client", "generate", "--path", DOCUMENT, *to, cwd=tmp_path)
    assert "WARNING" not in said
    check(run(sys.executable, DRIVERS / "openapi_python_client.py", tmp_path, bridge_url, *FILES, cwd=tmp_path))


@needs_generators
@needs_java
def test_openapi_generator(bridge_url: str, tmp_path: Path) -> None:
    """Its Python client."""
    only = "--global-property=apis,models,supportingFiles,apiTests=false,modelTests=false,apiDocs=false,modelDocs=false"
    of = ("generate", "-i", DOCUMENT, "-g", "python", "-o", tmp_path, "--package-name", "generated", only)
    run(GENERATORS / "openapi-generator-cli", *of, cwd=tmp_path)
    check(run(sys.executable, DRIVERS / "openapi_generator.py", tmp_path, bridge_url, *FILES, cwd=tmp_path))


@needs_node
def test_openapi_ts(bridge_url: str, tmp_path: Path) -> None:
    """Its fetch client, compiled by TypeScript."""
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    asked = {"input": str(DOCUMENT), "output": {"path": "generated", "importFileExtension": ".js"}}
    (tmp_path / "openapi-ts.config.mjs").write_text(f"export default {json.dumps(asked)}")
    run(NODE_MODULES / ".bin" / "openapi-ts", cwd=tmp_path)
    how = ("--module", "nodenext", "--target", "es2022", "--strict", "--lib", "es2022,dom,dom.iterable")
    run(NODE_MODULES / ".bin" / "tsc", *how, "--outDir", "compiled", "generated/index.ts", cwd=tmp_path)
    check(run("node", DRIVERS / "openapi_ts.mjs", tmp_path / "compiled", bridge_url, *FILES, cwd=tmp_path))
