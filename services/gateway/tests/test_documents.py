"""Transcripts as DOCX and PDF: what they show, and the process that writes them."""

from __future__ import annotations

import asyncio
import io
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import docx
import pytest
from docx.enum.text import WD_UNDERLINE

from sayit.gateway.documents import child, writer
from sayit.gateway.documents.layout import Layout, Run, layout_of
from sayit.gateway.documents.writer import DocumentWriter
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.rendering import Format
from sayit.speech.transcript import Coverage, Segment, Suppressed, SuppressionReason, Transcript, Usage, Word

KOREAN = "안녕하세요, 오늘 회의를 시작하겠습니다."
ENGLISH = "Thanks & welcome to <all> of you."
JAPANESE = "今日は良い天気ですね。会議を始めましょう。"
CHINESE = "我们今天讨论语音识别系统的部署。"
needs_poppler = pytest.mark.skipif(shutil.which("pdftotext") is None, reason="there is no pdftotext here")


def segment(number: int, start_s: float, text: str, *, sure: bool = True, **rest: Any) -> Segment:
    """Four seconds; its second word may be one that the model was not sure of."""
    words = tuple(
        Word(
            start_s=start_s + place,
            end_s=start_s + place + 1,
            text=f" {word}",
            probability=0.2 if place == 1 and not sure else 0.9,
        )
        for place, word in enumerate(text.split())
    )
    return Segment(
        id=number, start_s=start_s, end_s=start_s + 4, text=text, **({"language": "ko", "words": words} | rest)
    )


def transcript(*segments: Segment, **rest: Any) -> Transcript:
    """A transcript of these segments."""
    values: dict[str, Any] = {
        "segments": segments,
        "language": "ko",
        "language_probability": 1.0,
        "duration_s": 700.0,
        "coverage": Coverage(speech_detected_s=5.0, speech_transcribed_s=5.0),
        "usage": Usage(audio_s=10.0, compute_s=3.25),
        "model": "small",
        "preset": "ko",
    }
    return Transcript(**(values | rest))


MEETING = transcript(
    segment(0, 1, KOREAN, sure=False, speaker="김민수", channel=1),
    segment(1, 6, ENGLISH, language="en", speaker="Jane Doe", channel=2),
    segment(2, 12, JAPANESE, channel=1),
    segment(3, 640, CHINESE, channel=2),
    suppressed=(
        Suppressed(text="시청해 주셔서", reason=SuppressionReason.KNOWN_PHRASE, start_s=20, end_s=21, channel=1),
    ),
)


def layout(value: Transcript = MEETING, *, suppressed: bool = False) -> Layout:
    """Of a recording made in October 2025."""
    return layout_of(value, filename="주간 회의.m4a", created_at_s=1_760_000_000.5, suppressed=suppressed)


async def text_of(file: bytes, folder: Path) -> str:
    """What a PDF shows, in reading order."""
    (folder / "a.pdf").write_bytes(file)
    command = ["pdftotext", "-layout", "a.pdf", "-"]
    done = await asyncio.to_thread(subprocess.run, command, cwd=folder, capture_output=True, check=True)
    return done.stdout.decode()


def test_a_layout_says_what_is_shown() -> None:
    """Title, facts and note in the transcript's language, a paragraph a speaker, a heading every ten minutes."""
    shown = layout()
    assert shown.title == "주간 회의.m4a"
    assert shown.facts == "길이 00:11:40 · 모델 small · 2025-10-09 08:53 UTC"
    assert "밑줄" in shown.note
    assert [(one.heading, one.time, one.mark) for one in shown.paragraphs] == [
        ("", "00:00:01", "김민수"),
        ("", "00:00:06", "Jane Doe"),
        ("", "00:00:12", "[1]"),
        ("00:10:00", "00:10:40", "[2]"),
    ]
    assert shown.paragraphs[0].runs == (
        Run(text="안녕하세요, "),
        Run(text="오늘", unsure=True),
        Run(text=" 회의를 시작하겠습니다."),
    )
    assert Layout.from_json(shown.to_json()) == shown


def test_silence_says_so() -> None:
    """A document without a text is not empty."""
    shown = layout(transcript(language="", model="", duration_s=3.0))
    assert (shown.facts, shown.note) == ("Length 00:00:03 · 2025-10-09 08:53 UTC", "Nothing was said.")


def test_words_that_do_not_say_what_the_text_says_are_left_out() -> None:
    """As after formatting: the text is shown, without marks."""
    value = transcript(replace(segment(0, 1, "one two three", sure=False), text="1 2 3"))
    assert layout(value).paragraphs[0].runs == (Run(text="1 2 3"),)


