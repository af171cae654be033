"""Chunks in a doubtful language of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from sayit.scheduler.assemble.merge import merge
from sayit.scheduler.assemble.redecode.kinds import redecode_requests, texts_with_redecodes
from sayit.scheduler.assemble.redecode.languages import Languages
from sayit.scheduler.assemble.redecode.values import Heard
from sayit.scheduler.jobs.chunk_overrides import ChunkOverrides
from sayit.scheduler.jobs.records import ChunkOutput, DoneChunk
from sayit.scheduler.jobs.redecodes import Redecode, RedecodeRequest
from sayit.speech.options import PRESETS, Options
from sayit.speech.transcript import Segment

SECOND = 16_000
ONLY = (Languages(),)


def output(start_s: float, language: str, probability: float, *, avg_logprob: float = -0.5) -> ChunkOutput:
    """Ten seconds of text."""
    text = Segment(
        id=0,
        start_s=start_s,
        end_s=start_s + 10,
        text=f"in {language}",
        language=language,
        language_probability=probability,
        avg_logprob=avg_logprob,
    )
    return ChunkOutput(
        segments=(text,), language=language, language_probability=probability, suppressed=(), compute_s=1.0
    )


def heard(*spoken: tuple[str, float], redecodes: Sequence[Redecode] = (), language: str = "auto") -> Heard:
    """Chunks of ten seconds in these languages, with their probabilities."""
    chunks = tuple(
        DoneChunk(
            index=place,
            start_sample=10 * SECOND * place,
            end_sample=10 * SECOND * (place + 1),
            hard_start=False,
            hard_end=False,
            object_key=str(place),
            output=output(10.0 * place, code, probability),
            pieces=((10 * SECOND * place, 10 * SECOND * (place + 1)),),
        )
        for place, (code, probability) in enumerate(spoken)
    )
    options = Options(language=language)
    return Heard(
        chunks=chunks,
        redecodes=tuple(redecodes),
        speech=(),
        options=options,
        presets=PRESETS,
        samples=10 * SECOND * len(chunks),
    )


def looks_for(recording: Heard) -> tuple[RedecodeRequest, ...]:
    """The looks that this kind wants."""
    return redecode_requests(recording, merge(texts_with_redecodes(recording), speech=(), duration_s=100.0), kinds=ONLY)


SECOND_CHUNK = RedecodeRequest(
    kind="language", start_sample=10 * SECOND, end_sample=20 * SECOND, overrides=ChunkOverrides(language="ko")
)


def test_a_doubtful_chunk_is_heard_in_its_neighbours_language() -> None:
    """What both neighbours speak is tried on a chunk whose own language was in doubt."""
    assert looks_for(heard(("ko", 0.99), ("en", 0.6), ("ko", 0.99))) == (SECOND_CHUNK,)


@pytest.mark.parametrize(
    ("spoken", "language"),
    [
        ((("ko", 0.99), ("en", 0.9), ("ko", 0.99)), "auto"),
        ((("ko", 0.99), ("ko", 0.6), ("ko", 0.99)), "auto"),
        ((("ko", 0.99), ("en", 0.6), ("en", 0.99)), "auto"),
        ((("en", 0.6), ("ko", 0.99), ("ko", 0.99)), "auto"),
        ((("ko", 0.99), ("en", 0.6), ("ko", 0.99)), "ko"),
    ],
    ids=["sure", "the same", "neighbours differ", "one neighbour", "fixed language"],
)
def test_other_chunks_are_not_looked_at(spoken: tuple[tuple[str, float], ...], language: str) -> None:
    """Doubt, two neighbours in one other language, and a language to be detected: all are needed."""
    assert looks_for(heard(*spoken, language=language)) == ()


def test_neighbours_are_of_the_same_channel() -> None:
    """Somebody else's language says nothing."""
    recording = heard(("ko", 0.99), ("en", 0.6), ("ko", 0.99))
    channels = [replace(chunk, channel=1 + chunk.index % 2) for chunk in recording.chunks]
    assert looks_for(replace(recording, chunks=tuple(channels))) == ()


@pytest.mark.parametrize(
    ("avg_logprob", "language"), [(-0.4, "ko"), (-0.6, "ko"), (-0.7, "en")], ids=["better", "nearly as good", "worse"]
)
def test_the_better_text_stands(avg_logprob: float, language: str) -> None:
    """The neighbours' language counts a little; a text that is clearly worse does not stand for all that."""
    redecode = Redecode(request=SECOND_CHUNK, round=1, output=output(10.0, "ko", 1.0, avg_logprob=avg_logprob))
    recording = heard(("ko", 0.99), ("en", 0.6), ("ko", 0.99), redecodes=[redecode])
    texts = texts_with_redecodes(recording, kinds=ONLY)
    assert [text.segments[0].text for text in texts] == ["in ko", f"in {language}", "in ko"]
    assert texts[1].language == language
    assert texts[1].segments[0].language_probability == pytest.approx(0.4 if language == "ko" else 0.6)
    assert len(merge(texts, speech=(), duration_s=30.0).refinements) == (1 if language == "ko" else 0)
    assert looks_for(recording) == ()


@pytest.mark.parametrize(
    "text", [None, ChunkOutput(segments=(), language="ko", language_probability=1.0, suppressed=(), compute_s=0.1)]
)
def test_a_look_without_a_text_changes_nothing(text: ChunkOutput | None) -> None:
    """A look that was given up, or heard nothing, leaves what was there."""
    redecode = Redecode(request=SECOND_CHUNK, round=1, output=text)
    texts = texts_with_redecodes(heard(("ko", 0.99), ("en", 0.6), ("ko", 0.99), redecodes=[redecode]), kinds=ONLY)
    assert [each.language for each in texts] == ["ko", "en", "ko"]
