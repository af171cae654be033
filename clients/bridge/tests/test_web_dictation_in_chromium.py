"""Dictating on the page in headless Chromium, whose microphone speaks a recording."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from tests.end_to_end.helper import RECORDINGS, label, wav, word_error_rate
from tests.faults.proxy import Proxy

from .browser import finished, opened, running_browser, shown_text

SPOKEN = "en-8s"
#: A browser whose audio is recorded and not processed.
PROCESSES_NOTHING = """() => {
    window.AudioContext = class extends AudioContext {
        constructor() { super(); void this.suspend(); }
        async resume() {}
    };
}"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser whose microphone speaks a recording, once for each page, and is silent afterwards."""
    samples, rate = soundfile.read(RECORDINGS / f"{SPOKEN}.flac", dtype="int16")
    speech = tmp_path_factory.mktemp("microphone") / "speech.wav"
    speech.write_bytes(wav(np.concatenate([samples, np.zeros(rate, np.int16)]), rate))
    with running_browser(f"--use-file-for-fake-audio-capture={speech}%noloop") as browser:
        yield browser


@pytest.fixture
def speaker(browser: Browser, bridge_url: str) -> Iterator[Page]:
    """The start page of a person with a microphone."""
    with opened(browser, bridge_url, permissions=["microphone"]) as page:
        yield page


@contextmanager
def breakable(url: str) -> Iterator[tuple[str, Any]]:
    """A way to a bridge that can be broken: its address, and what breaks all connections."""
    loop, proxy, stop = asyncio.new_event_loop(), Proxy(url.removeprefix("http://")), asyncio.Event()
    ready = threading.Event()

    async def serve() -> None:
        async with proxy.running():
            ready.set()
            await stop.wait()

    serving = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    serving.start()
    try:
        assert ready.wait(30)
        yield f"http://{proxy.address}", lambda: loop.call_soon_threadsafe(proxy.reset)
    finally:
        loop.call_soon_threadsafe(stop.set)
        serving.join()
        loop.close()


def wait_for_clock(page: Page, time: str) -> None:
    """Waits until so much was spoken."""
    page.wait_for_function("(time) => document.querySelector('.record-time').textContent >= time", arg=time)


def heard(page: Page) -> str:
    """The transcript of the job that is shown, once it is there."""
    finished(page)
    return shown_text(page)


def test_text_appears_while_one_speaks_and_becomes_a_job(speaker: Page, service: httpx.Client) -> None:
    """With the options on screen; a pause and another language change nothing of it; final text is read aloud."""
    speaker.get_by_text("More options").click()
    speaker.get_by_label("Mask swear words").check()
    speaker.get_by_role("radio", name="English").check()
    speaker.get_by_role("button", name="Dictate").click()
    speaker.wait_for_url("**/#/jobs/*")
    speaker.locator(".chunk:not(.partial) .word").first.wait_for()
    assert speaker.locator("#announcer p").count()
    wait_for_clock(speaker, "0:09")
    bar = speaker.get_by_role("region", name="Dictate")
    bar.get_by_role("button", name="Pause").click()
    expect(bar).to_contain_text("Paused")
    speaker.get_by_role("button", name="한국어").click()
    speaker.get_by_role("button", name="이어서 말하기").click()
    speaker.get_by_role("button", name="English").click()
    assert speaker.locator(".player").is_hidden()
    bar.get_by_role("button", name="Finish").click()
    expect(bar).to_have_count(0)
    assert word_error_rate(label(SPOKEN)["text"], heard(speaker)) < 40
    expect(speaker.get_by_role("button", name="Play", exact=True)).to_be_enabled()  # its audio is there
    job = service.get(f"/v1/jobs/{speaker.url.rpartition('/')[2]}").json()
    assert job["filename"].startswith("Dictation 20")
    assert (job["options"]["language"], job["options"]["mask_profanity"]) == ("en", True)


def test_a_dictation_goes_on_after_its_connection_broke(browser: Browser, bridge_url: str) -> None:
    """In the same job, and nothing of it is lost."""
    with (
        breakable(bridge_url) as (url, break_all),
        opened(browser, url, permissions=["microphone"]) as page,
    ):
        page.get_by_role("radio", name="English").check()
        page.get_by_role("button", name="Dictate").click()
        page.wait_for_url("**/#/jobs/*")
        job = page.url
        page.locator(".chunk .word").first.wait_for()
        with page.expect_websocket(lambda socket: "resume=" + job.rpartition("/")[2] in socket.url):
            break_all()
        wait_for_clock(page, "0:09")
        page.get_by_role("button", name="Finish").click()
        assert word_error_rate(label(SPOKEN)["text"], heard(page)) < 40
        assert page.url == job


def test_where_the_service_is_full_it_becomes_a_recording(speaker: Page) -> None:
    """Which is said at once; what was spoken is sent when it ends."""

    def full(socket: WebSocketRoute) -> None:
        def answer(message: str | bytes) -> None:
            assert json.loads(message)["type"] == "session.update"
            socket.send(json.dumps({"type": "error", "error": {"code": "OVERLOADED", "message": "It is full."}}))
            socket.close(code=1013, reason="OVERLOADED")

        socket.on_message(answer)
        socket.send(json.dumps({"type": "session.created"}))

    speaker.route_web_socket("**/v1/realtime?*", full)
    speaker.get_by_role("button", name="Dictate").click()
    expect(speaker.locator(".record-warning")).to_have_text(
        "It is full. Speak on: it is recorded, and transcribed when you finish."
    )
    wait_for_clock(speaker, "0:03")
    speaker.get_by_role("button", name="Finish").click()
    expect(speaker.locator(".toast")).to_contain_text("The recording is sent as a file.")
    assert heard(speaker)


def test_where_the_browser_processes_no_audio_it_becomes_a_recording(speaker: Page) -> None:
    """As Firefox without a device to play to: its session would end well, and empty."""
    speaker.evaluate(PROCESSES_NOTHING)
    speaker.get_by_role("button", name="Dictate").click()
    speaker.wait_for_url("**/#/jobs/*")
    wait_for_clock(speaker, "0:03")
    empty = speaker.url
    speaker.get_by_role("button", name="Finish").click()
    expect(speaker.locator(".toast")).to_contain_text("The recording is sent as a file.")
    speaker.wait_for_function("(empty) => location.href !== empty", arg=empty)
    assert heard(speaker)


def test_a_dictation_can_be_thrown_away(speaker: Page, service: httpx.Client) -> None:
    """Its job, too."""
    speaker.get_by_role("button", name="Dictate").click()
    speaker.wait_for_url("**/#/jobs/*")
    job = speaker.url.rpartition("/")[2]
    speaker.get_by_role("button", name="Discard").click()
    with speaker.expect_response(lambda answer: answer.request.method == "DELETE"):
        speaker.get_by_role("dialog").get_by_role("button", name="Discard").click()
    assert service.get(f"/v1/jobs/{job}").status_code == 404
