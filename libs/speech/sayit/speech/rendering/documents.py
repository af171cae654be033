"""The forms that keep the model's segments: text, JSON, a table."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import replace

from sayit.speech.rendering.text import channel_mark, clock, line, ms
from sayit.speech.transcript import Segment, Transcript, Word

#: A paragraph of a document ends at a pause of so many seconds, and is no longer than so many.
_PARAGRAPH_PAUSE_S = 2.0
_PARAGRAPH_S = 60.0
_MARKUP = re.compile(r"([\\`*_\[\]<>#|])")


def txt(transcript: Transcript) -> str:
    """One segment a line, its speaker, or its channel, in front."""
    return "".join(f"{mark_of(s)}{text}\n" for s in transcript.segments if (text := line(s.text)))


def timed_txt(transcript: Transcript) -> str:
    """One segment a line, its times and its speaker or channel in front."""
    return "".join(
        f"[{clock(ms(s.start_s), '.')} --> {clock(ms(s.end_s), '.')}] {mark_of(s)}{text}\n"
        for s in transcript.segments
        if (text := line(s.text))
    )


def markdown(transcript: Transcript) -> str:
    """Paragraphs for reading, each with the time of its beginning and its speaker in front."""
    return "\n".join(map(_paragraph, paragraphs_of(transcript)))


def paragraphs_of(transcript: Transcript) -> list[list[Segment]]:
    """The segments that say something, in paragraphs of one speaker that end at pauses and after a minute."""
    paragraphs: list[list[Segment]] = []
    for segment in (one for one in transcript.segments if line(one.text)):
        last = paragraphs[-1] if paragraphs else None
        if (
            last is None
            or mark_of(last[0]) != mark_of(segment)
            or last[-1].id == segment.id  # parts of a segment that a correction split
            or segment.start_s - last[-1].end_s >= _PARAGRAPH_PAUSE_S
            or segment.end_s - last[0].start_s > _PARAGRAPH_S
        ):
            paragraphs.append([])
        paragraphs[-1].append(segment)
    return paragraphs


def _paragraph(segments: Sequence[Segment]) -> str:
    time = clock(ms(segments[0].start_s), ".").partition(".")[0]
    mark = _MARKUP.sub(r"\\\1", mark_of(segments[0]).strip())
    text = _MARKUP.sub(r"\\\1", " ".join(line(one.text) for one in segments))
    return f"**{time}**{f' **{mark}**' if mark else ''} {text}\n"


def mark_of(segment: Segment) -> str:
    """What stands in front of a segment's text: its speaker, or its channel, or nothing."""
    return f"{line(segment.speaker)}: " if segment.speaker else channel_mark(segment.channel)


def tsv(transcript: Transcript) -> str:
    """A header line, then start and end in milliseconds and the text; a last column for channels that were split."""
    split = any(segment.channel for segment in transcript.segments)
    rows = (
        f"{ms(s.start_s)}\t{ms(s.end_s)}\t{text}" + (f"\t{s.channel}" if split else "")
        for s in transcript.segments
        if (text := line(s.text))
    )
    return "".join(f"{row}\n" for row in ("start\tend\ttext" + ("\tchannel" if split else ""), *rows))


def json_document(transcript: Transcript) -> str:
    """All that is known."""
    return json.dumps(transcript_value(transcript), ensure_ascii=False, allow_nan=False) + "\n"


def transcript_value(transcript: Transcript) -> dict[str, object]:
    """The object that the JSON form holds."""
    return {
        "text": transcript.text,
        "language": transcript.language,
        "language_probability": figure(transcript.language_probability),
        "duration": seconds(transcript.duration_s),
        "model": transcript.model,
        "preset": transcript.preset,
        "version": transcript.version,
        "segments": [segment_value(segment) for segment in transcript.segments],
        "coverage": {
            "speech_detected": seconds(transcript.coverage.speech_detected_s),
            "speech_transcribed": seconds(transcript.coverage.speech_transcribed_s),
            "gaps": [
                {"start": seconds(gap.start_s), "end": seconds(gap.end_s), "channel": gap.channel}
                for gap in transcript.coverage.gaps
            ],
        },
        "suppressed": suppressed_value(transcript),
        "redacted": redacted_value(transcript),
        "usage": {"audio": seconds(transcript.usage.audio_s), "compute": seconds(transcript.usage.compute_s)},
    }


def suppressed_value(transcript: Transcript) -> list[dict[str, object]]:
    """The removed text in the JSON form."""
    return [
        {
            "text": removed.text,
            "reason": removed.reason.value,
            "start": seconds(removed.start_s),
            "end": seconds(removed.end_s),
            "channel": removed.channel,
        }
        for removed in transcript.suppressed
    ]


def redacted_value(transcript: Transcript) -> list[dict[str, object]]:
    """What was redacted in the JSON form."""
    return [
        {
            "kind": one.kind.value,
            "start": seconds(one.start_s),
            "end": seconds(one.end_s),
            "channel": one.channel,
        }
        for one in transcript.redacted
    ]


def with_suppressed(transcript: Transcript) -> Transcript:
    """The transcript with what was removed in its place, as segments `[reason: text]`."""
    removed = (
        Segment(
            id=0,
            start_s=one.start_s,
            end_s=one.end_s,
            channel=one.channel,
            text=f"[{one.reason}: {line(one.text)}]",
            language=transcript.language,
        )
        for one in transcript.suppressed
    )
    together = sorted((*transcript.segments, *removed), key=lambda one: (one.start_s, one.channel))
    return replace(transcript, segments=tuple(replace(one, id=place) for place, one in enumerate(together)))


def segment_value(segment: Segment) -> dict[str, object]:
    """A segment in the JSON form."""
    return {
        "id": segment.id,
        "start": seconds(segment.start_s),
        "end": seconds(segment.end_s),
        "text": segment.text,
        "language": segment.language,
        "language_probability": figure(segment.language_probability),
        "speaker": segment.speaker,
        "channel": segment.channel,
        "avg_logprob": figure(segment.avg_logprob),
        "compression_ratio": figure(segment.compression_ratio),
        "no_speech_prob": figure(segment.no_speech_prob),
        "temperature": figure(segment.temperature),
        "words": [_word(word) for word in segment.words],
    }


def _word(word: Word) -> dict[str, object]:
    return {
        "text": word.text,
        "start": seconds(word.start_s),
        "end": seconds(word.end_s),
        "probability": figure(word.probability),
    }


def seconds(value: float) -> float:
    """Seconds to the millisecond, as every form in JSON has them."""
    return round(value, 3) + 0.0  # no "-0.0"


def figure(value: float) -> float | None:
    """A figure to six places; None for one that JSON cannot say."""
    return round(value, 6) + 0.0 if math.isfinite(value) else None
