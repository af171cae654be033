"""The terminal's display: one bar per file and, for a single file, its text as it arrives."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Self

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from sayit.cli.messages import language
from sayit.cli.transcription.display import Display, RunSpeed, clock
from sayit.cli.transcription.inputs import Input
from sayit.cli.transcription.live_transcript import LiveTranscript
from sayit.speech.jobs import ChunkText, EventBody, JobState, PartialText, StateChanged
from sayit.speech.transcript import Transcript

#: What a job does in a state: English, Korean.
_WORDS = {
    JobState.RECEIVING: ("sending", "보내는 중"),
    JobState.PREPARING: ("reading the file", "파일 읽는 중"),
    JobState.RUNNING: ("transcribing", "변환 중"),
    JobState.MERGING: ("finishing", "마무리 중"),
}
#: Lines of text that are shown while it grows: of the only file, and of the one among several that has the newest.
_TEXT_LINES = 8
_TEXT_LINES_OF_SEVERAL = 3
#: A terminal with fewer columns has a short bar and no speed.
_NARROW = 90
_NAME = 32
#: Columns for the time in front of it.
_MARGIN = 9


class _Row:
    """One file's state."""

    def __init__(self) -> None:
        self.live_transcript = LiveTranscript()
        self.pace = RunSpeed()
        self.state: JobState | None = None
        self.active = False


class ProgressBars(Display):
    """Bars on standard error; they disappear at the end, and one summary line per file stays."""

    def __init__(self, inputs: Sequence[Input], console: Console | None = None) -> None:
        self._inputs = inputs
        self._rows = [_Row() for _ in inputs]
        self._console = console or Console(stderr=True, highlight=False)
        self._lock = threading.Lock()
        self._spinner: Spinner | None = None
        self._newest = 0
        self._live = Live(
            console=self._console,
            get_renderable=self._render,
            refresh_per_second=8,
            transient=True,
            redirect_stdout=False,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def phase(self, text: str) -> None:
        """Shows a spinner with the text while no file is under way."""
        with self._lock:
            self._spinner = Spinner("dots", text) if text else None

    def begin(self, index: int) -> None:
        """The input is being sent."""
        with self._lock:
            row = self._rows[index]
            row.active, row.state = True, JobState.RECEIVING
            row.pace.begin()

    def event(self, index: int, body: EventBody) -> None:
        """Something happened to its job."""
        with self._lock:
            row = self._rows[index]
            row.pace.event(body)
            row.live_transcript.take(body)
            if isinstance(body, ChunkText | PartialText):
                self._newest = index
            if isinstance(body, StateChanged):
                row.state = body.state

    def done(self, index: int, transcript: Transcript) -> None:
        """Replaces the bar by the summary line."""
        summary = self._end(index).pace.summary(transcript)
        self._print(Text.assemble(("✓ ", "green"), self._inputs[index].shown, (f"  {summary}", "dim")))

    def failed(self, index: int, line: str) -> None:
        """Leaves the line."""
        self._end(index)
        self._print(Text.assemble(("✗ ", "red"), line))

    def say(self, line: str) -> None:
        """Leaves the line."""
        self._print(Text(line))

    def _print(self, line: Text) -> None:
        self._console.print(line, soft_wrap=True)

    def _end(self, index: int) -> _Row:
        with self._lock:
            row = self._rows[index]
            row.active = False
            return row

    def _render(self) -> RenderableType:
        with self._lock:
            active = [(one, row) for one, row in zip(self._inputs, self._rows, strict=True) if row.active]
            waiting = sum(row.state is None for row in self._rows)
            bars = Table.grid(padding=(0, 1))
            for one, row in active:
                bars.add_row(*_bar(one, row, narrow=self._console.width < _NARROW))
            shown: list[RenderableType] = [bars] if active or self._spinner is None else [self._spinner]
            newest = self._rows[self._newest]
            if newest.active:
                lines = _TEXT_LINES if len(self._inputs) == 1 else _TEXT_LINES_OF_SEVERAL
                shown.insert(0, _tail(newest.live_transcript, self._console.width, lines))
            if waiting and len(self._inputs) > 1:
                shown.append(Text(_said(f"{waiting} more to come", f"남은 파일 {waiting}개"), style="dim"))
            return Group(*shown)


def _said(english: str, korean: str) -> str:
    return korean if language() == "ko" else english


def _short(name: str) -> str:
    """A name with its beginning and its ending: what tells files apart stands in both."""
    return name if cell_len(name) <= _NAME else f"{name[: _NAME // 2]}…{name[-(_NAME // 2) + 1 :]}"


def _bar(one: Input, row: _Row, *, narrow: bool) -> tuple[RenderableType, ...]:
    progress = row.live_transcript.progress
    total = progress.audio_total_s
    # Before the first chunk is done there is only silence to count, and its speed would mislead.
    speed = row.pace.speed(progress.audio_done_s) if progress.chunks_done else None
    remaining_s = progress.eta_s
    if speed is None:
        remaining_s = None
    elif remaining_s is None and total:
        remaining_s = max(0.0, total - progress.audio_done_s) / speed
    done_s = progress.audio_done_s
    width = 12 if narrow else 28
    left = "" if remaining_s is None else clock(remaining_s + 0.5)
    amount = (
        f"{done_s:.0f} s" if total is None else _said(f"{done_s:.0f} of {total:.0f} s", f"{done_s:.0f}/{total:.0f}초")
    )
    return (
        Text(_short(one.filename), style="bold", no_wrap=True),
        ProgressBar(total=total or 1.0, completed=done_s if total else 0.0, width=width, pulse=total is None),
        Text(amount),
        Text(f"{speed:.1f} ×" if speed and not narrow else "", style="cyan"),
        Text(_said(f"{left} left", f"{left} 남음") if left else "", style="cyan"),
        Text(_stage(row), style="dim", no_wrap=True),
    )


def _stage(row: _Row) -> str:
    before = row.live_transcript.progress.queue_position
    if before and row.state in {JobState.PREPARING, JobState.RUNNING} and not row.live_transcript.progress.chunks_done:
        return _said(f"waiting, {before} chunks before it", f"대기 중, 앞에 {before}개")
    return _said(*_WORDS[row.state]) if row.state in _WORDS else ""


def _tail(live_transcript: LiveTranscript, width: int, most: int) -> RenderableType:
    """The end of the text so far, as many lines as there is room for; what is not final yet is dim."""
    lines: list[tuple[str, Text]] = []
    room = Console(width=width)
    for piece in live_transcript.pieces():
        wrapped = Text(piece.text, style="" if piece.final else "dim italic").wrap(room, max(width - _MARGIN - 1, 20))
        lines.extend((clock(piece.start_s) if number == 0 else "", line) for number, line in enumerate(wrapped))
    grid = Table.grid(padding=(0, 2))
    grid.add_column(justify="right", width=_MARGIN - 2, style="dim cyan")
    for time, line in lines[-most:]:
        grid.add_row(time, line)
    return grid
