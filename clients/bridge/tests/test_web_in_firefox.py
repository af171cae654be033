"""The page in headless Firefox, on a real suite with the bundled model: what browsers do differently."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.end_to_end.helper import repeated

from .firefox import running_firefox

ENTER = "\ue007"
F2 = "\ue032"


@pytest.mark.thorough("Chromium shows text that grows, corrections, recordings and reloads: test_web_*_in_chromium.py")
def test_text_corrections_and_recordings_survive_reloads(
    bridge_url: str, service: httpx.Client, tmp_path: Path
) -> None:
    """A file's text grows, and goes on after a reload; a corrected word and an unsent recording are there after one."""
    (tmp_path / "once.wav").write_bytes(repeated("ko-150s", 1, gain=0.6))  # which no cache knows
    with running_firefox(tmp_path / "profile") as tab:
        tab.goto(bridge_url)
        tab.choose(".drop input[type=file]", tmp_path / "once.wav")
        tab.until("document.querySelector('.job-progress:not([hidden])')")
        tab.until("document.querySelector('.chunk:not(.partial) .word')")
        tab.reload()
        tab.until("document.querySelector('.text-hint').checkVisibility()")
        tab.until("document.querySelector('.wave[data-drawn=audio]')")
        job = tab.evaluate("location.hash").rpartition("/")[2]
        tab.evaluate("document.querySelector('.word').focus()")
        tab.press(F2, *"Quince", ENTER)
        tab.until("document.querySelector('.text-saved').textContent.includes('saved on the server')")
        text = service.get(f"/v1/jobs/{job}/transcript.txt").text
        assert text.split()[0] == "Quince"
        tab.click(".word:nth-of-type(3)")
        tab.until("document.querySelector('audio').currentTime > 0.5 && document.querySelector('.word.playing')")
        tab.reload()
        tab.until("document.querySelector('.word.edited').textContent === 'Quince'")

        tab.goto(bridge_url)
        tab.click(".drop button:nth-of-type(2)")
        tab.until("document.querySelector('.record-time').textContent >= '0:02'")
        tab.reload()
        tab.click(".recovered .primary")
        tab.until("document.querySelector('#job-title').textContent.startsWith('Recording 20')")
        tab.until("document.querySelector('.job-progress').hidden")  # it hums, so there may be nothing to read
        assert tab.evaluate("document.querySelector('.job-problem').hidden")
    service.delete(f"/v1/jobs/{job}")
