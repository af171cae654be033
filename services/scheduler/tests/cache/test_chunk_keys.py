"""Which chunks are the same question."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sayit.scheduler.cache.chunk_keys import audio_digest, chunk_key, revised, shifted
from sayit.scheduler.jobs.records import ChunkOutput
from sayit.speech.options import PRESETS, Context, DecodingOverrides, Guard, Options, resolve
from sayit.speech.transcript import Segment, Suppressed, SuppressionReason, Word

AUDIO = audio_digest(b"\x01\x00" * 100)
ASKED = Options(language="ko")


def key(
    options: Options = ASKED,
    *,
    audio: str = AUDIO,
    pieces: tuple[tuple[int, int], ...] = ((500, 600),),
    model: str = "small",
    words: bool = False,
) -> str:
    """The key of a chunk."""
    return chunk_key(audio, pieces, model, options, PRESETS, words=words)


@pytest.mark.parametrize(
    "other",
    [
        Options(language="en"),
        Options(language="ko", prompt="안녕"),
        Options(language="ko", hotwords="세이잇"),
        Options(language="ko", beam_size=1),
        Options(language="ko", word_timestamps=True),
        Options(language="ko", context=Context.NONE),
        Options(language="ko", decoding=DecodingOverrides(suppress_tokens=(5,))),
    ],
)
def test_another_decode_option_is_another_question(other: Options) -> None:
    """Whatever the engine is told counts, as do the samples, the model, and a cut inside speech."""
    assert key(other) != key()


def test_what_is_not_told_to_the_engine_does_not_count() -> None:
    """The guard and the way of writing come after the engine; a value that is the preset's is the preset."""
    beams = resolve(ASKED, PRESETS).beam_size
    same = replace(ASKED, guard=Guard.OFF, formatting=True, mask_profanity=True, beam_size=beams)
    assert key(same) == key()
    assert key(audio=audio_digest(b"\x02\x00" * 100)) != key()
    assert key(model="medium") != key()
    assert key(words=True) != key()
    assert key(words=True) == key(replace(ASKED, word_timestamps=True))
    assert key(pieces=((900, 1000),)) == key()
    assert key(pieces=((500, 550), (700, 750))) != key()
    assert revised(key(), "r1") != revised(key(), "r2")


def test_sequential_context_has_no_key() -> None:
    """There a text depends on all chunks before it."""
    assert key(replace(ASKED, context=Context.SEQUENTIAL)) == ""


def test_a_text_moves_with_its_chunk() -> None:
    """There and back all times are what they were, within a nanosecond."""
    word = Word(text=" a", start_s=0.1, end_s=0.7, probability=0.9)
    output = ChunkOutput(
        segments=(Segment(id=0, start_s=0.1, end_s=0.7, text="a", language="ko", words=(word,)),),
        language="ko",
        language_probability=0.5,
        suppressed=(Suppressed(start_s=1.0, end_s=2.0, text="b", reason=SuppressionReason.REPETITION),),
        compute_s=0.25,
    )
    there = shifted(output, 1234.567)
    assert there.segments[0].words[0].start_s == pytest.approx(1234.667, abs=1e-9)
    assert there.suppressed[0].end_s == pytest.approx(1236.567, abs=1e-9)
    back = shifted(there, -1234.567)
    assert back.segments[0].end_s == pytest.approx(0.7, abs=1e-9)
    assert back.segments[0].words[0].end_s == pytest.approx(0.7, abs=1e-9)
