"""What the user sees on standard error while jobs run: bars and text on a terminal, plain lines, or nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from enum import StrEnum
from typing import Self

from sayit.cli.messages import note
from sayit.cli.transcription.inputs import Input
from sayit.cli.transcription.live_transcript import LiveTranscript
from sayit.speech.jobs import EventBody, JobState, StateChanged
from sayit.speech.transcript import Transcript


class Show(StrEnum):
    """How much is shown."""

    #: Bars on a terminal, nothing in a pipe.
    AUTO = "auto"
    #: Bars and the text as it arrives.
    BARS = "bars"
    #: Finished pieces of text as plain lines.
    LINES = "lines"
    #: Nothing but errors.
    NONE = "none"


class Display:
    """Shows the jobs, as a context manager around all of them; this one shows only errors."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def phase(self, text: str) -> None:
        """Shows what happens before the first file is sent; empty for nothing."""

    def begin(self, index: int) -> None:
        """The input is being sent."""

    def event(self, index: int, body: EventBody) -> None:
        """Something happened to its job."""

    def done(self, index: int, transcript: Transcript) -> None:
        """Its transcript is there."""

    def failed(self, index: int, line: str) -> None:  # noqa: ARG002 - bars need it
        """It failed; the line says why, and every display shows it."""
        note(line)

    def say(self, line: str) -> None:
        """Shows a line that concerns the whole call."""
        note(line)


def display(show: Show, inputs: Sequence[Input]) -> Display:
    """The display for these inputs."""
    if show is Show.LINES:
        return _Lines(inputs)
    if show is Show.NONE or (show is Show.AUTO and not sys.stderr.isatty()):
        return Display()
    from sayit.cli.transcription.progress import ProgressBars  # noqa: PLC0415 - rich takes a while to import

    return ProgressBars(inputs)


class _Lines(Display):
    """The text as it arrives, in plain lines."""

    def __init__(self, inputs: Sequence[Input]) -> None:
        self._inputs = inputs
        self._live_transcript = [LiveTranscript() for _ in inputs]
        self._pace = [RunSpeed() for _ in inputs]

    def phase(self, text: str) -> None:
        if text:
            note(text)

    def begin(self, index: int) -> None:
        self._pace[index].begin()

    def event(self, index: int, body: EventBody) -> None:
        piece = self._live_transcript[index].take(body)
        if piece is not None:
            note(f"{self._inputs[index].shown} {clock(piece.start_s)} {piece.text}")

    def done(self, index: int, transcript: Transcript) -> None:
        note(f"{self._inputs[index].shown}: {self._pace[index].summary(transcript)}")


class RunSpeed:
    """How fast one job is, from the moment its audio was accepted."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._accepted: float | None = None

    def begin(self) -> None:
        """The input is being sent."""
        self._began = time.monotonic()

    def event(self, body: EventBody) -> None:
        """Notes when work began."""
        if self._accepted is None and isinstance(body, StateChanged) and body.state is not JobState.RECEIVING:
            self._accepted = time.monotonic()

    def speed(self, audio_done_s: float) -> float | None:
        """Seconds of audio done per second; None before there are any."""
        elapsed_s = time.monotonic() - (self._accepted or self._began)
        return audio_done_s / elapsed_s if audio_done_s and elapsed_s > 0 else None

    def summary(self, transcript: Transcript) -> str:
        """What was done, in one line."""
        elapsed_s = max(time.monotonic() - self._began, 1e-3)
        language = transcript.language or "no speech"
        return (
            f"{clock(transcript.duration_s)} of audio in {elapsed_s:.1f} s "
            f"({transcript.duration_s / elapsed_s:.1f} × real time), {language}, {len(transcript.segments)} segments, "
            f"model {transcript.model}"
        )


def clock(seconds: float) -> str:
    """1:02:03 or 2:03."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
