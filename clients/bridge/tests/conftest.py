"""The bridge of the real suite that all tests share, and a browser on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

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
    """One browser for a module, as asynchronous tests cannot run beside it; tests find profiles fresh, or emptied."""
    from .browser import running_browser  # noqa: PLC0415 - not every test needs a browser

    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def emptied(browser: Browser) -> Iterator[BrowserContext]:
    """One profile for a module, which `page` empties: in a new one the page is fetched and compiled anew."""
    from .browser import profile  # noqa: PLC0415 - as above

    with profile(browser) as context:
        yield context


@pytest.fixture
def page(emptied: BrowserContext, bridge_url: str) -> Iterator[Page]:
    """The start page in English, in a profile that keeps nothing of earlier tests."""
    from .browser import empty, tab  # noqa: PLC0415 - as above

    empty(emptied, bridge_url)
    with tab(emptied, bridge_url) as page:
        yield page
