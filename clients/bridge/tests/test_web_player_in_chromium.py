"""Recordings are played beside their text, in headless Chromium, on a real suite with the bundled model."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
from playwright.sync_api import Browser, Page, expect

from tests.end_to_end.helper import RECORDINGS
from tests.scale import ALL

from .browser import finished, opened, shown_text, upload


def test_clicking_a_word_plays_from_there_and_marks_it(page: Page) -> None:
    """The audio jumps to the word's time; the word that is played is marked."""
    upload(page, "en-8s.flac")
    finished(page)
    page.locator(".wave[data-drawn=audio]").wait_for()
    page.locator(".word").nth(5).click()
    page.wait_for_function("() => document.querySelector('audio').currentTime > 0.5")
    expect(page.locator(".word.playing")).to_have_count(1)
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("slider").press("Home")
    page.wait_for_function("() => document.querySelector('audio').currentTime < 0.5")
    page.reload()  # the audio was kept in the browser
    finished(page)
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_enabled()


def _filmed(path: Path, recording: Path) -> Path:
    """A recording with grey pictures beside it, as WebM."""
    with av.open(recording) as source, av.open(path, "w") as out:
        pictures: Any = out.add_stream("libvpx", rate=5, options={"deadline": "realtime"})
        pictures.width, pictures.height, pictures.pix_fmt = 160, 90, "yuv420p"
        sound: Any = out.add_stream("libopus", rate=48_000, layout="mono")
        resampler = av.AudioResampler(format="s16", layout="mono", rate=48_000)
        for frame in source.decode(audio=0):
            for piece in resampler.resample(frame):
                out.mux(sound.encode(piece))
        grey = av.VideoFrame.from_ndarray(np.full((90, 160, 3), 90, np.uint8), format="rgb24")
        for number in range(5 * 8):
            grey.pts = number
            out.mux(pictures.encode(grey))
        out.mux(pictures.encode(None))
        out.mux(sound.encode(None))
    return path


def test_a_video_is_shown_with_its_subtitles(page: Page, browser: Browser, tmp_path: Path) -> None:
    """Over the pictures stands what would be downloaded, as it is corrected; elsewhere both come from the service."""
    page.set_input_files(".drop input[type=file]", _filmed(tmp_path / "talk.webm", RECORDINGS / "en-8s.flac"))
    job = finished(page)
    cues = "() => [...document.querySelector('video').textTracks[0]?.cues ?? []].map((cue) => cue.text).join(' ')"
    page.wait_for_function(f"() => ({cues})().length > 20")
    shown = page.locator(".player video")
    expect(shown).to_be_visible()
    assert page.evaluate(cues).split() == shown_text(page).split()
    page.locator(".word").first.dblclick()
    page.keyboard.type("Corrected")
    page.keyboard.press("Enter")
    page.wait_for_function(f"() => ({cues})().startsWith('Corrected')")
    with opened(browser, f"{page.url.partition('#')[0]}#/jobs/{job}") as other:
        finished(other)
        other.get_by_role("button", name="Play", exact=True).click()
        expect(other.locator(".player video")).to_be_visible()
        other.wait_for_function(f"() => ({cues})().startsWith('Corrected')")
    page.reload()
    finished(page)
    expect(shown).to_be_visible()


def test_a_browser_without_the_audio_gets_it_and_a_link_shows_it_to_others(
    page: Page, browser: Browser, bridge_url: str
) -> None:
    """The service's recording is played, or the file is asked for where that cannot be had. A link only shows."""
    upload(page, "en-8s.flac")
    job = finished(page)
    with opened(browser, f"{bridge_url}/#/jobs/{job}") as other:
        finished(other)
        other.route("**/audio", lambda route: route.abort())
        other.locator(".word").first.click()
        with other.expect_file_chooser() as choosing:
            other.get_by_role("button", name="Choose the file").click()
        choosing.value.set_files(RECORDINGS / "en-8s.flac")
        expect(other.get_by_role("button", name="Play", exact=True)).to_be_enabled()
    page.get_by_role("button", name="Share").click()
    page.get_by_role("button", name="Create link").click()
    address = page.get_by_label("The new link")
    expect(address).to_have_value(re.compile("/shared#sayit_"))
    with opened(browser, address.input_value()) as guest:
        expect(guest.get_by_role("heading", level=1)).to_have_text("en-8s.flac")
        assert shown_text(guest) == shown_text(page)
        guest.locator(".word").nth(3).dblclick()
        expect(guest.locator(".word.playing")).to_be_visible()
        expect(guest.locator(".word-field")).to_have_count(0)
        with guest.expect_download() as loading:
            guest.get_by_role("button", name="Download").click()
            guest.get_by_role("menuitem", name=".srt").click()
        assert "-->" in Path(loading.value.path()).read_text()
        page.get_by_role("button", name="Revoke").click()
        expect(page.locator(".links li")).to_have_count(0)
        guest.reload()
        expect(guest.get_by_role("alert")).to_contain_text("This link does not work any more")


def _padded(recording: Path, by: int) -> bytes:
    """A recording as WAV, with so many bytes in it that no decoder reads."""
    samples, rate = soundfile.read(recording, dtype="int16")
    written = io.BytesIO()
    soundfile.write(written, samples, rate, format="WAV", subtype="PCM_16")
    head, rest = written.getvalue()[:12], written.getvalue()[12:]
    padded = head[8:] + b"JUNK" + by.to_bytes(4, "little") + bytes(by) + rest
    return b"RIFF" + len(padded).to_bytes(4, "little") + padded


def test_a_large_recording_is_played_as_it_arrives(page: Page, browser: Browser, bridge_url: str) -> None:
    """Another browser asks for pieces of it, with the key that it has: here the token of a link; none keeps it."""
    audio = {"name": "long.wav", "mimeType": "audio/wav", "buffer": _padded(RECORDINGS / "en-8s.flac", 12_000_000)}
    page.set_input_files(".drop input[type=file]", audio)
    job = finished(page)
    link = page.request.post(f"{bridge_url}/v1/jobs/{job}/links", data={"valid_for_s": 600}).json()
    addresses = [bridge_url + link["path"], f"{bridge_url}/#/jobs/{job}"]
    for address in addresses if ALL else addresses[:1]:
        with opened(browser, address) as other:
            for _ in range(2):
                other.locator(".word").nth(5).dblclick()
                other.wait_for_function("() => document.querySelector('audio').currentTime > 0.5")
                expect(other.locator(".word.playing")).to_be_visible()
                assert other.evaluate("() => document.querySelector('audio').src").endswith("/audio")
                expect(other.locator(".wave[data-drawn=audio]")).to_have_count(0)
                # As Shift and the button do: no service worker is in charge of the page then.
                other.context.new_cdp_session(other).send("Page.reload", {"ignoreCache": True})
                other.wait_for_function("() => performance.getEntriesByType('navigation')[0].type === 'reload'")
