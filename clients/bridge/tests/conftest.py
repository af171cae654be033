"""The bridge of the real suite that all tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.end_to_end.helper import RunningSuite


@pytest.fixture
def bridge_url(suite: RunningSuite) -> str:
    """Base URL of a bridge on a real suite with the bundled model."""
    return suite.rest
