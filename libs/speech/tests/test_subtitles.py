"""Subtitles that players accept and people can read, read back by parsers that nobody here wrote."""

from __future__ import annotations

import html
import io
import itertools
import re
import unicodedata
from dataclasses import replace
from pathlib import Path

import pysubs2
import pytest
import webvtt
from hypothesis import given, settings
from hypothesis import strategies as st

from sayit.speech.rendering import Format, SubtitleStyle, render
from sayit.speech.rendering.text import width

from . import subtitled, values

GOLDEN = Path(__file__).parent / "golden"
#: Ordinary words of three scripts, with what ends sentences and clauses.
TEXTS = st.lists(
    st.sampled_from(
        ["네.", "회의에서는", "매출과,", "the", "transcription", "service.", "a", "長い文章で、", "?", "e.g."]
    ),
    min_size=1,
    max_size=40,
).map(" ".join)


def cells(text: str) -> int:
    """By the other way of counting: characters that Unicode calls wide or full width count twice."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def read_srt(text: str) -> list[tuple[float, float, str]]:
    """Start, end and text of each cue, by the package pysubs2; cues are numbered from 1."""
    found = pysubs2.SSAFile.from_string(text, format_="srt", keep_html_tags=True)
    numbers = [int(block.split("\n", 1)[0]) for block in text.split("\n\n") if block.strip()]
    assert numbers == list(range(1, len(found) + 1))
    return [(one.start / 1000, one.end / 1000, one.plaintext) for one in found]


def read_vtt(text: str) -> list[tuple[float, float, str]]:
    """Start, end and text of each cue, by the package webvtt-py."""
    found = webvtt.from_buffer(io.StringIO(text))
    return [(seconds(one.start), seconds(one.end), html.unescape(one.text)) for one in found]


def said_by_channel(text: str) -> dict[int, str]:
    """All letters of each channel's voice, 0 for cues without a channel."""
    said: dict[int, str] = {}
    for cue in webvtt.from_buffer(io.StringIO(text)):
        mixed, *voices = re.split(r"<v Channel (\d)>", re.sub(r"</v>|<v 김민수>", "", cue.raw_text))
        for channel, part in [("0", mixed), *zip(voices[::2], voices[1::2], strict=True)]:
            said[int(channel)] = said.get(int(channel), "") + "".join(html.unescape(part).split())
    return said


def seconds(clock: str) -> float:
    """Of hh:mm:ss.ttt."""
    hours, minutes, rest = clock.split(":")
    return (int(hours) * 60 + int(minutes)) * 60 + float(rest)


@st.composite
def talks(draw: st.DrawFn):
    """Segments one after the other, some with word times, of one speaker or two, or of channels that overlap."""
    channels = draw(st.sampled_from([(0,), (0,), (1, 2), (1, 2, 3)]))
    positions = dict.fromkeys(channels, 0.0)
    segments = []
    for index, text in enumerate(draw(st.lists(TEXTS, min_size=1, max_size=6))):
        channel = draw(st.sampled_from(channels))
        start = positions[channel] + draw(st.sampled_from([0.0, 0.1, 0.5, 3.0]))
        positions[channel] = position = start + draw(st.floats(0.2, 20.0))
        segments.append(
            replace(
                subtitled.KOREAN.segments[0],
                id=index,
                start_s=start,
                end_s=position,
                text=text,
                speaker="" if channel else draw(st.sampled_from(["", "", "김민수"])),
                channel=channel,
            )
        )
    segments.sort(key=lambda one: (one.start_s, one.channel))
    value = replace(subtitled.KOREAN, segments=tuple(segments))
    return subtitled.with_words(value) if draw(st.booleans()) else value


@pytest.mark.parametrize("name", subtitled.ALL)
@pytest.mark.parametrize("form", [form for form in Format if not form.is_document])
def test_files_look_as_they_always_did(name: str, form: Format):
    """Every form of three transcripts, byte by byte; whoever changes them on purpose changes the files."""
    assert render(subtitled.ALL[name], form) == (GOLDEN / f"{name}.{form}").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", subtitled.ALL)
