"""The page in headless Chromium, on a real suite with the bundled model."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import httpx
import pysubs2
from playwright.sync_api import Browser, Page, Route, expect

from tests.end_to_end.helper import RECORDINGS, label, repeated, word_error_rate

from .browser import cut_once, finished, keep_headers, opened, shown_text, upload
from .played import event, job_document, played, segment

#: Asks the page's own store for a job's audio.
KEPT_AUDIO = """async (job) => {
    const main = document.querySelector("script[type=module]").src;
    const store = await import(main.replace("main.js", "store.js"));
    return store.audioOf(job);
}"""
#: Some words are there, and it is not done.
GROWING = (
    """() => document.querySelector(".job-progress:not([hidden])") && document.querySelectorAll(".word").length > 5"""
)
#: What can be used but has no name to be read aloud.
NAMELESS = """[...document.querySelectorAll("button, a, input, select")]
    .filter((e) => !e.ariaLabel && !e.textContent.trim() && !e.labels?.length).map((e) => e.outerHTML)"""
#: A browser whose user refuses the microphone.
REFUSING = """() => {
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("refused", "NotAllowedError"));
}"""
#: Bytes that look like an mp3 and are none.
NOT_AUDIO = b"ID3\x04\x00\x00\x00\x00\x00\x00" + bytes(range(256)) * 200


def transcript(service: httpx.Client, job: str, form: str) -> str:
    """What the service says."""
    return service.get(f"/v1/jobs/{job}/transcript", params={"format": form}).text


def test_a_recording_becomes_text_while_it_is_transcribed(page: Page, service: httpx.Client, tmp_path: Path) -> None:
    """Its words are there before it is done, and in the end they are those of the service."""
    (tmp_path / "once.wav").write_bytes(
        repeated("ko-150s", 1, gain=0.8)
    )  # another file than other tests send: no cache
    page.set_input_files(".drop input[type=file]", str(tmp_path / "once.wav"))
    page.wait_for_function(GROWING)
    job = finished(page)
    assert shown_text(page) == " ".join(transcript(service, job, "txt").split())
    assert word_error_rate(label("ko-150s")["text"], shown_text(page)) < 10
    expect(page.locator("#announcer")).to_contain_text("is complete")


def test_a_large_file_survives_a_cut_and_its_text_a_reload(page: Page, service: httpx.Client, tmp_path: Path) -> None:
    """It goes in pieces and on where it was; after a reload the events go on behind the last one that was seen."""
    (tmp_path / "long.wav").write_bytes(repeated("ko-150s", 2, gain=0.7))
    offsets = cut_once(page, "**/v1/uploads/*", method="PATCH", nth=2)
    page.set_input_files(".drop input[type=file]", str(tmp_path / "long.wav"))
    page.wait_for_url("**/#/jobs/*")
    assert offsets == ["0", "8388608", "8388608"]
    page.locator(".chunk:not(.partial) .word").first.wait_for()
    page.wait_for_timeout(300)  # what was seen is stored in the background
    seen = keep_headers(page, "/events", "last-event-id")
    page.reload()
    page.locator(".word").first.wait_for()
    job = finished(page)
    assert int(seen[0]) > 0
    assert shown_text(page) == " ".join(transcript(service, job, "txt").split())


def test_what_few_need_is_behind_more_options(page: Page, service: httpx.Client) -> None:
    """Words to expect, a stored vocabulary and boxes become the job's options; the others stay the service's."""
    page.route("**/v1/vocabularies", lambda route: route.fulfill(json={"vocabularies": []}))  # other tests store some
    page.reload()
    page.get_by_text("More options").click()
    expect(page.get_by_label("Names and terms to expect")).to_be_visible()
    expect(page.get_by_label("Vocabulary")).to_be_hidden()
    page.unroute("**/v1/vocabularies")
    vocabulary = "/v1/vocabularies/page-team"
    assert service.put(vocabulary, json={"words": ["세이잇"]}).status_code == 200
    page.reload()
    page.get_by_text("More options").click()
    page.get_by_label("Vocabulary").select_option("page-team")
    page.get_by_label("Names and terms to expect").fill(" gRPC, 김민아 ")
    page.get_by_label("Numbers as digits").check()
    page.get_by_label("A speaker on each channel").check()
    upload(page, "en-8s.flac")
    job = finished(page)
    options = service.get(f"/v1/jobs/{job}").json()["options"]
    said = [options[name] for name in ("hotwords", "vocabulary", "formatting", "channels", "mask_profanity", "task")]
    assert said == ["gRPC, 김민아", "page-team", True, "split", False, "transcribe"]
    page.get_by_role("link", name="SayIt").first.click()
    expect(page.get_by_label("Vocabulary")).to_have_value("page-team")
    assert service.delete(vocabulary).status_code == 204
    page.reload()
    expect(page.get_by_label("Names and terms to expect")).to_be_visible()
    expect(page.locator("option", has_text="page-team")).to_have_count(0)


def test_downloads_equal_the_service_s_until_a_word_is_corrected(page: Page, service: httpx.Client) -> None:
    """Corrections are in every form, stay after a reload, and can be undone."""
    upload(page, "en-8s.flac")
    job = finished(page)

    def download(form: str) -> str:
        page.get_by_role("button", name="Download").click()
        with page.expect_download() as loading:
            page.get_by_role("menuitem", name=f".{form}").click()
        assert loading.value.suggested_filename == f"en-8s.{form}"
        return Path(loading.value.path()).read_text()

    for form in ("txt", "md", "srt", "vtt", "ass", "ttml"):
        assert download(form) == transcript(service, job, form)
    assert json.loads(download("json")) == json.loads(transcript(service, job, "json"))

    for form in ("docx", "pdf"):
        page.get_by_role("button", name="Download").click()
        with page.expect_download() as loading:
            page.get_by_role("menuitem", name=f".{form}").click()
        assert loading.value.suggested_filename == f"en-8s.{form}"
        served = service.get(f"/v1/jobs/{job}/transcript.{form}").content
        assert Path(loading.value.path()).read_bytes() == served

    before = page.locator(".word").nth(1).text_content()
    page.locator(".word").nth(1).dblclick()
    page.keyboard.type("Corrected")
    page.keyboard.press("Enter")
    page.reload()
    finished(page)
    assert page.locator(".word.edited").text_content() == "Corrected"
    for form in ("txt", "md", "srt", "vtt"):
        assert " Corrected " in download(form)
    [first, *_] = pysubs2.SSAFile.from_string(download("ass"), format_="ass")
    assert " Corrected " in first.text
    assert " Corrected " in "".join(ET.fromstring(download("ttml")).itertext())
    written = json.loads(download("json"))
    assert " Corrected " in written["text"]
    assert written["segments"][0]["words"][1]["text"] == " Corrected"
    assert written["segments"][0]["words"][1]["probability"] > 0
    page.get_by_role("button", name="Undo all").click()
    assert page.locator(".word").nth(1).text_content() == before
    assert download("txt") == transcript(service, job, "txt")


def test_search_counts_and_walks_through_the_matches(page: Page) -> None:
    """Ignoring case and across words; Enter goes on, and round."""
    upload(page, "en-8s.flac")
    finished(page)
    words = page.locator(".word").all_text_contents()
    wanted = f"{words[1].upper()} {words[2]}"
    count = " ".join(words).lower().count(wanted.lower())
    page.get_by_role("searchbox").fill(wanted)
    expect(page.locator(".search-count")).to_have_text(f"1 of {count}")
    assert page.evaluate("CSS.highlights.get('found').size") == count
    page.keyboard.press("Enter")
    expect(page.locator(".search-count")).to_have_text(f"{1 % count + 1} of {count}")
    page.get_by_role("searchbox").fill("nobody said this")
    expect(page.locator(".search-count")).to_have_text("No match")


def test_errors_are_sentences_in_the_page_s_language(browser: Browser, bridge_url: str, tmp_path: Path) -> None:
    """What is refused at once and what fails later says why, in Korean here; the other file is not held up."""
    (tmp_path / "<img src=x onerror=alert(1)>.mp3").write_bytes(b"this is a text " * 100)
    (tmp_path / "bad.mp3").write_bytes(NOT_AUDIO)
    files = [*sorted(map(str, tmp_path.iterdir())), str(RECORDINGS / "ko-8s.flac")]
    with opened(browser, bridge_url, locale="ko-KR") as page:
        page.set_input_files(".drop input[type=file]", files)
        refused = page.locator(".card[data-state=refused]")
        expect(refused).to_contain_text("읽을 수 있는 오디오나 동영상 파일이 아닙니다")
        expect(refused).to_contain_text("<img src=x onerror=alert(1)>.mp3")
        expect(page.locator(".card[data-state=completed]", has_text="ko-8s.flac").first).to_be_visible()
        page.locator(".card[data-state=failed] a", has_text="bad.mp3").first.click()
        expect(page.get_by_role("alert")).to_contain_text("파일이 손상되었거나")
        page.goto(f"{bridge_url}/#/jobs/nobody-has-this")
        expect(page.get_by_role("alert")).to_contain_text("더 이상 없습니다")
        expect(page).to_have_title("더 이상 없는 녹음 · SayIt")


def test_the_language_and_the_theme_can_be_chosen_and_stay(page: Page) -> None:
    """The browser's come first; what is chosen stays after a reload."""
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.get_by_role("button", name="한국어").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("말하면, 글이 됩니다.")
    page.get_by_role("button", name="어두운 화면으로").click()
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(20, 20, 19)"


