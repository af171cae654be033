r"""A transcript as a file: plain text, JSON, subtitles (SRT, WebVTT), or a table (TSV). All are UTF-8 text.

txt: one segment a line.

json: one object; keys may be added, never renamed or removed, and all are always there. Times are seconds rounded to
milliseconds; a figure that is no finite number is null.

    {"text": str, "language": str, "language_probability": float, "duration": float, "model": str, "preset": str,
     "segments": [{"id": int, "start": float, "end": float, "text": str, "language": str, "speaker": str,
                   "avg_logprob": float, "compression_ratio": float, "no_speech_prob": float, "temperature": float,
                   "words": [{"text": str, "start": float, "end": float, "probability": float}]}],
     "coverage": {"speech_detected": float, "speech_transcribed": float, "gaps": [{"start": float, "end": float}]},
     "suppressed": [{"text": str, "reason": str, "start": float, "end": float}],
     "usage": {"audio": float, "compute": float}}

srt, vtt: one cue a segment, in ascending order and without overlaps, as players want them. Where two segments overlap,
the earlier cue ends when the later begins. A speaker is named as "name: text" in SRT, as a voice (`<v name>`) in VTT.

tsv: a header line, then start and end in milliseconds and the text, as openai/whisper writes it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from sayit.speech.transcript import Segment, Transcript, Word

#: The shortest cue in milliseconds: players drop what is shorter than a frame.
SHORTEST_CUE_MS = 100

#: C0 and C1 control characters that are no white space; subtitle parsers stumble over them (WebVTT forbids U+0000).
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")
#: What SRT and WebVTT read as the sign of a time line.
_ARROW = re.compile("-{2,}>")


class Format(StrEnum):
    """The forms of a rendered transcript; the value is the usual file extension."""

    #: Plain text.
    TXT = "txt"
    #: All that is known, for programs.
    JSON = "json"
    #: SubRip subtitles.
    SRT = "srt"
    #: WebVTT subtitles.
    VTT = "vtt"
    #: Tab-separated start, end, text.
    TSV = "tsv"


def render(transcript: Transcript, form: Format) -> str:
    """The transcript in this form, its last line ended; silence is an empty text or a file without cues."""
    return _RENDERERS[form](transcript)


def _txt(transcript: Transcript) -> str:
    return "".join(f"{line}\n" for segment in transcript.segments if (line := _line(segment.text)))


def _tsv(transcript: Transcript) -> str:
    rows = (f"{_ms(s.start_s)}\t{_ms(s.end_s)}\t{line}\n" for s in transcript.segments if (line := _line(s.text)))
    return "start\tend\ttext\n" + "".join(rows)


def _json(transcript: Transcript) -> str:
    return json.dumps(transcript_value(transcript), ensure_ascii=False, allow_nan=False) + "\n"


def transcript_value(transcript: Transcript) -> dict[str, object]:
    """The object that the JSON form holds."""
    return {
        "text": transcript.text,
        "language": transcript.language,
        "language_probability": _figure(transcript.language_probability),
        "duration": _seconds(transcript.duration_s),
        "model": transcript.model,
        "preset": transcript.preset,
        "segments": [segment_value(segment) for segment in transcript.segments],
        "coverage": {
            "speech_detected": _seconds(transcript.coverage.speech_detected_s),
            "speech_transcribed": _seconds(transcript.coverage.speech_transcribed_s),
            "gaps": [{"start": _seconds(gap.start_s), "end": _seconds(gap.end_s)} for gap in transcript.coverage.gaps],
        },
        "suppressed": [
            {
                "text": removed.text,
                "reason": removed.reason.value,
                "start": _seconds(removed.start_s),
                "end": _seconds(removed.end_s),
            }
            for removed in transcript.suppressed
        ],
        "usage": {"audio": _seconds(transcript.usage.audio_s), "compute": _seconds(transcript.usage.compute_s)},
    }


def segment_value(segment: Segment) -> dict[str, object]:
    """A segment in the JSON form."""
    return {
        "id": segment.id,
        "start": _seconds(segment.start_s),
        "end": _seconds(segment.end_s),
        "text": segment.text,
        "language": segment.language,
        "speaker": segment.speaker,
        "avg_logprob": _figure(segment.avg_logprob),
        "compression_ratio": _figure(segment.compression_ratio),
        "no_speech_prob": _figure(segment.no_speech_prob),
        "temperature": _figure(segment.temperature),
        "words": [_word(word) for word in segment.words],
    }


def _word(word: Word) -> dict[str, object]:
    return {
        "text": word.text,
        "start": _seconds(word.start_s),
        "end": _seconds(word.end_s),
        "probability": _figure(word.probability),
    }


@dataclass(frozen=True, kw_only=True)
class _Cue:
    """What a player shows at once; `start_ms` < `end_ms`."""

    start_ms: int
    end_ms: int
    text: str
    speaker: str


def _cues(transcript: Transcript) -> Iterator[_Cue]:
    """Cues in ascending order without overlaps, each at least SHORTEST_CUE_MS long."""
    spoken = sorted((s for s in transcript.segments if _line(s.text)), key=lambda s: (s.start_s, s.id))
    starts: list[int] = []
    for segment in spoken:
        earliest = starts[-1] + SHORTEST_CUE_MS if starts else 0
        starts.append(max(_ms(segment.start_s), earliest))
    for index, segment in enumerate(spoken):
        end = max(_ms(segment.end_s), starts[index] + SHORTEST_CUE_MS)
        if index + 1 < len(starts):
            end = min(end, starts[index + 1])
        yield _Cue(start_ms=starts[index], end_ms=end, text=_line(segment.text), speaker=_line(segment.speaker))


def _srt(transcript: Transcript) -> str:
    blocks = []
    for number, cue in enumerate(_cues(transcript), start=1):
        times = f"{_clock(cue.start_ms, ',')} --> {_clock(cue.end_ms, ',')}"
        text = f"{cue.speaker}: {cue.text}" if cue.speaker else cue.text
        # SubRip knows no escapes: an arrow inside a text would read as a time line.
        blocks.append(f"{number}\n{times}\n{_ARROW.sub('->', text)}\n")
    return "\n".join(blocks)


def _vtt(transcript: Transcript) -> str:
    blocks = ["WEBVTT\n"]
    for cue in _cues(transcript):
        speaker = _escaped(cue.speaker).rstrip("-")  # the tag's end must not make an arrow
        voice = f"<v {speaker}>" if speaker else ""
        times = f"{_clock(cue.start_ms, '.')} --> {_clock(cue.end_ms, '.')}"
        blocks.append(f"{times}\n{voice}{_escaped(cue.text)}\n")
    return "\n".join(blocks)


def _escaped(text: str) -> str:
    """WebVTT's escapes; with `>` escaped no text holds an arrow."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _line(text: str) -> str:
    """The text in one line: white space, line breaks and tabs become single spaces."""
    return " ".join(_CONTROL.sub("", text).split())


def _ms(seconds: float) -> int:
    return max(0, round(seconds * 1000))


def _clock(milliseconds: int, separator: str) -> str:
    seconds, ms = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{separator}{ms:03}"


def _seconds(seconds: float) -> float:
    return round(seconds, 3) + 0.0  # no "-0.0"


def _figure(value: float) -> float | None:
    return round(value, 6) + 0.0 if math.isfinite(value) else None


_RENDERERS: dict[Format, Callable[[Transcript], str]] = {
    Format.TXT: _txt,
    Format.JSON: _json,
    Format.SRT: _srt,
    Format.VTT: _vtt,
    Format.TSV: _tsv,
}