def test_other_programs_read_the_files(name: str):
    """Both parsers find the same cues, and all words; SRT has names in front of them, VTT voices that are not shown."""
    transcript = subtitled.ALL[name]
    from_srt, from_vtt = (
        read(render(transcript, form)) for read, form in ((read_srt, Format.SRT), (read_vtt, Format.VTT))
    )
    words = " ".join(one.text for one in transcript.segments).replace("-->", "->").split()
    heard = "".join(text.replace("-->", "->") for _, _, text in from_vtt).replace("\n", "").replace(" ", "")
    assert (heard if name != "call" else sorted(heard)) == (
        "".join(words) if name != "call" else sorted("".join(words))
    )
    if name not in ("mixed", "call"):  # names take room
        assert [(start, end) for start, end, _ in from_srt] == [(start, end) for start, end, _ in from_vtt]


@pytest.mark.parametrize("name", subtitled.ALL)
@pytest.mark.parametrize("form", [Format.ASS, Format.TTML])
def test_other_programs_read_ass_and_ttml(name: str, form: Format):
    """pysubs2 finds in them what it finds in SRT; ASS has times of 10 ms, and no braces or backslashes."""
    expected = read_srt(render(subtitled.ALL[name], Format.SRT))
    found = pysubs2.SSAFile.from_string(render(subtitled.ALL[name], form), format_=str(form))
    for one, (start, end, text) in zip(found, expected, strict=True):
        assert (one.start / 1000, one.end / 1000) == (pytest.approx(start, abs=0.011), pytest.approx(end, abs=0.011))
        assert one.plaintext.replace("-->", "->") == text.translate(
            str.maketrans("{}\\", "()/") if form == "ass" else {}
        )


def test_lines_are_as_the_user_wants_them():
    """Width, number and words of lines; nothing is lost, and a word that fits no line has one of its own."""
    plain = " ".join(one.text for one in subtitled.ENGLISH.segments).replace("-->", "->").split()
    for style in (
        SubtitleStyle(max_line_width=20),
        SubtitleStyle(max_line_count=1),
        SubtitleStyle(max_line_width=16, max_line_count=3),
        SubtitleStyle(max_words_per_line=2),
    ):
        cues = read_srt(render(subtitled.ENGLISH, Format.SRT, style))
        lines = [line for _, _, text in cues for line in text.split("\n")]
        assert max(text.count("\n") + 1 for _, _, text in cues) == style.max_line_count
        assert max(map(len, lines)) <= (style.max_line_width or 42)
        assert max(len(line.split()) for line in lines) <= (style.max_words_per_line or 42)
        assert " ".join(lines).split() == plain


def test_each_word_is_underlined_while_it_is_said():
    """A cue for each word, one after the other, with all the words of the cue that it is taken from."""
    cues = read_srt(render(subtitled.with_words(subtitled.ENGLISH), Format.SRT, SubtitleStyle(highlight_words=True)))
    raw = render(subtitled.with_words(subtitled.ENGLISH), Format.SRT, SubtitleStyle(highlight_words=True))
    words = " ".join(one.text for one in subtitled.ENGLISH.segments).replace("-->", "->").split()
    assert re.findall(r"<u>(.*?)</u>", raw) == words
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(cues))
    assert {re.sub("</?u>", "", text) for _, _, text in cues} == {
        text for _, _, text in read_srt(render(subtitled.with_words(subtitled.ENGLISH), Format.SRT))
    }


@settings(max_examples=60)
@given(talks())
def test_cues_can_be_read(transcript):
    """Two lines at most, 42 cells of Latin or 16 squares of Hangul each; seven seconds at most; apart; in order."""
    split = any(segment.channel for segment in transcript.segments)  # lines of two channels may have two scripts
    for read, form in ((read_srt, Format.SRT), (read_vtt, Format.VTT)):
        cues = read(render(transcript, form))
        for start, end, text in cues:
            lines = text.split("\n")
            assert len(lines) <= 2
            for line in lines:
                letters = line if split else text.replace("김민수", "")
                wide = any(unicodedata.east_asian_width(letter) in "WF" for letter in letters)
                assert cells(line) <= (32 if wide else 42), line
            assert 0.1 - 1e-6 <= end - start <= 7.0 + 1e-6
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(cues))
        assert all(
            before[1] + 0.08 <= after[0] + 1e-6 or after[0] - before[0] < 0.18
            for before, after in itertools.pairwise(cues)
        )


