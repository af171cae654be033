"""The bridge of the real suite that all tests share, and a browser on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.end_to_end.helper import RunningSuite


@pytest.fixture
def bridge_url(suite: RunningSuite) -> str:
    """Base URL of a bridge on a real suite with the bundled model."""
    return suite.rest


@pytest.fixture
def service(bridge_url: str) -> Iterator[httpx.Client]:
    """The service without the page: a colleague's program."""
    with httpx.Client(base_url=bridge_url, timeout=60.0, trust_env=False) as client:
        yield client


@pytest.fixture
def live_url(bridge_url: str) -> str:
    """The same, for tests of live speech: one at a time, so that there is always room for it."""
    return bridge_url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for a module, as asynchronous tests cannot run beside it; profiles are fresh for every test."""
    from .browser import running_browser  # noqa: PLC0415 - not every test needs a browser

    with running_browser() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, bridge_url: str) -> Iterator[Page]:
    """The start page in a fresh profile, in English."""
    from .browser import opened  # noqa: PLC0415 - as above

    with opened(browser, bridge_url) as page:
        yield page
