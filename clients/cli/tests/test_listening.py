"""`sayit listen`: where audio comes from, what is shown, how it ends."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import sys
import time
import wave
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from clients.python.tests.helper import Gateway, serving
from clients.python.tests.live_service import digits
from clients.python.tests.story import JOB
from sayit.cli.listening import sources
from sayit.cli.listening.screen import Screen
from sayit.cli.messages import LocalError
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.live import LiveText
from sayit.v1.live_service_pb2 import LIVE_COMMAND_FINISH

#: Two utterances and a half.
SPEECH = bytes(range(20))


@asynccontextmanager
async def _listening(gateway: Gateway, *arguments: str) -> AsyncIterator[Process]:
    async with serving(gateway) as address:
        command = (sys.executable, "-m", "sayit.cli", "listen", *arguments, "--server", address)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SAYIT_")}
        process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment)
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def test_raw_audio_of_a_pipe_becomes_lines() -> None:
    """A line for each utterance, the job's id at the end; options and rate are sent."""
    gateway = Gateway()
    async with _listening(gateway, "-", "--rate", "8000", "-l", "ko", "--silence", "0.8", "--refine") as process:
        out, err = await process.communicate(SPEECH)
    assert out.decode().split() == [digits(SPEECH[:8]), digits(SPEECH[8:16]), digits(SPEECH[16:])]
    assert (process.returncode, err.decode()) == (0, f"job {JOB}\n")
    (config,) = gateway.live_configs
    assert (config.sample_rate_hz, config.job.options.language, config.interim_results) == (8_000, "ko", True)
    assert (config.turn_detection.silence.ToMilliseconds(), config.refine) == (800, True)


async def test_the_first_ctrl_c_finishes() -> None:
    """What was said so far is transcribed to its end, and the status is that of success."""
    gateway = Gateway()
    async with _listening(gateway, "-", "--json") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(SPEECH)
        while json.loads(await process.stdout.readline())["type"] != "LiveText":
            pass
        process.send_signal(signal.SIGINT)
        events = [json.loads(line) async for line in process.stdout]
        assert await process.wait() == 0
    assert events[-1]["type"] == "LiveFinished"
    assert events[-2]["body"]["committed"] == digits(SPEECH[16:])
    assert gateway.commands == [(20, LIVE_COMMAND_FINISH)]


async def test_a_refusal_is_a_line_and_a_status() -> None:
    """As of every other command."""
    gateway = Gateway()
    gateway.script["StreamingRecognize"] = [SayItError(ErrorKind.UNAUTHENTICATED)]
    async with _listening(gateway, "-") as process:
        out, err = await process.communicate(b"")
    assert (process.returncode, out) == (1, b"")
    assert "[UNAUTHENTICATED]" in err.decode()


def _recording(folder: Path, rate_hz: int) -> str:
    with wave.open(str(folder / "talk.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(bytes(4 * rate_hz // 4))
    return str(folder / "talk.wav")


def test_a_file_is_played_in_real_time_unless_it_is_wanted_fast(tmp_path: Path) -> None:
    """Mono at 16 kHz in pieces of a tenth of a second, each when it would have been recorded."""
    found = sources.sound(_recording(tmp_path, 48_000), 8_000, fast=False)
    began = time.monotonic()
    pieces = list(found.pieces)
    assert time.monotonic() - began >= 0.24
    assert (found.rate_hz, found.name) == (16_000, "talk.wav")
    assert [len(piece) for piece in pieces[:2]] == [3200, 3200]
    assert sum(map(len, pieces)) == pytest.approx(8_000, abs=200)
    assert list(sources.sound(_recording(tmp_path, 48_000), 8_000, fast=True).pieces) == pieces


@pytest.mark.parametrize(("name", "code"), [("none.wav", "FILE_NOT_FOUND"), ("notes.txt", "FILE_UNREADABLE")])
def test_what_cannot_be_played_is_told(tmp_path: Path, name: str, code: str) -> None:
    """A missing file, and one without audio."""
    (tmp_path / "notes.txt").write_text("no audio")
    with pytest.raises(LocalError) as caught:
        list(sources.sound(str(tmp_path / name), 16_000, fast=True).pieces)
    assert caught.value.code == code


@pytest.mark.parametrize(("source", "package"), [("microphone", "sounddevice"), (__file__, "av")])
def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, source: str, package: str) -> None:
    """With the extra that brings it."""
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(LocalError, match=rf"sayit\[listen\]: the package {package}"):
        sources.sound(source, 16_000, fast=True)


def test_a_terminal_shows_what_is_spoken_and_keeps_what_is_final() -> None:
    """What may still change is dim; a final text stays, an empty one leaves no line."""
    console = Console(file=io.StringIO(), force_terminal=True, width=60)
    screen = Screen(console)

    def text(committed: str, tentative: str = "", *, is_final: bool = False) -> LiveText:
        return LiveText(
            utterance=0, committed=committed, tentative=tentative, is_final=is_final, start_s=0.0, end_s=1.0
        )

    with screen:
        screen.show(text("hello", " wor"))
        spoken = screen._render()
        assert (spoken.plain, [span.style for span in spoken.spans]) == ("hello wor", ["dim"])
        screen.show(text(""))
        screen.show(replace(text("next"), utterance=1))
        assert screen._render().plain == "next"  # words that were none leave no line
        screen.show(replace(text("", is_final=True), utterance=1))
        screen.show(text("hello world", is_final=True))
        assert screen._render().plain == ""
        screen.show(text("", is_final=True))
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().count("hello world\n") == 1
