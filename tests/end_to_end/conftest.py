"""One suite of real processes for all tests that do it no harm."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .helper import RunningSuite, running_suite


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSuite]:
    """A suite with the bundled model and two transcribers; do not harm it."""
    with running_suite(tmp_path_factory.mktemp("suite")) as running:
        yield running
