"""Engines for the tests: the bundled micro model, and a tiny model with random weights whose windows end anywhere."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

from sayit.transcriber.engine import PLAIN_POLICY, Engine
from sayit.transcriber.models import bundled

ROOT = Path(__file__).parents[4]


@contextmanager
def _at_work(folder: Path) -> Iterator[Engine]:
    engine = Engine.load(folder, threads=1, policy=PLAIN_POLICY)
    engine.start()
    try:
        yield engine
    finally:
        engine.close()


@pytest.fixture(scope="session")
def micro() -> Iterator[Engine]:
    """The bundled model at work, on one thread."""
    with _at_work(bundled().path) as engine:
        yield engine


@pytest.fixture(scope="session")
def small_shaped() -> Iterator[ModuleType]:
    """benchmarks/small_shaped.py, which makes models with random weights."""
    spec = importlib.util.spec_from_file_location("small_shaped", ROOT / "benchmarks" / "small_shaped.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, spec.name, module)  # dataclasses look their module up
        spec.loader.exec_module(module)
        yield module


@pytest.fixture(scope="session")
def tiny_folder(small_shaped: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model far smaller than Small whose windows end anywhere."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    small_shaped.build(folder, small_shaped.Shape(width=64, layers=2, heads=2, text_only=False))
    return folder


@pytest.fixture(scope="session")
def tiny(tiny_folder: Path) -> Iterator[Engine]:
    """A model that says anything at any time, at work on one thread."""
    with _at_work(tiny_folder) as engine:
        yield engine


@pytest.fixture(scope="session")
def talkative(small_shaped: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A tiny model that always says as much as it may, as the Small-shaped one does."""
    folder = tmp_path_factory.mktemp("models") / "talkative"
    small_shaped.build(folder, small_shaped.Shape(width=64, layers=2, heads=2))
    with _at_work(folder) as engine:
        yield engine
