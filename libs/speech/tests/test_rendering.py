"""What a transcript looks like as a file."""

from __future__ import annotations

import itertools
import json
import re

import pytest
from hypothesis import given, settings

from sayit.speech import wire
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.rendering import Format, render
from sayit.speech.rendering.cues import SHORTEST_CUE_MS
from sayit.speech.transcript import (
    Coverage,
    Segment,
    Span,
    Suppressed,
    SuppressionReason,
    Transcript,
    Usage,
    Word,
)
from sayit.v1 import transcription_service_pb2 as service_pb

from . import values

TIMES = re.compile(r"^(\d{2,}):([0-5]\d):([0-5]\d)[,.](\d{3}) --> (\d{2,}):([0-5]\d):([0-5]\d)[,.](\d{3})$")


def segment(index, start_s, end_s, text, **rest):
    """A Korean segment."""
    return Segment(id=index, start_s=start_s, end_s=end_s, text=text, language="ko", **rest)


def transcript(*segments, **rest):
    """A transcript of these segments."""
    return Transcript(
        segments=segments,
        language="ko",
        language_probability=1.0,
        duration_s=10.0,
        coverage=Coverage(speech_detected_s=5.00049, speech_transcribed_s=4.5, gaps=(Span(start_s=1.0006, end_s=2.0),)),
        usage=Usage(audio_s=10.0, compute_s=3.25),
        model="small",
        preset="ko",
        **rest,
    )


def cues(rendered):
    """The (start ms, end ms) of each time line."""
    found = [TIMES.match(line) for line in rendered.splitlines() if " --> " in line]
    assert all(found)
    times = [[int(part) for part in match.groups()] for match in found]
    return [
        (((h * 60 + m) * 60 + s) * 1000 + ms, ((h2 * 60 + m2) * 60 + s2) * 1000 + ms2)
        for h, m, s, ms, h2, m2, s2, ms2 in times
    ]


def test_txt_is_one_segment_a_line():
    """Line breaks inside a segment become spaces; empty segments make no line."""
    value = transcript(segment(0, 0, 1, "안녕하세요."), segment(1, 1, 2, "\n "), segment(2, 2, 3, "two\nlines"))
    assert render(value, Format.TXT) == "안녕하세요.\ntwo lines\n"


def test_srt():
    """SubRip: numbered cues, commas before the milliseconds, hours always written."""
    value = transcript(segment(0, 0.5, 2, "안녕하세요."), segment(1, 3661.0014, 3662.5, "네.", speaker="A"))
    assert render(value, Format.SRT) == (
        "1\n00:00:00,500 --> 00:00:02,000\n안녕하세요.\n\n2\n01:01:01,001 --> 01:01:02,500\nA: 네.\n"
    )


def test_vtt():
    """WebVTT: signature, full stops before the milliseconds, escapes, voices."""
    value = transcript(segment(0, 0.5, 2, "a < b & c --> d", speaker="Kim & Lee"), segment(1, 360000, 360001, "100 h"))
    assert render(value, Format.VTT) == (
        "WEBVTT\n\n00:00:00.500 --> 00:00:02.000\n<v Kim &amp; Lee>a &lt; b &amp; c --&gt; d\n"
        "\n100:00:00.000 --> 100:00:01.000\n100 h\n"
    )


def test_tsv():
    """A header, then milliseconds and text; tabs and line breaks cannot break the table."""
    value = transcript(segment(0, 0.0004, 2.0006, "a\tb\r\nc"), segment(1, 2.5, 3, "d"))
    assert render(value, Format.TSV) == "start\tend\ttext\n0\t2001\ta b c\n2500\t3000\td\n"


