"""One real suite with a bridge for all tests that ask for it; mark them xdist_group("bridge")."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .helper import suite_with_bridge


@pytest.fixture(scope="session")
def bridge_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Base URL of a bridge on a real suite with the bundled model."""
    with suite_with_bridge(tmp_path_factory.mktemp("suite")) as url:
        yield url