def test_a_job_can_be_deleted_and_leaves_nothing(page: Page, service: httpx.Client) -> None:
    """After a question; from the list, the service and the browser."""
    upload(page, "ko-8s.flac")
    job = finished(page)
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Keep it").click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.wait_for_url(re.compile(r"/#/$"))
    expect(page.locator(f'a[href="#/jobs/{job}"]')).to_have_count(0)
    assert service.get(f"/v1/jobs/{job}").status_code == 404
    assert page.evaluate(KEPT_AUDIO, job) is None


def test_deleting_from_the_list_keeps_the_focus_in_it(page: Page) -> None:
    """It goes to the neighbour, or a user with a keyboard would begin at the top again."""
    upload(page, "en-8s.flac")
    job = finished(page)
    page.get_by_role("link", name="All recordings").click()
    card = page.locator(".card", has=page.locator(f'a[href="#/jobs/{job}"]'))
    card.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(card).to_have_count(0)
    expect(page.locator(".card-name:focus, main:focus")).to_have_count(1)


def test_any_language_is_found_by_its_name_and_stays_chosen(page: Page) -> None:
    """In the page's language or its own, with the keyboard alone; after a reload it is still there."""
    page.get_by_role("button", name="Other …").click()
    page.keyboard.type("portugues")
    page.keyboard.press("Enter")
    expect(page.get_by_role("radio", name="português")).to_be_checked()
    page.reload()
    expect(page.get_by_role("radio", name="português")).to_be_checked()


