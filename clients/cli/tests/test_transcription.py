"""Inputs, outputs and the text so far."""

from __future__ import annotations

import io
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from sayit.cli.messages import LocalError
from sayit.cli.transcription import inputs as sources
from sayit.cli.transcription.display import RunSpeed, Show, clock, display
from sayit.cli.transcription.live_transcript import LiveTranscript
from sayit.cli.transcription.outputs import Form, Outputs, formats_of, without_done
from sayit.cli.transcription.progress import ProgressBars
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import ChunkText, JobState, PartialText, Progress, Refinement, StateChanged
from sayit.speech.rendering import Format
from sayit.speech.transcript import Segment, Suppressed, SuppressionReason

from .helper import transcript

TOO_LARGE = SayItError(ErrorKind.FILE_TOO_LARGE, limit_mb=100)


def _segments(start_s: float, *texts: str) -> tuple[Segment, ...]:
    return tuple(
        Segment(id=i, start_s=start_s + i, end_s=start_s + i + 1, text=text, language="ko")
        for i, text in enumerate(texts)
    )


def _form(*formats: Format, **rest: Any) -> Form:
    return Form(formats=formats, **rest)


def _inputs(*names: str) -> list[sources.Input]:
    return sources.of_arguments(names)


def test_results_stand_in_the_order_of_the_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever order they finish in; a failed one leaves no trace on standard output; each comes once it is due."""
    outputs = Outputs(_inputs("a.wav", "b.wav", "c.wav"), _form(Format.TXT), None)
    outputs.put(2, transcript("third"))
    assert capsys.readouterr().out == ""
    outputs.put(0, transcript("first", "more"))
    assert capsys.readouterr().out == "==> a.wav <==\nfirst\nmore\n"
    outputs.put(1, TOO_LARGE)
    assert capsys.readouterr().out == "==> c.wav <==\nthird\n"
    outputs.flush()
    outputs.finish()
    assert capsys.readouterr().out == ""


def test_a_single_text_has_no_head_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing but the result; silence is an empty one."""
    Outputs(_inputs("a.wav"), _form(Format.TXT), None).put(0, transcript("one"))
    assert capsys.readouterr().out == "one\n"
    Outputs(_inputs("a.wav"), _form(Format.TXT), None).put(0, transcript())
    assert capsys.readouterr().out.strip() == ""


def test_one_json_result_is_an_object_and_several_are_an_array(capsys: pytest.CaptureFixture[str]) -> None:
    """One JSON document either way; the array says which file, and what went wrong with which."""
    Outputs(_inputs("a.wav"), _form(Format.JSON), None).put(0, transcript("one"))
    assert json.loads(capsys.readouterr().out)["text"] == "one"
    outputs = Outputs(_inputs("a.wav", "b.wav"), _form(Format.JSON), None)
    outputs.put(1, TOO_LARGE)
    outputs.put(0, transcript("one"))
    outputs.flush()
    assert capsys.readouterr().out == ""
    outputs.finish()
    first, second = json.loads(capsys.readouterr().out)
    assert (first["file"], first["transcript"]["text"]) == ("a.wav", "one")
    assert (second["file"], second["error"]["code"]) == ("b.wav", "FILE_TOO_LARGE")


