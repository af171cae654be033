"""Splitting, joining and naming in the page's editor, in headless Chromium on a real suite."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from .browser import finished, upload
from .played import job_document, played, segment

SAVED = "saved on the server"


@pytest.fixture
def job(page: Page, service: httpx.Client) -> Iterator[str]:
    """A job of one sentence that the page shows; it is deleted, for it would be kept without end."""
    upload(page, "en-8s.flac")
    made = finished(page)
    yield made
    service.delete(f"/v1/jobs/{made}")


#: Text that was laid out anew can be read when it is drawn.
DRAWN = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def paragraphs(page: Page) -> list[str]:
    """Their words, with single spaces."""
    page.evaluate(DRAWN)
    return [" ".join(text.split()) for text in page.locator(".paragraph p:not(.speaker)").all_inner_texts()]


def rows(page: Page) -> list[str]:
    """The segments while they are edited: the speaker in front, then the words."""
    page.evaluate(DRAWN)
    return [" ".join(text.split()) for text in page.locator(".segment").all_inner_texts()]


def name(page: Page, row: int, speaker: str, where: str) -> None:
    """Names the speaker of a row."""
    page.locator(".naming").nth(row).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill(speaker)
    dialog.get_by_label(where).check()
    dialog.get_by_role("button", name="Set the name").click()
    expect(page.locator("dialog")).to_have_count(0)  # a closed one has no role before its answer is taken


def test_a_paragraph_is_split_named_and_joined_again(page: Page, job: str, service: httpx.Client) -> None:
    """By the button beside a word and by keys; every form of the transcript has it, each step is undone and redone."""
    words = page.locator(".word").all_text_contents()
    model = service.get(f"/v1/jobs/{job}/transcript?version=0").json()["segments"]
    page.locator(".word").nth(2).dblclick()
    page.keyboard.type("Third")
    page.get_by_role("button", name="Begin a paragraph with this word").click()
    first, rest = " ".join(words[:2]), ["Third", *words[3:]]
    assert paragraphs(page) == [first, " ".join(rest)]
    expect(page.locator(".word").nth(2)).to_be_focused()

    second, others = " ".join(rest[: len(model[0]["words"]) - 2]), [one["text"] for one in model[1:]]
    page.get_by_role("button", name="Edit", exact=True).click()
    name(page, 1, "Mina Kim", "Only this sentence")
    name(page, 0, "Lee", "Wherever this speaker speaks")
    assert rows(page) == [f"Lee {first}", f"Mina Kim {second}", *(f"Lee {text}" for text in others)]
    expect(page.locator(".text-saved")).to_have_text(SAVED)
    told = service.get(f"/v1/jobs/{job}/corrections").json()
    assert told["names"] == {"0": "Lee"}
    assert told["segments"][0]["speaker"] == "\nMina Kim"
    forms = {form: service.get(f"/v1/jobs/{job}/transcript?format={form}").text for form in ("txt", "md", "srt", "vtt")}
    assert forms["txt"].splitlines() == [f"Lee: {first}", f"Mina Kim: {second}", *(f"Lee: {text}" for text in others)]
    assert f"**Lee:** {first}\n" in forms["md"]
    assert f"**Mina Kim:** {second}\n" in forms["md"]
    assert "Lee: " in forms["srt"]
    assert "<v Mina Kim>" in forms["vtt"]
    data = service.get(f"/v1/jobs/{job}/transcript?format=json").json()["segments"]
    assert [(one["speaker"], one["text"]) for one in data][:2] == [("Lee", first), ("Mina Kim", second)]

    page.reload()
    finished(page)
    assert page.locator(".speaker").all_text_contents() == ["Lee", "Mina Kim", "Lee"]
    assert paragraphs(page) == [first, second, " ".join(others)]
    page.locator(".word").nth(2).focus()
    page.keyboard.press("Control+Enter")
    expect(page.locator(".paragraph")).to_have_count(1)
    expect(page.locator(".text-saved")).to_have_text(SAVED)
    assert service.get(f"/v1/jobs/{job}/transcript.txt").text.startswith(f"Lee: {first} {second}\n")

    page.get_by_role("heading", level=1).click()
    page.keyboard.press("Control+z")
    assert page.locator(".speaker").all_text_contents() == ["Lee", "Mina Kim", "Lee"]
    page.keyboard.press("Control+Shift+z")
    assert page.locator(".speaker").all_text_contents() == ["Lee"]
    page.get_by_role("button", name="Undo all").click()
    expect(page.locator(".speaker")).to_have_count(0)
    assert page.locator(".word").all_text_contents() == words
    expect(page.locator(".text-saved")).to_have_text(SAVED)
    now = service.get(f"/v1/jobs/{job}/corrections").json()
    assert (now["segments"], now["names"]) == ([], {})


def spoken(text: str, start: float, channel: int = 0) -> dict[str, Any]:
    """A segment whose words share a second."""
    parts = text.split()
    step = 1.0 / len(parts)
    words = [
        {"text": f" {part}", "start": start + step * at, "end": start + step * (at + 1), "probability": 0.9}
        for at, part in enumerate(parts)
    ]
    return {**segment(text, start), "channel": channel, "words": words}


def shown(page: Page, bridge_url: str, *segments: dict[str, Any]) -> list[dict[str, Any]]:
    """Opens a job with these segments, to be edited; the bodies of the corrections that the page sends."""
    sent: list[dict[str, Any]] = []
    played(page, job_document("completed", 1), transcript=list(segments))
    page.on("request", lambda request: sent.append(request.post_data_json) if request.method == "PATCH" else None)
    page.goto(f"{bridge_url}/#/jobs/played")
    finished(page)
    page.get_by_role("button", name="Edit", exact=True).click()
    return sent


def test_segments_of_the_model_are_joined_and_parted(page: Page, bridge_url: str) -> None:
    """In their channel, across what another one says meanwhile; Backspace at its beginning joins a sentence."""
    sent = shown(page, bridge_url, spoken("so I", 0, 1), spoken("yes", 0.5, 2), spoken("said this", 1, 1))
    assert rows(page) == ["Channel 1 so I", "Channel 2 yes", "Channel 1 said this"]
    page.locator(".word").nth(3).click()
    page.keyboard.press("Home")
    page.keyboard.press("Backspace")
    assert rows(page) == ["Channel 1 so I said this", "Channel 2 yes"]
    page.get_by_role("button", name="Undo", exact=True).click()
    assert rows(page) == ["Channel 1 so I", "Channel 2 yes", "Channel 1 said this"]
    page.get_by_role("button", name="Redo", exact=True).click()
    with page.expect_request(lambda request: request.method == "PATCH"):
        pass
    assert sent[-1]["segments"] == [{"segment": 2, "words": {}, "joined": True, "speaker": ""}]
    page.locator(".word", has_text="said").click()
    page.get_by_role("button", name="Begin a paragraph with this word").click()
    assert rows(page) == ["Channel 1 so I", "Channel 2 yes", "Channel 1 said this"]


def test_a_speaker_is_named_here_from_here_or_everywhere(page: Page, bridge_url: str) -> None:
    """All of a channel: it has the name. Names that were given are offered, and are in the page's own files."""
    sent = shown(page, bridge_url, *(spoken(text, at) for at, text in enumerate(["one", "two", "three", "four"])))
    name(page, 1, "Kim", "From here until another speaker")
    assert rows(page) == ["Speaker … one", "Kim two", "Kim three", "Kim four"]
    name(page, 3, "Lee", "Only this sentence")
    name(page, 2, "Kim Mina", "Wherever this speaker speaks")
    assert rows(page) == ["Speaker … one", "Kim Mina two", "Kim Mina three", "Lee four"]
    name(page, 0, "Park", "Wherever this speaker speaks")
    page.locator(".naming").first.click()
    offered = page.locator("#speakers option").evaluate_all("all => all.map((each) => each.value)")
    assert sorted(offered) == ["Kim Mina", "Lee", "Park"]
    page.keyboard.press("Escape")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == "Park: one\nKim Mina: two\nKim Mina: three\nLee: four"
    name(page, 0, "", "Only this sentence")
    assert rows(page)[0] == "Speaker … one"
    expect(page.locator(".text-saved")).to_have_text(SAVED)
    assert {channel: given for each in sent for channel, given in each["names"].items()} == {"0": "Park"}
    assert "-" in [each["speaker"] for each in sent[-1]["segments"]]


def test_a_sentence_without_words_is_split_where_the_cursor_is(page: Page, bridge_url: str) -> None:
    """Jobs whose word times were not asked for; the parts are corrected, and joined, like others."""
    sent = shown(page, bridge_url, segment("one two three", 0.0))
    page.locator(".word").click()
    field = page.get_by_role("textbox", name="Correct “one two three”")
    field.evaluate("field => field.setSelectionRange(3, 3)")
    page.keyboard.press("Control+Enter")
    assert paragraphs(page) == ["Speaker … one", "Speaker … two three"]
    page.locator(".word").nth(1).click()
    page.keyboard.type("zwei drei")
    page.keyboard.press("Enter")
    assert paragraphs(page) == ["Speaker … one", "Speaker … zwei drei"]
    with page.expect_request(lambda request: request.method == "PATCH"):
        pass
    expect(page.locator(".text-saved")).to_have_text(SAVED)
    assert sent[-1]["segments"][0]["text"] == "one\nzwei drei"
    page.locator(".word").nth(1).focus()
    page.keyboard.press("Control+Enter")
    assert paragraphs(page) == ["Speaker … one zwei drei"]
