"""Corrections that several tabs and browsers share, in headless Chromium on a real suite."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from .browser import finished, opened, upload

SAVED = "saved on the server"
#: What an earlier version of the page kept, and what it keeps of a job now.
OLD_EDIT = """([id, edits]) => new Promise((resolve) => {
    const opening = indexedDB.open("sayit", 2);
    opening.onsuccess = () => {
        const writing = opening.result.transaction("edits", "readwrite");
        writing.objectStore("edits").put({ id, edits });
        writing.oncomplete = () => { opening.result.close(); resolve(); };
    };
})"""
KEPT = """() => new Promise((resolve) => {
    const opening = indexedDB.open("sayit", 2);
    opening.onsuccess = () => {
        const asked = opening.result.transaction("edits").objectStore("edits").getAllKeys();
        asked.onsuccess = () => { opening.result.close(); resolve(asked.result); };
    };
})"""


def correct(page: Page, place: int, text: str) -> None:
    """Types a word in another one's place."""
    page.locator(".word").nth(place).dblclick()
    page.keyboard.type(text)
    page.keyboard.press("Enter")
    expect(page.locator(".word").nth(place)).to_have_text(text)


def words(page: Page) -> list[str]:
    """As they are shown."""
    return page.locator(".word").all_text_contents()


@pytest.fixture
def job(page: Page, service: httpx.Client) -> Iterator[str]:
    """A job that the page shows; it is deleted, for it would be kept without end."""
    upload(page, "en-8s.flac")
    made = finished(page)
    yield made
    service.delete(f"/v1/jobs/{made}")


def test_tabs_and_browsers_see_the_same(page: Page, job: str, browser: Browser, service: httpx.Client) -> None:
    """Two tabs correct words of one sentence: both have both, as does another browser, and the service's files."""
    other = page.context.new_page()
    other.goto(page.url)
    finished(other)
    correct(page, 0, "Quince")
    expect(page.locator(".text-saved")).to_have_text(SAVED)
    expect(other.locator(".word").nth(0)).to_have_text("Quince")  # without a reload
    correct(other, 1, "marmalade")
    expect(page.locator(".word").nth(1)).to_have_text("marmalade")
    page.get_by_role("heading", level=1).click()
    page.keyboard.press("Control+z")  # this tab's own step: the other's word stays
    expect(other.locator(".word").nth(0)).not_to_have_text("Quince")
    page.keyboard.press("Control+Shift+z")
    expect(other.locator(".word").nth(0)).to_have_text("Quince")
    expect(page.locator(".text-saved")).to_have_text(SAVED)
    other.reload()
    finished(other)
    assert words(other) == words(page)
    with opened(browser, page.url) as elsewhere:
        finished(elsewhere)
        assert words(elsewhere)[:2] == ["Quince", "marmalade"]
        assert elsewhere.evaluate(KEPT) == []
        expect(elsewhere.locator(".job-head")).to_contain_text("kept until you delete it")
        elsewhere.get_by_role("button", name="Let it expire").click()
        expect(elsewhere.locator(".job-head")).to_contain_text("deleted in")
    assert service.get(f"/v1/jobs/{job}/transcript.srt").text.startswith("1\n00:00:00")
    assert "Quince marmalade" in service.get(f"/v1/jobs/{job}/transcript.txt").text


def test_the_same_word_corrected_twice_is_asked_about(page: Page, job: str, service: httpx.Client) -> None:
    """Neither is overwritten: both are shown, and a hand chooses; other words are saved meanwhile, and merged."""
    path = f"/v1/jobs/{job}/transcript"
    held = threading.Event()
    page.route(f"**{path}", lambda route: route.abort("connectionrefused") if not held.is_set() else route.continue_())
    correct(page, 0, "mine")
    expect(page.locator(".text-saved")).to_contain_text("until the server can be reached")
    theirs = {"expected_version": 0, "segments": [{"segment": 0, "words": {"0": "theirs", "1": "too"}}]}
    assert service.patch(path, json=theirs).status_code == 200
    held.set()
    page.evaluate("dispatchEvent(new Event('online'))")
    conflict = page.locator(".text-conflict")
    expect(conflict).to_contain_text("Someone else corrected the same text")
    expect(conflict).to_contain_text("theirs too")
    expect(page.locator(".text-saved")).to_have_text("kept in this browser until you choose")
    assert service.get(f"/v1/jobs/{job}/corrections").json()["version"] == 1
    conflict.get_by_role("button", name="Take theirs").click()
    expect(conflict).to_be_hidden()
    assert words(page)[:2] == ["theirs", "too"]
    expect(page.locator(".text-saved")).to_have_text(SAVED)


