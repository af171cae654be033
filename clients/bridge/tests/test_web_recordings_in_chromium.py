"""What comes into the page in headless Chromium: dropped files and folders, and recordings, which nothing may lose."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Dialog, Error, Page, Request, expect

from tests.end_to_end.helper import RECORDINGS

from .browser import drop, finished, opened

#: Keeps what the page asks of the screen.
WATCHED_SCREEN = """() => {
    window.asked = [];
    navigator.wakeLock.request = async (kind) => (asked.push(kind), { release: async () => asked.push("released") });
}"""


@pytest.fixture
def speaker(browser: Browser, bridge_url: str) -> Iterator[Page]:
    """The start page of a user with a microphone: the browser's fake one, which beeps."""
    with opened(browser, bridge_url, permissions=["microphone"]) as page:
        yield page


def sent_jobs(page: Page) -> list[Request]:
    """The requests for a job, as they are made."""
    found: list[Request] = []
    page.on("request", lambda each: found.append(each) if each.method == "POST" and "/v1/jobs" in each.url else None)
    return found


def record(page: Page, until: str = "0:02") -> None:
    """Begins a recording and waits until its clock shows a time, or a later one: a busy page may skip a second."""
    page.get_by_role("button", name="Record").click()
    page.wait_for_function("(time) => document.querySelector('.record-time')?.textContent >= time", arg=until)


def test_a_dropped_file_is_one_job_with_the_options_on_screen(page: Page, service: httpx.Client) -> None:
    """Wherever it is dropped; the options stay for the next file, also on a job's view and after a reload."""
    page.get_by_text("More options").click()
    page.get_by_label("Numbers as digits").check()
    jobs = sent_jobs(page)
    drop(page, ".drop", RECORDINGS / "en-8s.flac")
    first = finished(page)
    page.reload()
    finished(page)
    drop(page, ".text", RECORDINGS / "ko-8s.flac")
    expect(page.get_by_role("heading", level=1)).to_have_text("ko-8s.flac")
    second = finished(page)
    assert [re.findall(r"filename=([\w-]+)", each.url) for each in jobs] == [["en-8s"], ["ko-8s"]]
    for job in (first, second):
        assert service.get(f"/v1/jobs/{job}").json()["options"]["formatting"] is True


def test_the_recordings_in_a_dropped_folder_are_sent(page: Page, tmp_path: Path) -> None:
    """Those of its folders too; other and hidden files are left where they are."""
    inner = tmp_path / "interviews" / "monday"
    inner.mkdir(parents=True)
    shutil.copy(RECORDINGS / "en-8s.flac", inner / "in-a-folder.flac")
    (inner / "notes.txt").write_text("notes")
    (inner / ".hidden.mp3").write_bytes(b"x")
    jobs = sent_jobs(page)
    drop(page, ".drop", tmp_path / "interviews")
    finished(page)
    assert [re.findall(r"filename=([\w.-]+)", each.url) for each in jobs] == [["in-a-folder.flac"]]


def test_a_recording_goes_on_whatever_the_page_shows(speaker: Page) -> None:
    """Over another language, other views and a pause; meanwhile the screen stays on and accepted files open nothing."""
    speaker.evaluate(WATCHED_SCREEN)
    record(speaker)
    drop(speaker, ".options", RECORDINGS / "en-8s.flac")
    speaker.get_by_role("button", name="한국어").click()
    speaker.get_by_role("button", name="일시정지").click()
    expect(speaker.locator(".record-title")).to_have_text("일시정지됨")
    speaker.locator(".card[data-state=completed] a", has_text="en-8s.flac").first.click()
    finished(speaker)
    stopped_at = speaker.locator(".record-time").inner_text()
    speaker.get_by_role("button", name="English").click()
    assert speaker.locator(".record-time").inner_text() == stopped_at
    speaker.get_by_role("button", name="Go on recording").click()
    speaker.get_by_role("link", name="All recordings").click()
    expect(speaker.locator(".record-time")).not_to_have_text(stopped_at)
    assert speaker.evaluate("asked") == ["screen"]
    speaker.get_by_role("button", name="Stop and transcribe").click()
    speaker.wait_for_url("**/#/jobs/*")
    expect(speaker.get_by_role("heading", level=1)).to_contain_text("Recording 20")
    speaker.locator(".job-progress").wait_for(state="hidden")  # it beeps, so there may be nothing to read
    expect(speaker.locator(".job-problem")).to_be_hidden()
    assert speaker.evaluate("asked") == ["screen", "released"]


