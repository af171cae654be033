r"""A transcript as a file: plain text, JSON, subtitles (SRT, WebVTT), or a table (TSV). All are UTF-8 text.

Documents (DOCX, PDF) are none, and only a gateway makes them.

txt: one segment a line; timed.txt: each with its times in front, `[00:00:01.250 --> 00:00:03.500] text`. A speaker
stands in front of the text, `name: text`; without one the channel where channels were split, `[1] text`.

md: Markdown paragraphs for reading, each with the time of its beginning and its speaker in front.

json: one object; keys may be added, never renamed or removed, and all are always there. Times are seconds rounded to
milliseconds; a figure that is no finite number is null; `channel` is 0 where channels were mixed.

    {"text": str, "language": str, "language_probability": float, "duration": float, "model": str, "preset": str,
     "segments": [{"id": int, "start": float, "end": float, "text": str,
                   "language": str, "language_probability": float, "channel": int, "speaker": str,
                   "avg_logprob": float, "compression_ratio": float, "no_speech_prob": float, "temperature": float,
                   "words": [{"text": str, "start": float, "end": float, "probability": float}]}],
     "coverage": {"speech_detected": float, "speech_transcribed": float,
                  "gaps": [{"start": float, "end": float, "channel": int}]},
     "suppressed": [{"text": str, "reason": str, "start": float, "end": float, "channel": int}],
     "redacted": [{"kind": str, "start": float, "end": float, "channel": int}],
     "usage": {"audio": float, "compute": float}}

srt, vtt, ass, ttml: the words cut anew into cues that can be read, see `cues`: two lines at most, in ascending order
and without overlaps. Word times place the cuts where there are any, else each word gets its share of its segment. A
speaker is named as "name: text", in VTT as a voice (`<v name>`); a channel without a name as "[1] text", in VTT as
`<v Channel 1>`.
Where two channels speak at once a cue has a line of each.

tsv: a header line, then start and end in milliseconds and the text, as openai/whisper writes it; where channels were
split, then the channel.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from sayit.speech.rendering import documents, subtitles
from sayit.speech.rendering.documents import segment_value, transcript_value
from sayit.speech.rendering.units import BROADCASTERS, SUBTITLES, SubtitleStyle
from sayit.speech.transcript import Transcript

__all__ = ["BROADCASTERS", "SUBTITLES", "Format", "SubtitleStyle", "render", "segment_value", "transcript_value"]


class Format(StrEnum):
    """The forms of a rendered transcript; the value is the usual file extension."""

    #: Plain text.
    TXT = "txt"
    #: Plain text with times.
    TIMED_TXT = "timed.txt"
    #: All that is known, for programs.
    JSON = "json"
    #: SubRip subtitles.
    SRT = "srt"
    #: WebVTT subtitles.
    VTT = "vtt"
    #: Tab-separated start, end, text.
    TSV = "tsv"
    #: Advanced SubStation Alpha subtitles.
    ASS = "ass"
    #: TTML subtitles.
    TTML = "ttml"
    #: Markdown.
    MD = "md"
    #: A document for word processors.
    DOCX = "docx"
    #: The same, to be read and printed.
    PDF = "pdf"

    @property
    def is_document(self) -> bool:
        """Whether it is no text: bytes that only a gateway makes."""
        return self in {Format.DOCX, Format.PDF}


def render(
    transcript: Transcript, form: Format, style: SubtitleStyle = BROADCASTERS, *, suppressed: bool = False
) -> str:
    """The transcript in this form, its last line ended; silence is an empty text or a file without cues.

    Args:
        transcript: the text.
        form: how to write it.
        style: how subtitles are cut; the other forms are written as they are.
        suppressed: whether forms for reading show also what was removed, where it stood, as `[reason: text]`.

    Raises:
        ValueError: it is a document.
    """
    if form.is_document:
        raise ValueError(f"{form} is no text: only a gateway makes it")
    if suppressed and form is not Format.JSON:
        transcript = documents.with_suppressed(transcript)
    if form in _SUBTITLES:
        return _SUBTITLES[form](transcript, style)
    return _DOCUMENTS[form](transcript)


_SUBTITLES: dict[Format, Callable[[Transcript, SubtitleStyle], str]] = {
    Format.SRT: subtitles.srt,
    Format.VTT: subtitles.vtt,
    Format.ASS: subtitles.ass,
    Format.TTML: subtitles.ttml,
}
_DOCUMENTS: dict[Format, Callable[[Transcript], str]] = {
    Format.TXT: documents.txt,
    Format.TIMED_TXT: documents.timed_txt,
    Format.JSON: documents.json_document,
    Format.TSV: documents.tsv,
    Format.MD: documents.markdown,
}
