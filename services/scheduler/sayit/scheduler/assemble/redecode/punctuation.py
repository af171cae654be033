"""Punctuation: a chunk that has none, where the other chunks have some, is decoded with one of these as prompt.

Whisper writes a window with full stops and capitals or without, and goes on as the text in front of it; chunks do not
know each other. The new text gives its signs and its case to the words that both texts have. No word changes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import islice

from sayit.scheduler.assemble.merge import Merged, TranscribedChunk
from sayit.scheduler.assemble.redecode.values import Heard
from sayit.scheduler.assemble.words import comparable
from sayit.scheduler.jobs.chunk_overrides import ChunkOverrides, end_of_text
from sayit.scheduler.jobs.redecodes import RedecodeRequest
from sayit.speech.transcript import Segment, Word

#: Question marks come also where full stops do not.
_STOPS = re.compile(r"[.…](?=\s|$)")
_SIGNS = re.compile(r"[,.?!…]+$")
#: A chunk with so many full stops is as the others should be.
_MODEL = 2
#: A chunk is plain if the models' rate lets so many full stops be expected in it, or more ...
_EXPECTED = 2.0
#: ... and less than this part of them is there.
_PART = 0.25
#: So many words that one text has otherwise still get the sign behind them; more have none in common.
_HEARD_ANEW = 3


class Punctuation:
    """Chunks without punctuation among others that have it."""

    name = "punctuation"
    share = 0.25
    least = 2

    def requests(self, heard: Heard, draft: Merged) -> Sequence[RedecodeRequest]:  # noqa: ARG002 - the kinds' signature
        """See `Kind`. Text with hardly a space, such as Chinese, has no words to give signs to."""
        if heard.redecodes:
            return ()
        texts = heard.texts
        models, plain = _models_and_plain(texts)
        found = []
        for place in plain:
            near = sorted((abs(model - place), model) for model in models)
            nearest = next((model for _, model in near if _languages(texts[model]) == _languages(texts[place])), None)
            if nearest is not None:
                found.append(
                    RedecodeRequest(
                        kind=self.name,
                        start_sample=heard.chunks[place].start_sample,
                        end_sample=heard.chunks[place].end_sample,
                        # Only its signs count: one greedy decode shows them.
                        overrides=ChunkOverrides(
                            language=texts[place].language,
                            temperatures=(0.0,),
                            beam_size=1,
                            preceding=end_of_text(texts[nearest].segments),
                            word_timestamps=False,
                        ),
                    )
                )
        return found

    def with_redecodes(self, texts: Sequence[TranscribedChunk], heard: Heard) -> Sequence[TranscribedChunk]:
        """See `Kind`."""
        again = {
            (redecode.request.start_sample, redecode.request.end_sample): redecode.output.segments
            for redecode in heard.of_kind(self.name)
            if redecode.output is not None
        }
        return [
            replace(text, segments=punctuated(text.segments, again[place]))
            if (place := (chunk.start_sample, chunk.end_sample)) in again
            else text
            for chunk, text in zip(heard.chunks, texts, strict=True)
        ]


def punctuated(segments: Sequence[Segment], like: Sequence[Segment]) -> tuple[Segment, ...]:
    """The segments with the signs and the case of another text of the same audio, and with all of their words."""
    words, others = _words(segments), _words(like)
    now = list(words)
    compared = SequenceMatcher(None, [*map(comparable, words)], [*map(comparable, others)], autojunk=False)
    for tag, start, end, other_start, other_end in compared.get_opcodes():
        if tag == "equal":
            pairs = zip(words[start:end], others[other_start:other_end], strict=True)
            now[start:end] = [old if _SIGNS.search(old) and not _SIGNS.search(new) else new for old, new in pairs]
        elif tag == "replace" and end - start <= _HEARD_ANEW and (signs := _SIGNS.search(others[other_end - 1])):
            now[end - 1] = _SIGNS.sub("", now[end - 1]) + signs[0]
    left = iter(now)
    return tuple(_written(segment, [*islice(left, len(segment.text.split()))]) for segment in segments)


def _models_and_plain(texts: Sequence[TranscribedChunk]) -> tuple[list[int], list[int]]:
    """The places of chunks with full stops, and of those that lack them, none at all and long ones first."""
    stops = [sum(len(_STOPS.findall(segment.text)) for segment in text.segments) for text in texts]
    words = [len(_words(text.segments)) for text in texts]
    models = [place for place, count in enumerate(stops) if count >= _MODEL]
    rate = sum(stops[model] for model in models) / max(1, sum(words[model] for model in models))
    plain = []
    for place, text in enumerate(texts):
        expected = words[place] * rate
        if expected >= _EXPECTED and stops[place] < _PART * expected and _languages(text) == {text.language}:
            plain.append(place)
    plain.sort(key=lambda place: (stops[place] > 0, -words[place]))
    return [model for model in models if model not in plain], plain


def _languages(text: TranscribedChunk) -> set[str]:
    return {segment.language for segment in text.segments}


def _words(segments: Sequence[Segment]) -> list[str]:
    return [word for segment in segments for word in segment.text.split()]


def _written(segment: Segment, words: Sequence[str]) -> Segment:
    """The segment with these words in place of its own; as it is where its words with times are others."""
    if segment.words and len(segment.words) != len(words):
        return segment
    timed = [_spelt(word, text) for word, text in zip(segment.words, words, strict=False)]
    return replace(segment, text=" ".join(words), words=tuple(timed))


def _spelt(word: Word, text: str) -> Word:
    """The word as it is now written; what was in front of it, such as a space, stays."""
    return replace(word, text=word.text[: len(word.text) - len(word.text.lstrip())] + text)
