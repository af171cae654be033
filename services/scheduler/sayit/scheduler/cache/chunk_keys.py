"""When two chunks share a cached text, and the form of that text: keys, and times that start at 0."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, replace

from sayit.scheduler.jobs.records import ChunkOutput
from sayit.speech.options import Context, Options, resolve
from sayit.speech.presets import Presets
from sayit.speech.transcript import Segment
from sayit.speech.word_times import in_order

#: Counted up when the meaning of a key or of what is kept under it changes.
_FORM = 1


def audio_digest(pcm: bytes) -> str:
    """SHA-256 (hex) of a chunk's samples."""
    return hashlib.sha256(pcm).hexdigest()


def chunk_key(
    audio: str, pieces: Sequence[tuple[int, int]], model: str, options: Options, presets: Presets, *, words: bool
) -> str:
    """SHA-256 (hex) of what a chunk's text depends on: audio (its digest), model and decode options.

    It also depends on the pauses that were left out of it (between its pieces), because its times are kept.

    The options are those that were resolved, not those of the request: a changed preset gives another key, and later
    changes to the text (hallucination filter, formatting) do not. Empty in sequential context, where each text depends
    on all texts before it.
    """
    if options.context is Context.SEQUENTIAL:
        return ""
    resolved = resolve(options, presets)
    decoded = asdict(replace(resolved, word_timestamps=resolved.word_timestamps or words))
    placed = [[start - pieces[0][0], end - pieces[0][0]] for start, end in pieces]
    asked = json.dumps([_FORM, audio, placed, model, decoded], sort_keys=True)
    return hashlib.sha256(asked.encode()).hexdigest()


def revised(key: str, revision: str) -> str:
    """The key of an answer that a transcriber of this revision gives."""
    return hashlib.sha256(f"{key} {revision}".encode()).hexdigest()


def shifted(output: ChunkOutput, by_s: float) -> ChunkOutput:
    """The same text, so many seconds later."""
    return replace(
        output,
        segments=tuple(_shifted(segment, by_s) for segment in output.segments),
        suppressed=tuple(replace(s, start_s=s.start_s + by_s, end_s=s.end_s + by_s) for s in output.suppressed),
    )


def _shifted(segment: Segment, by_s: float) -> Segment:
    start_s, end_s = segment.start_s + by_s, segment.end_s + by_s
    words = [replace(w, start_s=w.start_s + by_s, end_s=w.end_s + by_s) for w in segment.words]
    return replace(segment, start_s=start_s, end_s=end_s, words=in_order(words, start_s, end_s))