async def test_docx_is_read_back() -> None:
    """Title, headings, prefixes, times, marks and what was removed; the same text is the same file."""
    shown, documents = layout(suppressed=True), DocumentWriter()
    file = await documents.write(shown, Format.DOCX)
    assert await documents.write(shown, Format.DOCX) == file
    document = docx.Document(io.BytesIO(file))
    assert (document.core_properties.title, document.core_properties.language) == ("주간 회의.m4a", "ko")
    texts = [one.text for one in document.paragraphs]
    assert texts == [
        "주간 회의.m4a",
        "길이 00:11:40 · 모델 small · 2025-10-09 08:53 UTC",
        f"00:00:01  김민수  {KOREAN}",
        f"00:00:06  Jane Doe  {ENGLISH}",
        f"00:00:12  [1]  {JAPANESE}",
        "00:00:20  [1]  [known_phrase: 시청해 주셔서]",
        "00:10:00",
        f"00:10:40  [2]  {CHINESE}",
        shown.note,
    ]
    assert [document.paragraphs[place].style.name for place in (0, 6)] == ["Title", "Heading 1"]
    marked = [run.text for one in document.paragraphs for run in one.runs if run.underline == WD_UNDERLINE.DOTTED]
    assert marked == ["오늘"]


@needs_poppler
async def test_pdf_shows_and_finds_korean_japanese_and_chinese(tmp_path: Path) -> None:
    """Its text can be copied and searched, and its font is in the file; the same text is the same file."""
    shown, documents = layout(), DocumentWriter()
    file = await documents.write(shown, Format.PDF)
    assert await documents.write(shown, Format.PDF) == file
    text = await text_of(file, tmp_path)
    for part in (shown.title, shown.facts, KOREAN, ENGLISH, JAPANESE, CHINESE, "김민수", "[2]", "00:10:40", shown.note):
        assert part in text
    command = ["pdffonts", "a.pdf"]
    fonts = await asyncio.to_thread(subprocess.run, command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "WenQuanYi" in fonts.stdout
    assert not re.search("Hei.* (no +){1}(yes|no) +(yes|no) +[0-9]", fonts.stdout)


@needs_poppler
async def test_a_sign_without_a_glyph_is_a_square(tmp_path: Path) -> None:
    """An emoji is no letter: the rest is shown."""
    file = await DocumentWriter().write(layout(transcript(segment(0, 1, "fine \U0001f600 thanks"))), Format.PDF)
    assert "fine □ thanks" in await text_of(file, tmp_path)


async def test_letters_that_pdf_lacks_are_named() -> None:
    """A document of squares would be of no use: the error says which letters, and that DOCX has them."""
    arabic = layout(transcript(segment(0, 1, "مرحبا بالعالم", language="ar"), language="ar"))
    with pytest.raises(SayItError) as caught:
        await DocumentWriter().write(arabic, Format.PDF)
    assert (caught.value.kind, caught.value.field) == (ErrorKind.INVALID_ARGUMENT, "format")
    assert "docx" in caught.value.message("en")
    assert "글꼴에" in caught.value.message("ko")
    document = docx.Document(io.BytesIO(await DocumentWriter().write(arabic, Format.DOCX)))
    assert "مرحبا بالعالم" in document.paragraphs[2].text
    assert all(run.font.rtl for run in document.paragraphs[2].runs)


async def test_hours_of_speech_are_written_apart_from_the_event_loop(tmp_path: Path) -> None:
    """Four hours in another process, while this one goes on; each page has its number."""
    text = f"{KOREAN} {ENGLISH} {CHINESE} " * 8
    value = transcript(*(segment(n, n * 40.0, text, sure=False) for n in range(360)), duration_s=14_400.0)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.001)
            turns += 1

    counting = asyncio.create_task(count())
    file = await DocumentWriter().write(layout(value), Format.PDF)
    counting.cancel()
    assert turns > 20
    assert file.count(b"/Type /Page\n") > 50


async def test_a_document_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process is killed, and the answer is an error of ours."""
    monkeypatch.setattr(writer, "_MOST_S", 0.0)
    with pytest.raises(SayItError) as caught:
        await DocumentWriter().write(layout(), Format.PDF)
    assert caught.value.kind is ErrorKind.INTERNAL


async def test_a_caller_that_leaves_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """And frees its place for others."""
    started: list[asyncio.subprocess.Process] = []
    start = asyncio.create_subprocess_exec

    async def noted(*command: Any, **how: Any) -> asyncio.subprocess.Process:
        started.append(await start(*command, **how))
        return started[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", noted)
    documents = DocumentWriter()
    for _ in range(3):
        writing = asyncio.create_task(documents.write(layout(), Format.PDF))
        before = len(started)
        while len(started) == before:  # noqa: ASYNC110 - the note is only a list
            await asyncio.sleep(0)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
    assert {process.returncode for process in started} == {-9}
    assert await documents.write(layout(), Format.DOCX)


def test_the_child_s_limits_are_below_the_parent_s() -> None:
    """A child that runs away ends by itself, also when its parent is gone."""
    assert child.CPU_S < writer._MOST_S
