"""Cues as SubRip and WebVTT files."""

from __future__ import annotations

import re

from sayit.speech.rendering.cues import cues_of
from sayit.speech.rendering.dialogue import CuePart
from sayit.speech.rendering.text import clock
from sayit.speech.transcript import Transcript

#: What SRT and WebVTT read as the sign of a time line.
_ARROW = re.compile("-{2,}>")


def srt(transcript: Transcript) -> str:
    """SubRip."""
    blocks = []
    for number, cue in enumerate(cues_of(transcript, naming=True), start=1):
        times = f"{clock(cue.start_ms, ',')} --> {clock(cue.end_ms, ',')}"
        # SubRip knows no escapes: an arrow inside a text would read as a time line.
        text = "\n".join(_ARROW.sub("->", one) for one in cue.lines)
        blocks.append(f"{number}\n{times}\n{text}\n")
    return "\n".join(blocks)


def vtt(transcript: Transcript) -> str:
    """WebVTT."""
    blocks = ["WEBVTT\n"]
    for cue in cues_of(transcript, naming=False):
        times = f"{clock(cue.start_ms, '.')} --> {clock(cue.end_ms, '.')}"
        voices = [_voice(part) for part in cue.parts]
        # One voice for all of a cue needs no end.
        text = voices[0] if len(voices) == 1 else "\n".join(f"{voice}</v>" for voice in voices)
        blocks.append(f"{times}\n{text}\n")
    return "\n".join(blocks)


def _voice(part: CuePart) -> str:
    name = part.speaker or (f"Channel {part.channel}" if part.channel else "")
    name = _escaped(name).rstrip("-")  # the tag's end must not make an arrow
    return (f"<v {name}>" if name else "") + "\n".join(map(_escaped, part.lines))


def _escaped(text: str) -> str:
    """WebVTT's escapes; with `>` escaped no text holds an arrow."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
