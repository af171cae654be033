"""Chunks without punctuation among others that have it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sayit.scheduler.assemble.redecode import redecode_requests
from sayit.scheduler.assemble.redecode.punctuation import Punctuation, punctuated
from sayit.scheduler.assemble.redecode.values import Heard
from sayit.scheduler.jobs.chunk_overrides import ChunkOverrides
from sayit.scheduler.jobs.redecodes import RedecodeRequest
from sayit.speech.transcript import Segment

from .helper import chunk, draft, had, heard, said, text

SECOND = 16_000
#: Fifteen words in five sentences, and as many words in none.
MARKED = "We go home. It is late. You stay here. They come back. Is it so?"
PLAIN = "we went on it was dark and they saw us so we ran and hid there"
REQUEST = RedecodeRequest(
    kind="punctuation",
    start_sample=20 * SECOND,
    end_sample=40 * SECOND,
    overrides=ChunkOverrides(language="en", temperatures=(0.0,), beam_size=1, preceding=MARKED, word_timestamps=False),
)


def spoken(*texts: str, again: Segment | None = None) -> Heard:
    """Chunks of 20 s with these texts, and what the second one's re-decode gave."""
    chunks = [
        chunk(place, 20 * place, 20 * place + 20, said(words, 20 * place, 20 * place + 20))
        for place, words in enumerate(texts)
    ]
    redecodes = [] if again is None else [had(REQUEST, again)]
    return heard(*chunks, speech=[(0, 20 * len(texts))], redecodes=redecodes)


def requests(recording: Heard) -> tuple[RedecodeRequest, ...]:
    """The re-decodes that this kind wants."""
    return redecode_requests(recording, draft(recording), kinds=(Punctuation(),))


@pytest.mark.parametrize("texts", [(MARKED, PLAIN, MARKED), (MARKED, PLAIN), (PLAIN, MARKED, MARKED)])
def test_a_chunk_without_full_stops_is_decoded_with_the_text_of_one_with_them(texts: tuple[str, ...]) -> None:
    """The nearest chunk with punctuation, the one before rather than the one behind, is its prompt."""
    place = texts.index(PLAIN)
    expected = replace(REQUEST, start_sample=20 * place * SECOND, end_sample=20 * (place + 1) * SECOND)
    assert requests(spoken(*texts)) == (expected,)


@pytest.mark.parametrize(
    "texts",
    [
        (PLAIN, PLAIN, PLAIN),
        (MARKED, MARKED, MARKED),
        (MARKED, "we went on", MARKED),
        (MARKED, "We went. On it was dark and they saw us. So we ran and hid there", MARKED),
    ],
    ids=["none has any", "all have", "too short to tell", "some"],
)
def test_other_chunks_are_left_alone(texts: tuple[str, ...]) -> None:
    """A recording without punctuation is in one style, and short text may have none."""
    assert requests(spoken(*texts)) == ()


def test_another_language_is_no_model() -> None:
    """The prompt is in the chunk's own language."""
    recording = spoken(MARKED, PLAIN)
    first, second = recording.chunks
    segments = tuple(replace(segment, language="ko") for segment in first.output.segments)
    foreign = replace(first, output=replace(first.output, segments=segments, language="ko"))
    assert requests(replace(recording, chunks=(foreign, second))) == ()


def test_the_words_stay_and_get_signs_and_capitals() -> None:
    """The re-decode heard two words otherwise and one more: only what both texts have changes, and no time does."""
    again = said("We went on. It was dark and they sat as. So, we ran and then hid there!", 20, 40)
    recording = spoken(MARKED, PLAIN, MARKED, again=again)
    assert (
        text(recording)
        .split("? ", 1)[1]
        .startswith("We went on. It was dark and they saw us. So, we ran and hid there! We go home.")
    )
    (segment,) = Punctuation().with_redecodes(recording.texts, recording)[1].segments
    (before,) = recording.texts[1].segments
    assert "".join(word.text for word in segment.words).strip() == segment.text
    assert [(word.start_s, word.probability) for word in segment.words] == [
        (word.start_s, word.probability) for word in before.words
    ]
    assert [refinement.chunk_indexes for refinement in draft(recording).refinements] == [(1,)]
    assert requests(recording) == ()


def test_a_text_about_something_else_changes_nothing() -> None:
    """A re-decode that is a loop, or has no text, has no word in common."""
    for again in (said("No. " * 20, 20, 40), said("Yes", 20, 40)):
        assert text(spoken(MARKED, PLAIN, again=again)) == f"{MARKED} {PLAIN}"


def test_signs_go_over_the_borders_of_segments() -> None:
    """Both texts may be cut into segments differently; a segment whose words are others than its text's stays."""
    one, two = said("we went on it", 0, 4), said("was dark", 4, 6)
    again = (said("We went on.", 0, 3), said("It was dark.", 3, 6))
    assert [segment.text for segment in punctuated((one, two), again)] == ["We went on. It", "was dark."]
    odd = replace(one, words=one.words[:2])
    assert [segment.text for segment in punctuated((odd, two), again)] == ["we went on it", "was dark."]
