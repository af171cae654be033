"""Transcripts in OpenAI's forms. Comments mark what Whisper's own output has and SayIt does not keep."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from sayit.bridge.http.openai.form_fields import AudioRequest, ResponseFormat
from sayit.speech.language_names import LANGUAGES
from sayit.speech.options import Task
from sayit.speech.rendering import Format, render
from sayit.speech.rendering.documents import figure, seconds, suppressed_value
from sayit.speech.transcript import Segment, Transcript

#: Whisper counts positions in frames of 10 ms.
_FRAMES_PER_S = 100
#: The log probability of a word that the model thought impossible; JSON has no minus infinity.
_LEAST_LOGPROB = -100.0

_SUBTITLES = {ResponseFormat.SRT: Format.SRT, ResponseFormat.VTT: Format.VTT}


def text_reply(transcript: Transcript, request: AudioRequest) -> str:
    """The transcript as text or subtitles."""
    if form := _SUBTITLES.get(request.response_format):
        return render(transcript, form, request.style)
    return f"{transcript.text}\n"


def json_reply(transcript: Transcript, request: AudioRequest) -> dict[str, Any]:
    """The transcript as one of the JSON forms."""
    if request.response_format is ResponseFormat.VERBOSE_JSON:
        return _verbose(transcript, request)
    if request.response_format is ResponseFormat.DIARIZED_JSON:
        return _diarized(transcript)
    return _plain(transcript, request)


def done_event(transcript: Transcript, request: AudioRequest) -> dict[str, Any]:
    """`transcript.text.done`: the whole text, which holds where it differs from the deltas."""
    return {"type": "transcript.text.done"} | _plain(transcript, request)


def delta_event(delta: str, segments: Iterable[Segment], *, logprobs: bool) -> dict[str, Any]:
    """`transcript.text.delta`: text that follows the earlier deltas; `segments` are those it was made of."""
    event: dict[str, Any] = {"type": "transcript.text.delta", "delta": delta}
    return event | ({"logprobs": word_logprobs(segments)} if logprobs else {})


def segment_event(segment: Segment, number: int) -> dict[str, Any]:
    """`transcript.text.segment`: one segment of `diarized_json`.

    The speaker is empty, as speakers are not told apart: naming them all A would claim that one person spoke.
    """
    return {
        "type": "transcript.text.segment",
        "id": f"seg_{number:03}",
        "start": seconds(segment.start_s),
        "end": seconds(segment.end_s),
        "speaker": segment.speaker,
        "text": f" {segment.text}",
    }


def word_logprobs(segments: Iterable[Segment]) -> list[dict[str, Any]]:
    """One entry a word: the logarithm of the word's probability, which is the mean of its tokens'.

    OpenAI gives one a token; SayIt keeps words. Joined, the entries are the text all the same.
    """
    entries = []
    for segment in segments:
        for number, word in enumerate(segment.words):
            # A segment's text is stripped; words bring their own spaces where the language uses them.
            token = f" {word.text.lstrip()}" if number == 0 else word.text
            logprob = math.log(word.probability) if word.probability > 0 else _LEAST_LOGPROB
            entries.append({"token": token, "logprob": round(logprob, 6), "bytes": list(token.encode())})
    if entries:
        first = str(entries[0]["token"]).lstrip()
        entries[0] |= {"token": first, "bytes": list(first.encode())}
    return entries


def _plain(transcript: Transcript, request: AudioRequest) -> dict[str, Any]:
    reply = {"text": transcript.text, "languages": _languages(transcript), "usage": _usage(transcript)}
    return reply | ({"logprobs": word_logprobs(transcript.segments)} if request.logprobs else {})


def _verbose(transcript: Transcript, request: AudioRequest) -> dict[str, Any]:
    translated = request.options.task is Task.TRANSLATE
    reply: dict[str, Any] = {
        "task": request.options.task.value,
        "language": "english" if translated else LANGUAGES.get(transcript.language, transcript.language),
        "duration": seconds(transcript.duration_s),
        "text": transcript.text,
        "usage": _usage(transcript),
        # Not OpenAI's: what was removed because it was probably not said.
        "suppressed": suppressed_value(transcript),
    }
    if request.segments:
        reply["segments"] = [whisper_segment(segment) for segment in transcript.segments]
    if request.words:
        reply["words"] = [
            {"word": word.text.strip(), "start": seconds(word.start_s), "end": seconds(word.end_s)}
            for segment in transcript.segments
            for word in segment.words
        ]
    return reply


def whisper_segment(segment: Segment) -> dict[str, Any]:
    """A segment as Whisper's own output has it."""
    return {
        "id": segment.id,
        # Whisper's is the window's position. Windows are not kept, so it is the segment's own.
        "seek": round(segment.start_s * _FRAMES_PER_S),
        "start": seconds(segment.start_s),
        "end": seconds(segment.end_s),
        # Segments begin with a space, so that together they are the text.
        "text": f" {segment.text}",
        # Token ids are not kept.
        "tokens": [],
        "temperature": segment.temperature,
        # Clients expect a number, always; a figure that is none counts as 0.
        "avg_logprob": figure(segment.avg_logprob) or 0.0,
        "compression_ratio": figure(segment.compression_ratio) or 0.0,
        "no_speech_prob": figure(segment.no_speech_prob) or 0.0,
    }


def _diarized(transcript: Transcript) -> dict[str, Any]:
    return {
        "task": "transcribe",
        "duration": seconds(transcript.duration_s),
        "text": transcript.text,
        "segments": [segment_event(segment, number) for number, segment in enumerate(transcript.segments)],
        "usage": _usage(transcript),
    }


def _languages(transcript: Transcript) -> list[dict[str, str]]:
    """The languages of the segments in order of appearance."""
    return [{"code": code} for code in dict.fromkeys(s.language for s in transcript.segments) if code]


def _usage(transcript: Transcript) -> dict[str, Any]:
    return {"type": "duration", "seconds": seconds(transcript.usage.audio_s)}
