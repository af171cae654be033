"""Live speech that is decoded again as a recording is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from sayit.scheduler.assemble.redecode import REFINING, Heard, redecode_requests
from sayit.scheduler.jobs.chunk_overrides import ChunkOverrides
from sayit.scheduler.jobs.records import DoneChunk
from sayit.scheduler.jobs.redecodes import Redecode
from sayit.speech.audio import seconds_of
from sayit.speech.options import Options
from sayit.speech.transcript import Segment

from .helper import chunk, draft, had, heard, said, text

#: Two utterances with a pause, the first of which was understood wrongly.
FIRST, SECOND = chunk(0, 0.0, 4.0, said("won too", 0.4, 3.6)), chunk(1, 5.0, 9.0, said("three four", 5.4, 8.6))


def refined(*chunks: DoneChunk, language: str = "en", redecodes: Sequence[Redecode] = ()) -> Heard:
    """A session that asked for it."""
    recording = heard(*chunks, speech=[(seconds_of(c.start_sample), seconds_of(c.end_sample)) for c in chunks])
    return replace(recording, refine=True, options=Options(language=language), redecodes=tuple(redecodes))


def windows(recording: Heard) -> list[tuple[float, float]]:
    """What is asked for, in seconds."""
    asked = redecode_requests(recording, draft(recording))
    assert all(each.kind == REFINING.name for each in asked)
    return [(seconds_of(each.start_sample), seconds_of(each.end_sample)) for each in asked]


def with_text(*segments: Segment) -> Heard:
    """The two utterances, and what their window says."""
    [asked] = redecode_requests(refined(FIRST, SECOND), draft(refined(FIRST, SECOND)))
    return refined(FIRST, SECOND, redecodes=[had(asked, *segments)])


def test_neighbours_share_a_window_of_29_s() -> None:
    """Pauses do not count; one of more than 10 s ends a window, as in a recording."""
    spoken = [chunk(n, start, start + 9.0, said("a", start, start + 1)) for n, start in enumerate((0, 12, 24, 36, 56))]
    assert windows(refined(*spoken)) == [(0, 33), (36, 45), (56, 65)]


def test_only_a_session_that_asks_for_it_is_decoded_again_and_once() -> None:
    """Nothing else is asked for meanwhile: whether there are gaps is seen in the new texts."""
    assert redecode_requests(heard(FIRST, SECOND, speech=[(0.4, 3.6), (5.4, 8.6)]), draft(refined(FIRST))) == ()
    silent = refined(replace(FIRST, output=replace(FIRST.output, segments=())), SECOND)
    assert windows(silent) == [(0, 9)]
    assert windows(with_text(said("one two", 0.4, 3.6), said("three four", 5.4, 8.6))) == []


@pytest.mark.parametrize(("language", "asked"), [("auto", ["en", "ko"]), ("en", [None])])
def test_utterances_in_two_languages_share_no_window(language: str, asked: list[str | None]) -> None:
    """Each window is decoded in the language that was heard; one that the session names holds for all."""
    korean = chunk(1, 5.0, 9.0, replace(said("셋 넷", 5.4, 8.6), language="ko" if language == "auto" else "en"))
    recording = refined(FIRST, korean, language=language)
    requests = redecode_requests(recording, draft(recording))
    assert [each.overrides for each in requests] == [
        ChunkOverrides(language=code, word_timestamps=True) for code in asked
    ]


def test_each_utterance_gets_its_words() -> None:
    """Words go where they lie, also those of a segment that reaches over the pause; changed texts are refinements."""
    recording = with_text(said("one two three four", 0.4, 8.8))
    assert text(recording) == "one two three four"
    assert [(r.chunk_indexes, r.segments[0].text) for r in draft(recording).refinements] == [
        ((0,), "one two"),
        ((1,), "three four"),
    ]


@pytest.mark.parametrize(
    ("segments", "expected"),
    [
        ((), "won too three four"),
        ((said("one two", 0.4, 3.6),), "one two three four"),
        ((replace(said("one two", 0.4, 8.6), compression_ratio=2.5),), "won too three four"),
    ],
    ids=["no text", "none of an utterance", "a loop"],
)
def test_no_utterance_loses_its_text(segments: tuple[Segment, ...], expected: str) -> None:
    """It stays where the window has none for it, or what it has may be a loop."""
    assert text(with_text(*segments)) == expected
