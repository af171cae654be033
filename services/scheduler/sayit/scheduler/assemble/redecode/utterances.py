"""Utterances: live speech that is over is decoded again, as a recording is, where its session asked for that.

An utterance is decoded while its speaker waits, alone and in a hurry. Here neighbours share a window, as pauses in a
recording do, and everything is tried that a recording's options allow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sayit.scheduler.assemble.merge import Merged, TranscribedChunk
from sayit.scheduler.assemble.redecode.values import Heard
from sayit.scheduler.assemble.words import kept_segments, words_of
from sayit.scheduler.jobs.chunk_overrides import ChunkOverrides
from sayit.scheduler.jobs.records import ChunkOutput, DoneChunk
from sayit.scheduler.jobs.redecodes import UTTERANCES, RedecodeRequest
from sayit.speech.audio import samples_of
from sayit.speech.language_names import AUTO
from sayit.speech.options import resolve

#: Most audio of a window, pauses left out, and the pause that ends one: those of a recording's chunks.
_LONGEST, _LONG_PAUSE = samples_of(29.0), samples_of(10.0)


class LiveUtterances:
    """What was said live."""

    name = UTTERANCES
    share = 1.0
    least = 1

    def requests(self, heard: Heard, draft: Merged) -> Sequence[RedecodeRequest]:  # noqa: ARG002 - the kinds' signature
        """See `Kind`: everything, once."""
        if not heard.refine or heard.redecodes:
            return ()
        return [
            RedecodeRequest(
                kind=self.name,
                start_sample=window[0].start_sample,
                end_sample=window[-1].end_sample,
                # Words say which of them belongs to which utterance.
                overrides=ChunkOverrides(language=_language(heard, window), word_timestamps=True),
            )
            for window in _windows(heard)
        ]

    def with_redecodes(self, texts: Sequence[TranscribedChunk], heard: Heard) -> Sequence[TranscribedChunk]:
        """See `Kind`: an utterance keeps its text where the new one repeats itself, or has none for it."""
        threshold = resolve(heard.options, heard.presets).compression_ratio_threshold
        standing = list(texts)
        for redecode in heard.of_kind(self.name):
            output = redecode.output
            if output is None or any(segment.compression_ratio > threshold for segment in output.segments):
                continue
            first, last = redecode.request.start_sample, redecode.request.end_sample
            places = [n for n, c in enumerate(heard.chunks) if c.start_sample >= first and c.end_sample <= last]
            for place, text in zip(places, _divided(output, [texts[place] for place in places]), strict=True):
                if text.segments:
                    standing[place] = text
        return standing


def _windows(heard: Heard) -> Iterator[list[DoneChunk]]:
    """Neighbouring utterances in one language that fit into one window."""
    window: list[DoneChunk] = []
    for chunk in heard.chunks:
        joined = [*window, chunk]
        if window and (
            sum(one.end_sample - one.start_sample for one in joined) > _LONGEST
            or chunk.start_sample - window[-1].end_sample > _LONG_PAUSE
            or len(_languages(joined)) > 1
        ):
            yield window
            joined = [chunk]
        window = joined
    if window:
        yield window


def _languages(window: Sequence[DoneChunk]) -> set[str]:
    return {segment.language for chunk in window for segment in chunk.output.segments}


def _language(heard: Heard, window: Sequence[DoneChunk]) -> str | None:
    """What its speaker was heard to speak, where the session names no language."""
    found = _languages(window)
    return found.pop() if heard.options.language == AUTO and len(found) == 1 else None


def _divided(output: ChunkOutput, texts: Sequence[TranscribedChunk]) -> Iterator[TranscribedChunk]:
    """A window's words, each with the utterance in which it lies, or that is nearest."""
    words, first = words_of(output.segments), 0
    for place, text in enumerate(texts):
        until_s = (text.end_s + texts[place + 1].start_s) / 2 if place + 1 < len(texts) else float("inf")
        last = first + sum(word.middle_s < until_s for word in words[first:])
        yield replace(
            text,
            segments=kept_segments(output.segments, words, first, last),
            suppressed=tuple(s for s in output.suppressed if text.start_s <= s.start_s < until_s),
        )
        first = last