def test_what_could_not_be_sent_survives_a_reload(page: Page, job: str, service: httpx.Client) -> None:
    """It is kept in this browser, merged with what others corrected meanwhile, and sent as soon as that is possible."""
    path = f"/v1/jobs/{job}/transcript"
    page.route(f"**{path}", lambda route: route.abort("connectionrefused"))
    correct(page, 0, "offline")
    expect(page.locator(".text-saved")).to_contain_text("until the server can be reached")
    theirs = {"expected_version": 0, "segments": [{"segment": 0, "words": {"1": "online"}}]}
    assert service.patch(path, json=theirs).status_code == 200
    page.unroute(f"**{path}")
    page.reload()
    finished(page)
    assert words(page)[:2] == ["offline", "online"]
    expect(page.locator(".text-saved")).to_have_text(SAVED)
    told = service.get(f"/v1/jobs/{job}/corrections").json()
    assert told["segments"][0]["words"] == {"0": "offline", "1": "online"}
    page.wait_for_function(f"async () => (await ({KEPT})()).length === 0")


def test_a_word_whose_beginning_was_on_its_way_is_no_conflict(page: Page, job: str, service: httpx.Client) -> None:
    """The page is left before it hears that the service has what was typed first; then the service gets all of it."""
    arrived = []

    def unanswered(route: Route) -> None:
        if route.request.method == "PATCH":
            arrived.append(route.fetch())
        else:
            route.continue_()

    page.route("**/transcript*", unanswered)
    page.locator(".word").nth(1).dblclick()
    page.keyboard.type("Corre")
    while not arrived:
        page.wait_for_timeout(50)
    page.keyboard.type("cted")
    page.keyboard.press("Enter")
    page.unroute("**/transcript*")
    page.reload()
    finished(page)
    expect(page.locator(".word").nth(1)).to_have_text("Corrected")
    expect(page.get_by_text(SAVED)).to_be_visible()
    assert " Corrected " in service.get(f"/v1/jobs/{job}/transcript.txt").text


def test_what_an_earlier_page_kept_is_brought_to_the_service(page: Page, job: str, service: httpx.Client) -> None:
    """Corrections used to live in one browser: they are saved when their job is opened there, once."""
    page.evaluate(OLD_EDIT, [job, [["0:0", " Quince"]]])
    page.reload()
    finished(page)
    expect(page.locator(".text-saved")).to_have_text(SAVED)
    assert service.get(f"/v1/jobs/{job}/corrections").json()["segments"][0]["words"] == {"0": "Quince"}
    page.wait_for_function(f"async () => (await ({KEPT})()).length === 0")


def test_what_the_page_cannot_make_is_shown_and_corrected(page: Page, job: str, service: httpx.Client) -> None:
    """A segment that a program split and named, whose words are corrected like others; any version can come back."""
    path = f"/v1/jobs/{job}/transcript"
    before = words(page)
    change: dict[str, Any] = {"segment": 0, "text": "First line.\nSecond one."}
    body = {"expected_version": 0, "segments": [change], "names": {"0": "Mina"}}
    assert service.patch(path, content=json.dumps(body)).status_code == 200
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # the page asks for the list of jobs
    expect(page.locator(".speaker").first).to_have_text("Mina")
    assert words(page)[:4] == ["First", "line.", "Second", "one."]
    correct(page, 3, "two.")
    expect(page.locator(".text-saved")).to_have_text(SAVED)
    assert service.get(f"/v1/jobs/{job}/corrections").json()["segments"][0]["text"] == "First line.\nSecond two."
    page.get_by_role("button", name="Versions").click()
    entries = page.get_by_role("dialog").get_by_role("listitem")
    expect(entries).to_have_count(3)
    expect(entries.first).to_contain_text("1 sentence corrected")
    expect(entries.first).to_contain_text("now")
    entries.last.get_by_role("button", name="Restore").click()
    expect(page.locator(".speaker")).to_have_count(0)
    expect(page.locator(".word").first).to_have_text(before[0])
    assert words(page) == before
    assert service.get(f"/v1/jobs/{job}/corrections").json() == {"version": 3, "segments": [], "names": {}}