def test_a_microphone_that_is_refused_is_explained(page: Page) -> None:
    """Nothing breaks, and the sentence says what to do."""
    page.evaluate(REFUSING)
    page.get_by_role("button", name="Record").click()
    expect(page.locator(".toast")).to_contain_text("The microphone is blocked")
    expect(page.get_by_role("button", name="Choose files")).to_be_visible()


def test_a_key_is_asked_for_only_when_the_service_wants_one(page: Page) -> None:
    """A wrong key is asked for again; the right one goes with every request until the tab is closed."""

    def guarded(route: Route) -> None:
        if route.request.headers.get("authorization") == "Bearer right":
            route.continue_()
        else:
            route.fulfill(status=401, content_type="application/problem+json", body='{"code": "UNAUTHENTICATED"}')

    expect(page.get_by_role("dialog")).to_have_count(0)
    page.route("**/v1/**", guarded)
    page.reload()
    page.get_by_label("API key").fill("wrong")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("alert")).to_have_text("This key was not accepted.")
    page.get_by_label("API key").fill("right")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    upload(page, "en-8s.flac")
    finished(page)
    assert page.evaluate("sessionStorage.getItem('sayit.key')") == "right"


def test_a_lost_connection_is_shown_until_it_is_back(page: Page) -> None:
    """The notice comes, and goes by itself."""
    page.context.set_offline(True)
    expect(page.locator("#notice")).to_contain_text("No connection", timeout=60_000)
    page.context.set_offline(False)
    expect(page.locator("#notice")).to_contain_text("Connected again")