def test_json_is_the_documented_schema():
    """All keys are there, Hangul is readable, times are rounded to milliseconds."""
    word = Word(text=" 안녕", start_s=0.12345, end_s=0.5, probability=0.987654321)
    value = transcript(
        segment(0, 0.12345, 2, "안녕", avg_logprob=-0.25, words=(word,), temperature=0.2),
        suppressed=(Suppressed(text="MBC", reason=SuppressionReason.NO_SPEECH, start_s=5, end_s=6),),
    )
    rendered = render(value, Format.JSON)
    assert "안녕" in rendered
    assert json.loads(rendered) == {
        "text": "안녕",
        "language": "ko",
        "language_probability": 1.0,
        "duration": 10.0,
        "model": "small",
        "preset": "ko",
        "version": 0,
        "segments": [
            {
                "id": 0,
                "start": 0.123,
                "end": 2,
                "text": "안녕",
                "language": "ko",
                "language_probability": 1.0,
                "speaker": "",
                "channel": 0,
                "avg_logprob": -0.25,
                "compression_ratio": 0.0,
                "no_speech_prob": 0.0,
                "temperature": 0.2,
                "words": [{"text": " 안녕", "start": 0.123, "end": 0.5, "probability": 0.987654}],
            }
        ],
        "coverage": {
            "speech_detected": 5.0,
            "speech_transcribed": 4.5,
            "gaps": [{"start": 1.001, "end": 2.0, "channel": 0}],
        },
        "suppressed": [{"text": "MBC", "reason": "no_speech", "start": 5.0, "end": 6.0, "channel": 0}],
        "redacted": [],
        "usage": {"audio": 10.0, "compute": 3.25},
    }


def test_json_has_no_nan():
    """A figure that is not a number is null, so that every parser reads the file."""
    rendered = render(transcript(segment(0, 0, 1, "a", avg_logprob=float("nan"))), Format.JSON)
    assert json.loads(rendered, parse_constant=pytest.fail)["segments"][0]["avg_logprob"] is None


def test_silence_has_no_cues():
    """Silence renders as an empty text, an empty SRT, a bare WEBVTT, and a table of its header."""
    value = transcript()
    assert [render(value, form) for form in (Format.TXT, Format.SRT, Format.VTT, Format.TSV)] == [
        "",
        "",
        "WEBVTT\n",
        "start\tend\ttext\n",
    ]


@pytest.mark.parametrize("form", [Format.SRT, Format.VTT])
def test_an_arrow_in_a_text_is_no_time_line(form):
    """Only time lines hold an arrow, whatever was said and by whom."""
    rendered = render(transcript(segment(0, 0, 1, "a --> b ----> c", speaker="x-->y")), form)
    assert rendered.count("-->") == 1


@pytest.mark.parametrize("form", [Format.SRT, Format.VTT])
def test_overlaps_and_empty_times_become_legal_cues(form):
    """The earlier cue ends before the later begins; equal starts and zero lengths still give cues one can see."""
    value = transcript(
        segment(0, 0, 5, "long"), segment(1, 3, 4, "inside"), segment(2, 6, 7, "same start"), segment(3, 6, 6, "empty")
    )
    assert cues(render(value, form)) == [(0, 2920), (3000, 4000), (6000, 6100), (6100, 7100)]


def test_cues_are_in_order_of_time():
    """Segments out of order are shown in order."""
    assert cues(render(transcript(segment(0, 5, 6, "b"), segment(1, 1, 2, "a")), Format.VTT)) == [
        (1000, 2000),
        (5000, 6000),
    ]


def test_timed_text():
    """One segment a line, its times in front, for people who look for a place."""
    value = transcript(segment(0, 1.25, 3.5, "네.\n그래요."), segment(1, 3600, 3601, "끝"))
    assert render(value, Format.TIMED_TXT) == (
        "[00:00:01.250 --> 00:00:03.500] 네. 그래요.\n[01:00:00.000 --> 01:00:01.000] 끝\n"
    )