def test_results_go_into_a_folder_or_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Several into a folder that is made, one into the file that was named; others may read them."""
    outputs = Outputs(_inputs("x/a.wav", "y/b.mp3"), _form(Format.SRT), str(tmp_path / "new"))
    outputs.put(1, transcript("two"))
    outputs.put(0, transcript("one"))
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["a.srt", "b.srt"]
    assert "two" in (tmp_path / "new" / "b.srt").read_text()
    assert (tmp_path / "new" / "b.srt").stat().st_mode & 0o777 == 0o644
    Outputs(_inputs("a.wav"), _form(Format.TXT), str(tmp_path / "one.txt")).put(0, transcript("one"))
    assert (tmp_path / "one.txt").read_text() == "one\n"
    Outputs(_inputs("a.wav"), _form(Format.TSV), str(tmp_path)).put(0, transcript("one"))
    assert (tmp_path / "a.tsv").exists()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("names", "form", "output", "problem"),
    [
        (("a.wav", "b.wav"), Format.SRT, None, "need --output FOLDER"),
        (("a.wav", "b.wav"), Format.TXT, "FILE", "is a file"),
        (("x/a.wav", "y/a.mp3"), Format.TXT, "FOLDER", "both be written"),
    ],
)
def test_impossible_outputs_are_refused_before_work_begins(
    tmp_path: Path, names: tuple[str, ...], form: Format, output: str | None, problem: str
) -> None:
    """Hours of transcribing must not end in a result that has no place."""
    (tmp_path / "FILE").touch()
    (tmp_path / "FOLDER").mkdir()
    with pytest.raises(ValueError, match=problem):
        Outputs(_inputs(*names), _form(form), output and str(tmp_path / output))


def test_a_result_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """It says where."""
    (tmp_path / "file").touch()
    outputs = Outputs(_inputs("a.wav"), _form(Format.TXT), str(tmp_path / "file" / "a.txt"))
    with pytest.raises(LocalError, match=r"file/a\.txt") as caught:
        outputs.put(0, transcript("one"))
    assert caught.value.code == "NOT_WRITTEN"


def test_devices_and_links_stay_what_they_are(tmp_path: Path) -> None:
    """A result is written into a pipe or what a link names, and does not take its place."""
    kept, link, pipe = tmp_path / "kept.txt", tmp_path / "link.txt", tmp_path / "pipe"
    link.symlink_to(kept)
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    for target in (link, pipe):
        Outputs(_inputs("a.wav"), _form(Format.TXT), str(target)).put(0, transcript("said"))
    assert (link.is_symlink(), kept.read_text()) == (True, "said\n")
    assert (pipe.is_fifo(), os.read(reading, 100)) == (True, b"said\n")
    os.close(reading)


def test_several_formats_lie_side_by_side(tmp_path: Path) -> None:
    """Each recording in each format; a recording of a folder keeps its sub-folder, and is done once all are there."""
    (tmp_path / "talks" / "day").mkdir(parents=True)
    for name in ("talks/a.m4a", "talks/day/b.WAV", "talks/notes.txt"):
        (tmp_path / name).touch()
    inputs = _inputs(str(tmp_path / "talks"))
    assert [one.filename for one in inputs] == ["a.m4a", "b.WAV"]
    formats, target = formats_of(["srt,txt", "json"], None), str(tmp_path / "out")
    outputs = Outputs(inputs, _form(*formats), target)
    outputs.put(1, transcript("one"))
    assert sorted(path.name for path in (tmp_path / "out" / "day").iterdir()) == ["b.json", "b.srt", "b.txt"]
    assert [one.filename for one in without_done(inputs, formats, target)] == ["a.m4a"]
    assert without_done(inputs, formats_of([], None), None) == inputs
    with pytest.raises(ValueError, match="holds no recording"):
        _inputs(str(tmp_path / "out"))


def test_documents_come_from_the_service(tmp_path: Path) -> None:
    """Its bytes are written as they are; one that could not be made leaves the others."""
    outputs = Outputs(_inputs("a.wav"), _form(Format.DOCX, Format.PDF, Format.TXT), f"{tmp_path}/")
    outputs.put(0, transcript("one"), {Format.DOCX: b"PK\x03\r\n"})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "a.docx": b"PK\x03\r\n",
        "a.txt": b"one\n",
    }


def test_a_document_goes_into_a_pipe_and_not_onto_a_terminal(
    capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Byte by byte, without a line end; on a terminal the option that is missing is named."""
    Outputs(_inputs("a.wav"), _form(Format.PDF), None).put(0, transcript("one"), {Format.PDF: b"%PDF\xff"})
    assert capfdbinary.readouterr().out == b"%PDF\xff"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    with pytest.raises(ValueError, match="--output FILE"):
        Outputs(_inputs("a.wav"), _form(Format.PDF), None)


@pytest.mark.parametrize(
    ("names", "output", "formats"),
    [
        ([], None, "txt"),
        ([], "x/talk.SRT.vtt", "vtt"),
        ([], "talk.timed.txt", "timed.txt"),
        ([], "folder/", "txt"),
        ([], "minutes.docx", "docx"),
        (["txt,pdf"], "folder/", "txt pdf"),
        (["all"], None, "txt vtt srt tsv json"),
        (["srt, vtt", "srt"], None, "srt vtt"),
        (["txt"], "talk.srt", "txt"),
    ],
)
def test_formats_are_those_named_or_that_of_the_ending(names: list[str], output: str | None, formats: str) -> None:
    """By option, apart or with commas, else by the file's name."""
    assert formats_of(names, output) == tuple(map(Format, formats.split()))


def test_what_is_no_format_is_told() -> None:
    """With what there is."""
    with pytest.raises(ValueError, match=r"no format 'doc': txt, timed\.txt, json"):
        formats_of(["doc"], None)


def test_removed_text_is_shown_where_that_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """As a line of its own."""
    gone = (
        Suppressed(text="MBC", reason=SuppressionReason.NO_SPEECH, start_s=float(at), end_s=at + 0.5) for at in (1, 9)
    )
    value = replace(transcript("one", "two"), suppressed=tuple(gone))
    for form, lines in ((_form(Format.TXT), 2), (_form(Format.TXT, suppressed=True), 4)):
        Outputs(_inputs("a.wav"), form, None).put(0, value)
        assert len(capsys.readouterr().out.splitlines()) == lines