def test_the_page_can_be_used_with_the_keyboard_alone(page: Page) -> None:
    """Everything has a name; arrows walk from word to word, E corrects one; a menu closes with Escape."""
    upload(page, "en-8s.flac")
    finished(page)
    page.locator(".time").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.index") == "1"
    page.keyboard.press("e")
    page.keyboard.type("typed")
    page.keyboard.press("Enter")
    assert page.locator(".word").nth(1).text_content() == "typed"
    assert page.evaluate("document.activeElement.dataset.index") == "1"
    page.get_by_role("button", name="Download").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    assert ".md" in page.evaluate("document.activeElement.textContent")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "false"
    assert page.evaluate(NAMELESS) == []


def test_removed_text_can_be_looked_through(page: Page, bridge_url: str) -> None:
    """Behind a line that says how much it is, with time and reason; a text without any has no such line."""
    gone = {"text": "Thanks for watching.", "reason": "known_phrase", "start": 61.0, "end": 62.0}
    played(page, job_document("completed", 1), transcript=[segment("one", 0.0)], suppressed=[gone])
    page.goto(f"{bridge_url}/#/jobs/played")
    page.get_by_text("1 text removed as probably not said").click()
    expect(page.locator(".removed li")).to_have_text(
        "1:01 Thanks for watching. a phrase that the model invents in silence"
    )
    assert shown_text(page) == "one"


def test_final_text_replaces_partial_text_and_refinements_replace_both(page: Page, bridge_url: str) -> None:
    """A partial text that comes late changes nothing; a stream that breaks off is resumed behind its last number."""
    first = (
        event("partial", None, chunk_index=1, segments=[segment("second par", 1.0)])
        + event("text", 1, chunk_index=0, segments=[segment("first", 0.0)])
        + event("partial", None, chunk_index=0, segments=[segment("late", 0.0)])
        + ": beat\n\n"
        + event("text", 2, chunk_index=1, segments=[segment("second", 1.0)])
        + event("partial", None, chunk_index=2, segments=[segment("third", 2.0)])
    )
    then = event("refinement", 3, number=1, chunk_indexes=[0, 1], segments=[segment("first and second", 0.0)])
    answers = [first]
    seen = played(page, job_document("running", 3), events=answers)
    page.goto(f"{bridge_url}/#/jobs/played")
    expect(page.locator(".chunk.partial")).to_contain_text("third")
    assert shown_text(page) == "first second third"
    answers.append(then)
    expect(page.locator(".text-body")).to_contain_text("first and second")
    assert shown_text(page) == "first and second third"
    assert seen[:2] == ["", "2"]
    expect(page.locator(".job-how")).to_have_text("0:01 of 0:03 · 2 pieces ahead · about 40 s left")
    expect(page.locator(".job-warnings")).to_contain_text("The file ends early")


def test_another_keys_audio_is_not_forgotten(page: Page) -> None:
    """The list of one key's jobs says nothing of another's; what its own list does not have any more is dropped."""
    upload(page, "en-8s.flac")
    job = finished(page)
    page.locator(".wave[data-drawn=audio]").wait_for()
    page.route("**/v1/jobs?*", lambda route: route.fulfill(json={"jobs": [], "next_page_token": ""}))
    page.evaluate("sessionStorage.setItem('sayit.key', 'of another tenant')")
    page.goto(page.url.partition("#")[0])
    page.reload()
    expect(page.get_by_text("What you transcribe will be listed here.")).to_be_visible()
    assert page.evaluate(f"async (job) => (await ({KEPT_AUDIO})(job))?.size > 0", job)
    page.evaluate("sessionStorage.removeItem('sayit.key')")
    page.reload()
    page.wait_for_function(f"async (job) => (await ({KEPT_AUDIO})(job)) === null", arg=job)