@settings(max_examples=50)
@given(values.transcripts)
def test_any_transcript_renders_to_legal_files(value):
    """Whatever the segments are: cues ascend without overlap and last, tables keep their columns, JSON parses."""
    for form in (Format.SRT, Format.VTT):
        rendered = render(value, form)
        times = cues(rendered)
        assert all(end - start >= SHORTEST_CUE_MS for start, end in times)
        assert all(first[1] <= second[0] for first, second in itertools.pairwise(times))
        assert rendered.count("-->") == len(times)
        blocks = [block for block in rendered.split("\n\n") if block.strip() and not block.startswith("WEBVTT")]
        assert len(blocks) == len(times)
    columns = 4 if any(segment.channel for segment in value.segments) else 3
    assert all(row.count("\t") == columns - 1 for row in render(value, Format.TSV).splitlines())
    assert json.loads(render(value, Format.JSON))["text"] == value.text


def test_channels_are_named():
    """Split channels stand in front of the text and in a column of their own; a name takes a channel's place."""
    value = transcript(
        segment(0, 0, 1, "안녕하세요.", channel=1),
        segment(1, 1, 2, "네.", channel=2),
        segment(2, 3, 4, "저는 김민수입니다.", channel=2, speaker="김민수"),
    )
    assert render(value, Format.TXT) == "[1] 안녕하세요.\n[2] 네.\n김민수: 저는 김민수입니다.\n"
    assert render(value, Format.TIMED_TXT).splitlines()[1] == "[00:00:01.000 --> 00:00:02.000] [2] 네."
    assert render(value, Format.TSV).splitlines()[:2] == ["start\tend\ttext\tchannel", "0\t1000\t안녕하세요.\t1"]
    assert [one["channel"] for one in json.loads(render(value, Format.JSON))["segments"]] == [1, 2, 2]
    assert [line for line in render(value, Format.SRT).splitlines() if "." in line] == [
        "[1] 안녕하세요.",
        "[2] 네.",
        "김민수: 저는 김민수입니다.",
    ]
    assert [line for line in render(value, Format.VTT).splitlines() if line.startswith("<")] == [
        "<v Channel 1>안녕하세요.",
        "<v Channel 2>네.",
        "<v 김민수>저는 김민수입니다.",
    ]


@pytest.mark.parametrize("form", [Format.DOCX, Format.PDF])
def test_documents_are_no_text(form):
    """Only a gateway makes them; the error says so."""
    with pytest.raises(ValueError, match="only a gateway"):
        render(transcript(), form)


def test_every_format_has_its_number():
    """Formats map one to one to the proto's; the unspecified one is no rendering."""
    numbers = {wire.format_to_proto(form) for form in Format}
    assert numbers == set(service_pb.TranscriptFormat.values()) - {service_pb.TRANSCRIPT_FORMAT_UNSPECIFIED}
    assert [wire.format_from_proto(wire.format_to_proto(form)) for form in Format] == list(Format)
    assert wire.format_from_proto(service_pb.TRANSCRIPT_FORMAT_UNSPECIFIED) is None
    with pytest.raises(SayItError) as caught:
        wire.format_from_proto(77)
    assert (caught.value.kind, caught.value.field) == (ErrorKind.INVALID_ARGUMENT, "format")


def test_removed_text_is_shown_where_it_stood():
    """Every form for reading shows it marked and in order of time; JSON does not change."""
    removed = Suppressed(text="시청해\n주셔서", reason=SuppressionReason.KNOWN_PHRASE, start_s=1.5, end_s=2.5)
    value = transcript(segment(0, 0, 2, "안녕."), segment(1, 3, 4, "네."), suppressed=(removed,))
    shown = {form: render(value, form, suppressed=True) for form in Format if not form.is_document}
    assert shown[Format.TXT] == "안녕.\n[known_phrase: 시청해 주셔서]\n네.\n"
    assert shown.pop(Format.JSON) == render(value, Format.JSON)
    for form, text in shown.items():
        plain = "".join(re.sub(r"\\N|<br/>|\\", "", text).split())
        assert "[known_phrase:시청해주셔서]" in plain, form
        assert "known_phrase" not in render(value, form), form
    starts = [start for start, _ in cues(shown[Format.SRT])]
    assert starts == sorted(starts)
