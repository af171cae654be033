"""The list of recordings as a library, and paper, in headless Chromium on a real suite."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from tests.end_to_end.helper import RECORDINGS

from .browser import finished, upload
from .played import job_document


@pytest.fixture
def jobs(service: httpx.Client) -> Iterator[list[str]]:
    """Three finished jobs: two of one name, one with a label of a program's."""
    made = []
    for name, label in [("면담 하나.flac", "show=9"), ("talk.flac", ""), ("talk.flac", "")]:
        query = {"filename": name, "wait": "60", "language": "en", **({"label": label} if label else {})}
        answer = service.post("/v1/jobs", params=query, content=(RECORDINGS / "en-8s.flac").read_bytes())
        assert answer.json()["state"] == "completed"
        made.append(answer.json()["id"])
    yield made
    for job in made:
        service.delete(f"/v1/jobs/{job}")


def card(page: Page, job: str) -> Any:
    """A job's line in the list."""
    return page.locator(".card", has=page.locator(f"[href='#/jobs/{job}']"))


def test_a_recording_gets_a_name_and_tags_and_is_found_by_them(
    page: Page, jobs: list[str], service: httpx.Client
) -> None:
    """A program's labels stay, and are found, too; the job's own view shows its name, and another tab follows."""
    page.reload()
    line = card(page, jobs[0])
    line.get_by_role("button", name="Name and tags").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("Mayor’s interview")
    dialog.get_by_label("Tags").fill("radio,  Busan,, radio")
    dialog.get_by_role("button", name="Save").click()
    expect(line.locator(".card-name")).to_have_text("Mayor’s interview")
    assert line.locator(".marks li").all_inner_texts() == ["radio", "Busan", "show: 9"]
    told = service.get(f"/v1/jobs/{jobs[0]}").json()
    assert (told["filename"], told["labels"]) == ("Mayor’s interview", {"show": "9", "tags": "radio, Busan"})

    search = page.get_by_role("searchbox", name="Search names, tags and texts")
    for wanted in ("mayor BUSAN", "show: 9"):
        search.fill(wanted)
        expect(line).to_be_visible()
        expect(card(page, jobs[1])).to_have_count(0)
    search.fill("nowhere at all")
    expect(page.locator(".card")).to_have_count(0)
    search.press("Escape")
    expect(card(page, jobs[1])).to_be_visible()

    page.goto(f"{page.url.partition('#')[0]}#/jobs/{jobs[0]}")
    finished(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Mayor’s interview")
    service.patch(f"/v1/jobs/{jobs[0]}", json={"filename": "By a program"})
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # the page asks for the list of jobs
    expect(page.get_by_role("heading", level=1)).to_have_text("By a program")


def test_buttons_stay_in_their_place_when_the_list_comes(page: Page, jobs: list[str]) -> None:
    """Else a click on one meets a recording that came in its place: on the first visit, and where there were some."""
    page.evaluate("localStorage.clear()")
    held: list[Route] = []
    page.route("**/v1/jobs?*", lambda route: held.append(route))  # noqa: PLW0108 - a built-in method cannot be marked
    for _ in range(2):
        page.reload()
        record = page.get_by_role("button", name="Record", exact=True)
        page.get_by_text("up to").wait_for()  # the largest upload, which is asked for, too
        before = record.bounding_box()
        while not held:
            page.wait_for_timeout(20)
        while held:
            held.pop().continue_()
        expect(card(page, jobs[0])).to_be_visible()
        assert record.bounding_box() == before


def test_what_is_searched_may_be_on_a_page_that_was_not_shown(page: Page) -> None:
    """All jobs are searched; names that are written with composed letters and others are the same."""
    names = [f"{number}.wav" for number in range(130)] + ["한글.wav"]
    listed = [
        {
            **job_document("completed", 1),
            "id": f"job{at}",
            "filename": name,
            "created_at": f"2026-01-01T{23 - at // 60:02}:{59 - at % 60:02}:00Z",
        }
        for at, name in enumerate(names)
    ]

    def page_of(route: Route) -> None:
        query = dict(part.split("=") for part in route.request.url.partition("?")[2].split("&"))
        first, size = int(query.get("page_token", "0")), int(query["page_size"])
        token = str(first + size) if first + size < len(listed) else ""
        route.fulfill(json={"jobs": listed[first : first + size], "next_page_token": token})

    page.route("**/v1/jobs?*", page_of)
    page.reload()
    expect(page.locator(".card")).to_have_count(50)
    page.get_by_role("button", name="Show older").click()
    expect(page.locator(".card")).to_have_count(100)
    page.get_by_role("searchbox", name="Search names, tags and texts").fill("한글")
    expect(page.locator(".card-name")).to_have_text(["한글.wav"])
    expect(page.locator(".library-found")).to_have_text("1 of 131")


def test_several_are_downloaded_as_a_zip_and_deleted(page: Page, jobs: list[str], service: httpx.Client) -> None:
    """Names that are there twice are told apart; the files are the service's, corrections included."""
    change = {"expected_version": 0, "segments": [{"segment": 0, "text": "고친 글"}]}
    assert service.patch(f"/v1/jobs/{jobs[0]}/transcript", json=change).status_code == 200
    page.reload()
    page.get_by_role("button", name="Select", exact=True).click()
    for job in jobs:
        card(page, job).get_by_role("checkbox").check()
    expect(page.locator(".library-bar")).to_contain_text("3 selected")
    page.get_by_role("button", name="Download …").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Subtitles SRT").check()
    with page.expect_download() as loading:
        dialog.get_by_role("button", name="Download as zip").click()
    assert loading.value.suggested_filename == "sayit.zip"
    archive = zipfile.ZipFile(io.BytesIO(Path(loading.value.path()).read_bytes()))
    assert archive.testzip() is None
    assert sorted(archive.namelist()) == [
        *["talk (2).srt", "talk (2).txt", "talk.srt", "talk.txt"],
        *["면담 하나.srt", "면담 하나.txt"],
    ]
    assert archive.read("면담 하나.txt").decode().startswith("고친 글\n")
    assert archive.read("talk.srt").decode() == service.get(f"/v1/jobs/{jobs[1]}/transcript.srt").text

    card(page, jobs[0]).get_by_role("checkbox").uncheck()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("dialog")).to_contain_text("Delete 2 recordings?")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(card(page, jobs[2])).to_have_count(0)
    expect(card(page, jobs[1])).to_have_count(0)
    expect(card(page, jobs[0])).to_have_count(1)
    assert [service.get(f"/v1/jobs/{job}").status_code for job in jobs] == [200, 404, 404]


def test_a_transcript_is_printed_without_the_page_around_it(page: Page) -> None:
    """Title, times, speakers and text are on paper, dark letters on white; tools and player are not."""
    page.emulate_media(color_scheme="dark")
    upload(page, "en-8s.flac")
    finished(page)
    page.locator(".wave[data-drawn=audio]").wait_for()
    page.get_by_role("button", name="Edit", exact=True).click()
    page.emulate_media(media="print", color_scheme="dark")
    for unwanted in (".top", ".tools-row", ".player", ".job-actions", ".job-back", ".naming >> nth=0"):
        expect(page.locator(unwanted)).to_be_hidden()
    for wanted in ("#job-title", ".time >> nth=0", ".word >> nth=0"):
        expect(page.locator(wanted)).to_be_visible()
    ink = page.locator(".word").first.evaluate("word => getComputedStyle(word).color")
    assert sum(map(int, ink.removeprefix("rgb(").removesuffix(")").split(","))) < 200
    assert page.pdf().startswith(b"%PDF")