def test_inputs_are_checked_before_anything_is_started(tmp_path: Path) -> None:
    """A missing file and a folder are told apart; standard input is read once at most."""
    with pytest.raises(LocalError) as caught:
        _inputs(str(tmp_path / "none.wav"))[0].check()
    assert caught.value.code == "FILE_NOT_FOUND"
    with pytest.raises(LocalError) as caught:
        sources.Input(shown="folder", path=tmp_path).check()
    assert caught.value.code == "FILE_UNREADABLE"
    stdin = _inputs("-")[0]
    stdin.check()
    assert (stdin.filename, stdin.stem) == ("stdin", "stdin")
    with pytest.raises(ValueError, match="only once"):
        _inputs("-", "a.wav", "-")
    fetched = _inputs("https://example.com/talks/day%201.mp3?x=1")[0]
    fetched.check()
    assert (fetched.filename, fetched.stem, fetched.path) == ("day 1.mp3", "day 1", None)


def test_the_text_so_far_is_in_order_of_time() -> None:
    """Finals replace partials, whatever order they come in; a late partial of a finished chunk is nothing."""
    so_far = LiveTranscript()
    assert so_far.take(PartialText(chunk_index=1, segments=_segments(10, "둘?"))) is None
    piece = so_far.take(ChunkText(chunk_index=2, segments=_segments(20, "셋")))
    assert piece is not None
    assert (piece.start_s, piece.text, piece.final) == (20.0, "셋", True)
    so_far.take(ChunkText(chunk_index=0, segments=_segments(0, "하나", "일")))
    assert [(p.text, p.final) for p in so_far.pieces()] == [("하나 일", True), ("둘?", False), ("셋", True)]
    so_far.take(ChunkText(chunk_index=1, segments=_segments(10, "둘")))
    so_far.take(PartialText(chunk_index=1, segments=_segments(10, "old")))
    assert [p.text for p in so_far.pieces()] == ["하나 일", "둘", "셋"]


def test_a_refinement_replaces_the_chunks_it_names() -> None:
    """Two chunks' texts become one."""
    so_far = LiveTranscript()
    so_far.take(ChunkText(chunk_index=0, segments=_segments(0, "one two")))
    so_far.take(ChunkText(chunk_index=1, segments=_segments(5, "two three")))
    so_far.take(Refinement(number=1, chunk_indexes=(0, 1), segments=_segments(0, "one two", "three")))
    assert [p.text for p in so_far.pieces()] == ["one two three"]


def test_silence_finishes_no_piece() -> None:
    """A chunk without text shows nothing."""
    so_far = LiveTranscript()
    assert so_far.take(ChunkText(chunk_index=0, segments=())) is None
    assert so_far.pieces() == []


def test_bars_show_progress_speed_and_text_and_leave_a_summary() -> None:
    """While it runs: the bar and the newest text; afterwards one line."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100, height=30, color_system=None)
    with ProgressBars(_inputs("talk.m4a"), console) as bars:
        bars.begin(0)
        bars.event(0, StateChanged(state=JobState.RUNNING))
        bars.event(0, Progress(audio_done_s=30, audio_total_s=120, chunks_done=1, chunks_total=4, eta_s=65.2))
        bars.event(0, ChunkText(chunk_index=0, segments=_segments(61, "안녕하세요")))
        bars._live.refresh()
        shown = screen.getvalue()
        bars.done(0, transcript("안녕하세요", duration_s=120))
    assert "talk.m4a" in shown
    assert "30 of 120 s" in shown
    assert "×" in shown
    assert "1:05 left" in shown
    assert "1:01  안녕하세요" in shown
    assert "talk.m4a  2:00 of audio in" in screen.getvalue().removeprefix(shown)


def test_in_a_pipe_nothing_is_shown_but_errors(capsys: pytest.CaptureFixture[str]) -> None:
    """Scripts read standard error too."""
    with display(Show.AUTO, _inputs("a.wav")) as shown:
        shown.phase("Starting")
        shown.begin(0)
        shown.event(0, ChunkText(chunk_index=0, segments=_segments(0, "text")))
        shown.done(0, transcript("text"))
        shown.failed(0, "a.wav: broken [X]")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "a.wav: broken [X]\n"


def test_lines_show_each_finished_piece(capsys: pytest.CaptureFixture[str]) -> None:
    """For logs: the file, the time, the text."""
    with display(Show.LINES, _inputs("a.wav")) as shown:
        shown.begin(0)
        shown.event(0, ChunkText(chunk_index=0, segments=_segments(75, "text")))
    assert capsys.readouterr().err == "a.wav 1:15 text\n"


def test_clocks_and_pace() -> None:
    """Hours only where there are any; no speed before there is progress."""
    assert [clock(0), clock(59.9), clock(61), clock(3661)] == ["0:00", "0:59", "1:01", "1:01:01"]
    assert RunSpeed().speed(0.0) is None