def test_a_recording_survives_a_reload_and_a_crash(speaker: Page) -> None:
    """The page asks before it is left; the next one asks what to do with the recording, which can be saved."""
    asked: list[str] = []

    def leave_all_the_same(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    speaker.on("dialog", leave_all_the_same)
    record(speaker)
    speaker.reload()
    assert asked == ["beforeunload"]
    question = speaker.get_by_role("region", name="A recording was not sent")
    expect(question).to_contain_text(re.compile(r"It is 0:0\d long"))
    with speaker.expect_download() as saving:
        question.get_by_role("button", name="Save as a file").click()
    assert saving.value.suggested_filename.startswith("Recording 20")
    assert len(Path(saving.value.path()).read_bytes()) > 1000
    question.get_by_role("button", name="Discard").click()
    speaker.get_by_role("dialog").get_by_role("button", name="Discard").click()
    expect(question).to_have_count(0)

    record(speaker)
    url = speaker.url
    with speaker.expect_event("crash"), pytest.raises(Error, match="crash"):
        speaker.goto("chrome://crash")
    after = speaker.context.new_page()
    after.goto(url)
    after.get_by_role("region", name="A recording was not sent").get_by_role("button", name="Transcribe").click()
    after.wait_for_url("**/#/jobs/*")
    expect(after.get_by_role("heading", level=1)).to_contain_text("Recording 20")
    after.goto(url)
    after.locator(".history").wait_for()
    expect(after.get_by_role("region", name="A recording was not sent")).to_have_count(0)


def test_a_recording_waits_for_the_network_and_outlives_a_refusal(speaker: Page) -> None:
    """It is sent when the connection is back, however late; one that is refused stays, over a reload too."""
    speaker.context.set_offline(True)
    record(speaker)
    speaker.get_by_role("button", name="Stop and transcribe").click()
    expect(speaker.locator(".card[data-state=resuming]")).to_contain_text("Connection lost")
    speaker.route(
        "**/v1/jobs?*", lambda route: route.fulfill(status=413, json={"code": "FILE_TOO_LARGE", "detail": "Too large."})
    )
    speaker.context.set_offline(False)
    refused = speaker.locator(".card[data-state=refused]")
    expect(refused).to_contain_text("Too large.")
    expect(refused.get_by_role("button", name="Try again")).to_be_hidden()  # it would be refused again
    with speaker.expect_download():
        refused.get_by_role("button", name="Save as a file").click()
    speaker.unroute("**/v1/jobs?*")
    speaker.reload()
    speaker.wait_for_url("**/#/jobs/*")
    expect(speaker.get_by_role("heading", level=1)).to_contain_text("Recording 20")


def test_a_recording_that_becomes_too_large_is_warned_of_and_sent_in_time(speaker: Page) -> None:
    """The service says how much it takes."""
    limit = str(100_000)
    speaker.route("**/v1/uploads", lambda route: route.fulfill(status=204, headers={"Tus-Max-Size": limit}))
    record(speaker, "0:01")
    speaker.wait_for_function("() => document.querySelector('.record-warning')?.textContent.includes('left')")
    speaker.wait_for_url("**/#/jobs/*")
    expect(speaker.locator(".toast")).to_contain_text("size limit")
