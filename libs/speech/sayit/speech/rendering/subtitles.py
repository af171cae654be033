"""Cues as SubRip, WebVTT, Advanced SubStation Alpha and TTML files."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape, quoteattr

from sayit.speech.rendering.cues import cues_of
from sayit.speech.rendering.dialogue import CuePart
from sayit.speech.rendering.text import clock
from sayit.speech.rendering.units import MARK, UNMARK, SubtitleStyle
from sayit.speech.transcript import Transcript

#: What SRT and WebVTT read as the sign of a time line.
_ARROW = re.compile("-{2,}>")
#: What XML may not hold, beside the control characters that no text has.
_NO_XML = re.compile("[\ud800-\udfff\ufffe\uffff]")
_ASS_HEAD = """\
[Script Info]
ScriptType: v4.00+
WrapStyle: 2
ScaledBorderAndShadow: yes
PlayResX: 1920
PlayResY: 1080

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, OutlineColour, BackColour, Bold, \
BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV
Style: Default,Arial,60,&H00FFFFFF,&H00000000,&H80000000,0,1,3,1,2,60,60,50

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def srt(transcript: Transcript, style: SubtitleStyle) -> str:
    """SubRip."""
    blocks = []
    for number, cue in enumerate(cues_of(transcript, naming=True, style=style), start=1):
        times = f"{clock(cue.start_ms, ',')} --> {clock(cue.end_ms, ',')}"
        # SubRip knows no escapes: an arrow inside a text would read as a time line.
        text = _underlined("\n".join(_ARROW.sub("->", one) for one in cue.lines), "<u>", "</u>")
        blocks.append(f"{number}\n{times}\n{text}\n")
    return "\n".join(blocks)


def vtt(transcript: Transcript, style: SubtitleStyle) -> str:
    """WebVTT."""
    blocks = ["WEBVTT\n"]
    for cue in cues_of(transcript, naming=False, style=style):
        times = f"{clock(cue.start_ms, '.')} --> {clock(cue.end_ms, '.')}"
        voices = [_voice(part) for part in cue.parts]
        # One voice for all of a cue needs no end.
        text = voices[0] if len(voices) == 1 else "\n".join(f"{voice}</v>" for voice in voices)
        blocks.append(f"{times}\n{_underlined(text, '<u>', '</u>')}\n")
    return "\n".join(blocks)


def ass(transcript: Transcript, style: SubtitleStyle) -> str:
    """Advanced SubStation Alpha; the speaker is each line's name, and stands in front of the text."""
    rows = []
    for cue in cues_of(transcript, naming=True, style=style):
        name = next((part.speaker for part in cue.parts if part.speaker), "").replace(",", " ")
        # No escapes here either: braces and backslashes would read as commands.
        lines = (line.replace("\\", "/").replace("{", "(").replace("}", ")") for line in cue.lines)
        text = _underlined(r"\N".join(lines), r"{\u1}", r"{\u0}")
        rows.append(
            f"Dialogue: 0,{_centiseconds(cue.start_ms)},{_centiseconds(cue.end_ms)},Default,{name},0,0,0,,{text}\n"
        )
    return _ASS_HEAD + "".join(rows)


def ttml(transcript: Transcript, style: SubtitleStyle) -> str:
    """Timed Text Markup Language 1, as the W3C has it."""
    rows = []
    for cue in cues_of(transcript, naming=True, style=style):
        text = "<br/>".join(escape(_NO_XML.sub("", line)) for line in cue.lines)
        text = _underlined(text, '<span tts:textDecoration="underline">', "</span>")
        rows.append(f'<p begin="{clock(cue.start_ms, ".")}" end="{clock(cue.end_ms, ".")}">{text}</p>\n')
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<tt xmlns="http://www.w3.org/ns/ttml" '
        f'xmlns:tts="http://www.w3.org/ns/ttml#styling" xml:lang={quoteattr(transcript.language)}>\n'
        "<body><div>\n" + "".join(rows) + "</div></body>\n</tt>\n"
    )


def _underlined(text: str, begin: str, end: str) -> str:
    return text.replace(MARK, begin).replace(UNMARK, end)


def _centiseconds(milliseconds: int) -> str:
    """`1:02:03.45`, as ASS has times."""
    return clock(milliseconds, ".")[:-1].removeprefix("0")


def _voice(part: CuePart) -> str:
    name = part.speaker or (f"Channel {part.channel}" if part.channel else "")
    name = _escaped(name).rstrip("-")  # the tag's end must not make an arrow
    return (f"<v {name}>" if name else "") + "\n".join(map(_escaped, part.lines))


def _escaped(text: str) -> str:
    """WebVTT's escapes; with `>` escaped no text holds an arrow."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
