"""Listening to a transcript and correcting it in headless Chromium, as a transcriptionist does."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from .browser import finished, shown_text, upload
from .played import event, job_document, played, segment

#: Seconds; -1 while it is paused.
PLAYING_AT = "() => { const a = document.querySelector('audio'); return a.paused ? -1 : a.currentTime; }"
#: Whether the word that is played can be seen.
IN_SIGHT = """() => {
    const word = document.querySelector(".word.playing");
    return word !== null && word.getBoundingClientRect().top > 0 && word.getBoundingClientRect().bottom < innerHeight;
}"""
#: Where a word in the middle is on the screen, in pixels.
HEIGHT = "() => document.querySelectorAll('.word')[100].getBoundingClientRect().top"
#: The tab is in the background, or in front again.
HIDE = """(hidden) => {
    Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


def open_recording(page: Page, name: str = "en-8s") -> str:
    """Sends a recording, and waits until its transcript and audio are there; the job's id."""
    upload(page, f"{name}.flac")
    job = finished(page)
    page.locator(".wave[data-drawn=audio]").wait_for()
    return job


def downloaded(page: Page, form: str) -> str:
    """A file as the page writes it."""
    page.get_by_role("button", name="Download").click()
    with page.expect_download() as loading:
        page.get_by_role("menuitem", name=f".{form}").click()
    return Path(loading.value.path()).read_text()


def test_playback_is_controlled_while_a_word_is_typed(page: Page) -> None:
    """With Alt the keys play, go back, change the speed, and leave the field alone; going on repeats a second."""
    open_recording(page)
    page.locator(".word").nth(4).dblclick()
    page.keyboard.type("typed")
    page.keyboard.press("Alt+k")
    page.wait_for_function("() => document.querySelector('audio').currentTime > 2.2")
    page.keyboard.press("Alt+k")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    paused_at = page.evaluate("document.querySelector('audio').currentTime")
    page.keyboard.press("Alt+k")
    assert 0 <= page.evaluate(PLAYING_AT) < paused_at - 0.5
    page.keyboard.press("Alt+j")
    assert 0 <= page.evaluate(PLAYING_AT) < 1
    page.keyboard.press("Alt+Period")
    assert page.locator(".word-field").input_value() == "typed"
    page.reload()  # the field is still open
    finished(page)
    expect(page.locator(".word").nth(4)).to_have_text("typed")
    expect(page.get_by_role("combobox", name="Speed")).to_have_value("1.25")
    assert page.evaluate("document.querySelector('audio').playbackRate") == 1.25


def test_keys_without_alt_work_beside_fields_and_can_be_switched_off(page: Page) -> None:
    """The list of shortcuts says which there are, and has the switch."""
    open_recording(page)
    page.keyboard.press("k")
    page.wait_for_function(f"() => ({PLAYING_AT})() >= 0")
    page.keyboard.press("k")
    page.keyboard.press("/")
    page.keyboard.type("k?")
    expect(page.get_by_role("searchbox")).to_have_value("k?")
    assert page.evaluate(PLAYING_AT) == -1
    page.get_by_role("heading", level=1).click()
    page.keyboard.press("?")
    page.get_by_label("Keys without Alt and Ctrl work, too").uncheck()
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    page.get_by_role("heading", level=1).click()
    page.keyboard.press("?")
    page.keyboard.press("k")
    assert page.evaluate(PLAYING_AT) == -1
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_corrections_and_replacements_are_undone_step_by_step_and_redone(page: Page) -> None:
    """A replacement of all matches is one step; matches across words are one text; undoing all is a step, too."""
    open_recording(page)
    before = page.locator(".word").all_text_contents()
    page.locator(".word").nth(0).dblclick()
    page.keyboard.type("Zero")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Undo", exact=True)).to_be_enabled()
    page.keyboard.type("One")
    page.keyboard.press("Enter")
    corrected = ["Zero", "One", *before[2:]]
    assert page.locator(".word").all_text_contents() == corrected

    page.get_by_role("searchbox").fill(f"ne {before[2][:2]}")
    page.get_by_role("button", name="Replace …").click()
    page.get_by_label("Replace with").fill("-")
    page.get_by_role("button", name="Replace all").click()
    expect(page.locator(".search-count")).to_have_text("No match")
    text = downloaded(page, "txt")
    assert text.startswith(f"Zero O- {before[2][2:]}".rstrip())

    page.get_by_role("heading", level=1).click()
    page.keyboard.press("Control+z")
    assert page.locator(".word").all_text_contents() == corrected
    page.keyboard.press("Control+z")
    assert page.locator(".word").all_text_contents() == ["Zero", *before[1:]]
    page.keyboard.press("Control+Shift+z")
    assert page.locator(".word").all_text_contents() == corrected
    page.get_by_role("button", name="Undo all").click()
    assert page.locator(".word").all_text_contents() == before
    page.get_by_role("button", name="Undo", exact=True).click()
    assert page.locator(".word").all_text_contents() == corrected
    page.reload()
    finished(page)
    assert page.locator(".word").all_text_contents() == corrected


def test_words_that_the_model_was_not_sure_of_can_be_marked_and_walked_to(page: Page, bridge_url: str) -> None:
    """The mark is remembered; a corrected word is not asked for again."""
    words = [
        {"text": f" {text}", "start": index, "end": index + 1.0, "probability": sure}
        for index, (text, sure) in enumerate([("sure", 0.9), ("perhaps", 0.4), ("certain", 1.0), ("maybe", 0.1)])
    ]
    spoken = {**segment("sure perhaps certain maybe", 0.0), "words": words}
    played(page, job_document("completed", 1), transcript=[spoken])
    page.goto(f"{bridge_url}/#/jobs/played")
    finished(page)
    page.get_by_role("button", name="Mark unsure words").click()
    page.reload()
    expect(page.get_by_role("button", name="Mark unsure words")).to_have_attribute("aria-pressed", "true")
    assert page.locator(".show-unsure .word.unsure").all_text_contents() == ["perhaps", "maybe"]
    assert page.locator(".word.unsure").first.get_attribute("title") == "40% sure"
    page.keyboard.press("u")
    page.keyboard.press("e")
    page.keyboard.type("Perhaps")
    page.keyboard.press("Enter")
    page.keyboard.press("u")
    assert page.evaluate("document.activeElement.textContent") == "maybe"
    page.keyboard.press("u")
    assert page.evaluate("document.activeElement.textContent") == "maybe"


def test_the_tools_stay_in_view_and_the_page_follows_the_audio_or_not(page: Page) -> None:
    """Scrolling away stops it, the button goes back; who switches it off is left alone, also after a reload."""
    page.set_viewport_size({"width": 1280, "height": 500})
    open_recording(page, "ko-150s")
    follow = page.get_by_role("button", name="Scroll with the audio")
    expect(follow).to_have_attribute("aria-pressed", "true")
    page.locator(".word").nth(150).click()
    page.wait_for_function(IN_SIGHT)
    expect(page.get_by_role("searchbox")).to_be_in_viewport()
    page.mouse.move(600, 250)
    page.mouse.wheel(0, -3000)
    expect(follow).to_have_attribute("aria-pressed", "false")
    first = page.locator(".word.playing").get_attribute("data-index")
    # Between two words none is playing.
    another = "(at) => ![at, undefined].includes(document.querySelector('.word.playing')?.dataset.index)"
    page.wait_for_function(another, arg=first)
    assert not page.evaluate(IN_SIGHT)
    follow.click()
    page.wait_for_function(IN_SIGHT)
    follow.click()
    page.reload()
    expect(follow).to_have_attribute("aria-pressed", "false")


def test_another_language_of_the_page_leaves_the_reader_where_they_are(page: Page) -> None:
    """Title, place, search, corrections to undo, and the audio, which plays on."""
    page.set_viewport_size({"width": 320, "height": 600})
    open_recording(page, "ko-150s")
    page.locator(".word").nth(1).dblclick()
    page.keyboard.type("고침")
    page.keyboard.press("Enter")
    page.get_by_role("searchbox").fill("고침")
    expect(page.locator(".job-head")).to_contain_text("kept until you delete it")
    page.locator(".word").nth(100).click()
    page.wait_for_function(f"() => ({PLAYING_AT})() >= 0")
    title, height = page.title(), page.evaluate(HEIGHT)
    page.get_by_role("button", name="한국어").dispatch_event("click")
    expect(page.get_by_role("button", name="일시정지")).to_be_visible()
    assert page.title() == title == "ko-150s.flac · SayIt"
    assert page.evaluate(HEIGHT) == pytest.approx(height, abs=5)
    expect(page.get_by_role("searchbox")).to_have_value("고침")
    expect(page.locator(".search-count")).to_have_text("1 / 1")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.get_by_role("button", name="실행 취소").dispatch_event("click")
    expect(page.locator(".word.edited")).to_have_count(0)


def test_the_text_of_a_running_job_is_searched_and_downloaded(page: Page, bridge_url: str) -> None:
    """In any form; letters are found however they are composed."""
    name = unicodedata.normalize("NFD", "김민아")
    texts = [segment(f"hello {name}", 0.0), segment("again", 1.0)]
    stream = event("text", 1, chunk_index=0, segments=texts[:1]) + event("text", 2, chunk_index=1, segments=texts[1:])
    played(page, job_document("running", 2), events=[stream])
    page.goto(f"{bridge_url}/#/jobs/played")
    page.get_by_role("searchbox").fill("o 김민")
    expect(page.locator(".search-count")).to_have_text("1 of 1")
    assert downloaded(page, "txt") == f"hello {name}\nagain\n"
    assert "00:00:01,000 --> 00:00:02,000\nagain" in downloaded(page, "srt")
    assert '"text": "again"' in downloaded(page, "json")
    expect(page.get_by_role("button", name="Edit")).to_be_hidden()


def test_a_cancelled_job_shows_its_text_in_any_browser(page: Page, bridge_url: str) -> None:
    """The service's log of events has it; it cannot be sent again where the audio is not."""
    stream = event("text", 1, chunk_index=0, segments=[segment("so far", 0.0)]) + event("state", 2, state="cancelled")
    played(page, job_document("cancelled", 2), events=[stream])
    page.goto(f"{bridge_url}/#/jobs/played")
    page.get_by_role("button", name="Copy").click()
    expect(page.locator(".toast")).to_have_text("Copied.")
    assert shown_text(page) == "so far"
    expect(page.get_by_role("button", name="Try again")).to_be_hidden()


def test_a_hidden_tab_gives_its_connection_back(page: Page, bridge_url: str) -> None:
    """After a while; it goes on where it was when it is seen again. Browsers allow six connections."""
    page.clock.install()
    requests = played(
        page, job_document("running", 1), events=[event("text", 1, chunk_index=0, segments=[segment("a", 0.0)])]
    )
    page.goto(f"{bridge_url}/#/jobs/played")
    expect(page.locator(".text-body")).to_contain_text("a")
    page.evaluate(HIDE, True)
    page.clock.run_for(60_000)
    seen = len(requests)
    page.clock.run_for(60_000)
    assert len(requests) == seen
    page.evaluate(HIDE, False)
    page.clock.run_for(1_000)
    page.wait_for_timeout(0)
    assert requests[-1] == "1"
    assert len(requests) > seen
