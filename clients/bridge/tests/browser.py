"""A browser for the page's tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect, sync_playwright

from tests.end_to_end.helper import RECORDINGS

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--use-fake-device-for-media-stream", "--autoplay-policy=no-user-gesture-required",
)  # fmt: skip
#: Machines that run many suites at once are slow.
_PATIENCE_MS = 120_000


def chromium() -> str | None:
    """Where Chromium is; None where there is none."""
    return os.environ.get("CHROMIUM") or next((path for name in _NAMES if (path := shutil.which(name))), None)


@contextmanager
def running_browser(*more: str) -> Iterator[Browser]:
    """A headless Chromium, with more arguments if any; skips the test where there is none."""
    path = chromium()
    if path is None:
        pytest.skip("no Chromium here: none on the PATH, and $CHROMIUM names none")
    expect.set_options(timeout=_PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*_ARGUMENTS, *more])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser: Browser, url: str, **options: Any) -> Iterator[Page]:
    """The page in a fresh profile; fails afterwards if a script failed or broke the content security policy."""
    context = browser.new_context(**{"locale": "en-US", "viewport": {"width": 1100, "height": 800}, **options})
    context.set_default_timeout(_PATIENCE_MS)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "console", lambda message: wrong.append(message.text) if "Content Security Policy" in message.text else None
    )
    try:
        page.goto(url)
        yield page
    finally:
        context.close()
    assert wrong == []


def upload(page: Page, *names: str) -> None:
    """Chooses recordings on the start page."""
    page.set_input_files(".drop input[type=file]", [str(RECORDINGS / name) for name in names])


def drop(page: Page, selector: str, *paths: Path) -> None:
    """Drops files or folders on an element, as a hand does: the browser itself makes the events."""
    page.locator(selector).scroll_into_view_if_needed()
    box = page.locator(selector).bounding_box()
    assert box is not None
    where = {"x": box["x"] + box["width"] / 2, "y": box["y"] + 10}
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, **where, "data": data})
    session.detach()


def finished(page: Page) -> str:
    """Waits for the transcript of the job that is shown; its id."""
    page.wait_for_url("**/#/jobs/*")
    page.locator(".text-hint").wait_for(state="visible")  # which says how words are corrected
    return page.url.rpartition("/")[2]


def shown_text(page: Page) -> str:
    """The words on the page, in one line."""
    return " ".join(page.locator(".word").all_text_contents())


def keep_headers(page: Page, path: str, name: str) -> list[str]:
    """A header of every request whose path ends so, as they are made; empty where it is not sent."""
    kept: list[str] = []

    def look(request: Request) -> None:
        if request.url.partition("?")[0].endswith(path):
            kept.append(request.headers.get(name, ""))

    page.on("request", look)
    return kept


def cut_once(page: Page, pattern: str, *, method: str, nth: int) -> list[str]:
    """Breaks the connection of the nth request of this kind; the returned list holds their offsets."""
    offsets: list[str] = []

    def handle(route: Route, request: Request) -> None:
        if request.method != method:
            route.continue_()
            return
        offsets.append(request.headers.get("upload-offset", ""))
        if len(offsets) == nth:
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route(pattern, handle)
    return offsets