@settings(max_examples=50)
@given(talks())
def test_no_word_is_lost_or_doubled(transcript):
    """All words of each channel in order, near where they were said: cutting moves no word by more than a breath."""
    cues = read_vtt(render(transcript, Format.VTT))
    shown = said_by_channel(render(transcript, Format.VTT))
    for channel in {one.channel for one in transcript.segments}:
        words = "".join("".join(one.text.split()) for one in transcript.segments if one.channel == channel)
        assert shown[channel] == words
    assert cues[0][0] == pytest.approx(transcript.segments[0].start_s, abs=0.001)


@settings(max_examples=50)
@given(values.transcripts)
def test_any_transcript_gives_files_that_are_read(transcript):
    """Whatever was heard, whenever, by whom: the parsers read what was written, in ascending order."""
    for read, form in ((read_srt, Format.SRT), (read_vtt, Format.VTT)):
        cues = read(render(transcript, form))
        assert all(start < end for start, end, _ in cues)
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(cues))


def test_cues_end_with_sentences_and_at_pauses():
    """A sentence that Whisper cut in two is one cue again; two in a segment are two; a pause is a cut."""
    assert [text.replace("\n", " ") for _, _, text in read_srt(render(subtitled.KOREAN, Format.SRT))] == [
        "오늘 회의에서는 지난 분기 매출과",
        "다음 분기 계획을 말씀드리겠습니다.",
        "먼저 매출부터 보시면 작년 같은 기간보다 십이 퍼센트 늘었습니다.",
        "네.",
        "질문 있으십니까?",
    ]


def test_channels_that_speak_at_once_share_a_cue():
    """A line of each while both speak; who speaks alone has both lines; cues follow each other all the same."""
    cues = [text for _, _, text in read_srt(render(subtitled.CALL, Format.SRT))]
    assert "[1] 네.\n[2] 찾았습니다." in cues
    both = [text for text in cues if "[1]" in text and "[2]" in text]
    assert all(len(text.split("\n")) == 2 for text in both)
    assert "[2] 네, 주문 번호를 말씀해\n주시면 바로 확인해 드리겠습니다." in cues
    voices = render(subtitled.CALL, Format.VTT)
    assert "<v Channel 1>네.</v>\n<v Channel 2>찾았습니다.</v>\n" in voices


def test_a_cue_stays_long_enough_to_be_read():
    """A word of 0.3 s is shown for a second; a fast sentence as long as it takes, if nobody goes on speaking."""
    cues = read_vtt(render(subtitled.ENGLISH, Format.VTT))
    assert cues[0] == (1.0, 2.0, "Yes.")
    fast = replace(
        subtitled.KOREAN, segments=(replace(subtitled.KOREAN.segments[1], start_s=1.0, end_s=1.2, text="가" * 15),)
    )
    assert read_vtt(render(fast, Format.VTT))[0][:2] == (1.0, 2.25)


def test_word_times_that_do_not_match_the_text_are_not_used():
    """A text that was formatted later has other words than the model wrote; their times are guessed then."""
    segment = replace(subtitled.ENGLISH.segments[0], text="No.", end_s=2.0)
    (cue,) = read_vtt(render(replace(subtitled.ENGLISH, segments=(segment,)), Format.VTT))
    assert cue == (1.0, 2.0, "No.")


@pytest.mark.parametrize(
    ("text", "taken"),
    [("abc", 3), ("한국", 4), ("ｆｕ", 4), ("é", 1), ("a\u200bb", 2), ("長い", 4), ("", 0)],
)
def test_width_is_that_of_a_terminal(text: str, taken: int):
    """Full-width letters take two cells, marks and invisible characters none, also in decomposed Hangul."""
    assert width(text) == width(unicodedata.normalize("NFD", text)) == taken
