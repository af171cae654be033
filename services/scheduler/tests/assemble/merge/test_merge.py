"""Merging chunks: order, times, language, coverage, refinements."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace

import pytest

from sayit.scheduler.assemble.merge import Merged, TranscribedChunk, merge
from sayit.speech.transcript import Segment, Span, Suppressed, SuppressionReason

from .helper import chunk, said, segment, word


def merged(*chunks: TranscribedChunk, speech: tuple[Span, ...] = (), duration_s: float = 100.0) -> Merged:
    """These chunks, merged."""
    return merge(chunks, speech=speech, duration_s=duration_s)


def texts(result: Merged) -> list[str]:
    """What the segments say."""
    return [each.text for each in result.segments]


def test_soft_boundaries_are_joined_as_they_are() -> None:
    """Chunks cut in a pause follow each other; nothing is dropped, even where both say the same word."""
    one = chunk(0, 0, 10, [segment(said("left right", 0)), segment(said("no", 9))])
    two = chunk(1, 10, 20, [segment(said("no", 10)), segment(said("start stop", 12))])
    result = merged(two, one)
    assert texts(result) == ["left right", "no", "no", "start stop"]
    assert [each.id for each in result.segments] == [0, 1, 2, 3]
    assert result.refinements == ()


def test_words_of_a_hard_seam_are_said_once() -> None:
    """Both chunks heard "green blue black"; the half words at the cut are dropped with the copy."""
    one = chunk(0, 0, 28, [segment(said("one two", 20)), segment(said("red green blue black wha", 25.5))], hard="end")
    two = chunk(1, 25.8, 50, [segment(said("ed green blue black white seven", 25.6))], hard="start")
    result = merged(one, two)
    assert " ".join(texts(result)) == "one two red green blue black white seven"
    spoken = [each.text for part in result.segments for each in part.words]
    assert "".join(spoken).strip() == "one two red green blue black white seven"


def test_a_segment_that_keeps_all_its_words_stays_as_it_is() -> None:
    """Only segments that lost words are rebuilt, and they keep the other fields."""
    first, cut = segment(said("one two", 20)), segment(said("red green blue black", 26.0))
    one = chunk(0, 0, 28, [first, cut], hard="end")
    two = chunk(1, 26.2, 50, [segment(said("green blue black white", 26.5))], hard="start")
    result = merged(one, two)
    assert result.segments[0] == first
    assert all(each.avg_logprob == cut.avg_logprob for each in result.segments)
    for each in result.segments:
        assert each.text == "".join(part.text for part in each.words).strip()
        assert each.start_s <= each.words[0].start_s <= each.words[-1].end_s <= each.end_s


def test_each_changed_chunk_has_one_refinement() -> None:
    """A refinement says what one chunk says after all; chunks that nothing changed have none."""
    words = "a b c d e f g h"
    one = chunk(0, 0, 28, [segment(said(words, 24.0))], hard="end")
    two = chunk(1, 26, 54, [segment(said("e f g h i", 26.0)), segment(said("v w x y z", 51.5))], hard="startend")
    three = chunk(2, 52, 80, [segment(said("w x y z end", 52.0)), segment(said("last", 70.0))], hard="start")
    four = chunk(3, 80, 90, [segment(said("after", 82.0))])
    result = merged(one, two, three, four)
    assert " ".join(texts(result)) == "a b c d e f g h i v w x y z end last after"
    assert 3 not in [index for each in result.refinements for index in each.chunk_indexes]
    replaced = {index: each.segments for each in result.refinements for index in each.chunk_indexes}
    assert len(replaced) == len(result.refinements)
    now = [replaced.get(each.index, each.segments) for each in (one, two, three, four)]
    assert " ".join(part.text for parts in now for part in parts) == " ".join(texts(result))
    assert all([part.id for part in parts] == list(range(len(parts))) for parts in replaced.values())


def test_a_chunk_may_be_left_without_text() -> None:
    """If all it has is the half word at its beginning, nothing of it stays, and the refinement says so."""
    one = chunk(0, 0, 28, [segment(said("red green blue", 26.2))], hard="end")
    two = chunk(1, 26, 28.5, [segment([word("ed", 26.2, 26.5)])], hard="start")
    result = merged(one, two)
    assert texts(result) == ["red green blue"]
    assert [(each.chunk_indexes, each.segments) for each in result.refinements] == [((1,), ())]


def test_a_silent_side_of_a_hard_seam_takes_nothing_away() -> None:
    """If one chunk wrote nothing where both have audio, the other's words stay, all of them."""
    one = chunk(0, 0, 28, [segment(said("one two", 20))], hard="end")
    two = chunk(1, 26, 50, [segment(said("red green blue black white", 26.1))], hard="start")
    assert " ".join(texts(merged(one, two))) == "one two red green blue black white"
    one = chunk(0, 0, 28, [segment(said("one two red green", 25.9))], hard="end")
    two = chunk(1, 26, 50, [segment(said("white", 40))], hard="start")
    assert " ".join(texts(merged(one, two))) == "one two red green white"
    assert texts(merged(chunk(0, 0, 28, [], hard="end"), chunk(1, 26, 50, [], hard="start"))) == []


def test_hard_seams_work_without_words() -> None:
    """Segments that come without words are cut by guessed ones, and still carry none."""
    one = chunk(0, 0, 28, [segment(said("red green blue black", 26.0), with_words=False)], hard="end")
    two = chunk(1, 26, 50, [segment(said("red green blue black white", 26.0), with_words=False)], hard="start")
    result = merged(one, two)
    assert " ".join(texts(result)) == "red green blue black white"
    assert all(each.words == () for each in result.segments)


def test_case_and_punctuation_do_not_hide_equal_words() -> None:
    """The words "Blue," and "blue" are one; Korean composed and decomposed is, too."""
    one = chunk(0, 0, 28, [segment(said("Red green Blue, 하늘", 26.0))], hard="end")
    two = chunk(
        1, 26, 50, [segment(said(f"red Green. blue {unicodedata.normalize('NFD', '하늘')} white", 26.0))], hard="start"
    )
    assert len(" ".join(texts(merged(one, two))).split()) == 5


def test_times_never_go_back() -> None:
    """Segments share contested time, stay inside their chunk and the recording, and keep their words inside them."""
    one = chunk(0, 0, 10, [segment([word("one", 0, 6), word("two", 6, 9.0)]), segment([word("three", 8, 12)])])
    two = chunk(1, 10, 20, [segment([word("four", 9, 12)]), segment([word("five", 11, 30)])])
    result = merged(one, two, duration_s=15.0)
    latest = 0.0
    for each in result.segments:
        assert latest <= each.start_s <= each.end_s <= 15.0
        assert all(each.start_s <= part.start_s <= part.end_s <= each.end_s for part in each.words)
        latest = each.end_s
    assert texts(result) == ["one two", "three", "four", "five"]


def test_the_language_is_the_one_of_most_speech() -> None:
    """Segments count, not chunks; its probability is the mean over its segments, weighted by their length."""

    def spoken(text: str, start_s: float, language: str, probability: float) -> Segment:
        return replace(segment(said(text, start_s), language=language), language_probability=probability)

    result = merged(
        chunk(0, 0, 10, [spoken("a b c d", 0, "ko", 0.9), spoken("a b c", 3, "en", 0.7)], language="en"),
        chunk(1, 10, 20, [spoken("a b", 10, "ko", 0.6)], language="ko"),
        chunk(2, 20, 30, [spoken("a b", 20, "en", 1.0)], language="en"),
        chunk(3, 30, 60, [], language="en"),
    )
    assert result.language == "ko"
    assert result.language_probability == pytest.approx(0.8)


def test_nothing_said_has_no_language() -> None:
    """Without text there is no language, and no chunk at all is fine."""
    assert merged(chunk(0, 0, 10, []), speech=(Span(start_s=1, end_s=2),)).language == ""
    nothing = merged()
    assert (nothing.segments, nothing.language, nothing.language_probability) == ((), "", 0.0)


def test_suppressed_text_is_kept_in_order() -> None:
    """What was removed from the chunks stays for audit."""
    removed = [
        Suppressed(text=text, reason=SuppressionReason.NO_SPEECH, start_s=0.0, end_s=1.0)
        for text in ("first", "second")
    ]
    chunks = [
        TranscribedChunk(
            index=place, start_s=0, end_s=1, hard_start=False, hard_end=False, segments=(), language="en",
            language_probability=1.0, suppressed=(each,),
        )
        for place, each in enumerate(removed)
    ]  # fmt: skip
    assert merged(*reversed(chunks)).suppressed == tuple(removed)


def test_coverage_lists_speech_without_text() -> None:
    """Speech outside segments of half a second or more is a gap; shorter stretches only count."""
    one = chunk(0, 0, 30, [segment([word("one", 1, 3)]), segment([word("two", 4, 6)])])
    speech = (Span(start_s=0.8, end_s=3.5), Span(start_s=4, end_s=6), Span(start_s=10, end_s=12.5))
    coverage = merged(one, speech=speech).coverage
    assert coverage.speech_detected_s == pytest.approx(7.2)
    assert coverage.speech_transcribed_s == pytest.approx(4.0)
    assert coverage.gaps == (Span(start_s=3, end_s=3.5), Span(start_s=10, end_s=12.5))


def test_what_a_far_too_long_segment_leaves_over_is_a_gap() -> None:
    """A phrase that was said six times and is written once has no text for the rest; a slow voice has no gap."""
    speech = (Span(start_s=0, end_s=4), Span(start_s=4.5, end_s=10.5))
    once = merged(chunk(0, 0, 11, [segment([word("seven", 0, 5), word("clubs", 5, 10.5)])]), speech=speech).coverage
    assert [(round(gap.start_s, 3), gap.end_s) for gap in once.gaps] == [(1.2, 4), (4.5, 10.5)]
    assert once.speech_transcribed_s == pytest.approx(1.2)
    slow = " ".join(["seven of clubs"] * 4)
    assert merged(chunk(0, 0, 11, [segment(said(slow, 0, each_s=0.87))]), speech=speech).coverage.gaps == ()


def test_a_number_is_longer_than_it_looks() -> None:
    """Digits are words: a telephone number that was read slowly leaves nothing over."""
    speech = (Span(start_s=0, end_s=10),)
    number = chunk(0, 0, 10, [segment([word("010-1234-5678", 0, 10)])])
    assert merged(number, speech=speech).coverage.gaps == ()


def test_a_four_hour_recording_is_merged_quickly_enough_to_test() -> None:
    """Work grows with the length, not with its square: 500 chunks, all with hard seams, 28,000 words."""
    chunks = []
    for place in range(500):
        start = place * 26.0
        words = [
            word(f"w{round((start + at * 0.5) * 2)}", start + at * 0.5, start + at * 0.5 + 0.5) for at in range(56)
        ]
        chunks.append(
            chunk(place, start, start + 28, [segment(words[at : at + 8]) for at in range(0, 56, 8)], hard="startend")
        )
    spans = tuple(Span(start_s=float(at), end_s=at + 0.9) for at in range(13_000))
    result = merge(chunks, speech=spans, duration_s=13_002.0)
    spoken = " ".join(texts(result)).split()
    assert spoken == [f"w{number}" for number in range(499 * 52 + 56)]


def test_an_empty_segment_is_harmless() -> None:
    """A segment without text has no words to align."""
    empty = Segment(id=0, start_s=26, end_s=27, text="", language="en")
    one = chunk(0, 0, 28, [segment(said("red green", 26.5)), empty], hard="end")
    two = chunk(1, 26, 50, [empty, segment(said("red green white", 26.5))], hard="start")
    assert " ".join(filter(None, texts(merged(one, two)))) == "red green white"


def test_words_ascend_inside_their_segment() -> None:
    """Whatever a model said about their times: no word begins before the one in front of it ended, none leaves."""
    odd = segment([word("one", 0.9, 2.0), word("two", 1.8, 1.7), word("three", 1.9, 3.4)])
    shortened = Segment(**{**vars(odd), "start_s": 1.0, "end_s": 3.0})
    (result,) = merged(chunk(0, 0, 10, [shortened])).segments
    assert [(each.start_s, each.end_s) for each in result.words] == [(1.0, 2.0), (2.0, 2.0), (2.0, 3.0)]


def test_a_review_takes_out_what_it_wants() -> None:
    """It sees each word once, after the seams; what it changes is refined, listed in order of time, and a gap."""
    seen: list[str] = []

    def review(said: Sequence[tuple[Segment, ...]]) -> tuple[list[tuple[Segment, ...]], tuple[Suppressed, ...]]:
        seen.extend(each.text for segments in said for each in segments)
        gone = said[0][0]
        removed = Suppressed(
            text=gone.text, reason=SuppressionReason.REPETITION, start_s=gone.start_s, end_s=gone.end_s
        )
        return [said[0][1:], *said[1:]], (removed,)

    one = chunk(0, 0, 10, [segment(said("one", 0, each_s=2)), segment(said("two", 5))])
    two = replace(
        chunk(1, 10, 20, [segment(said("three", 12))]),
        suppressed=(Suppressed(text="x", reason=SuppressionReason.NO_SPEECH, start_s=-1, end_s=0),),
    )
    result = merge([one, two], speech=[Span(start_s=0, end_s=2)], duration_s=20, review=review)
    assert seen == ["one", "two", "three"]
    assert texts(result) == ["two", "three"]
    assert [each.text for each in result.suppressed] == ["x", "one"]
    assert [(each.chunk_indexes, [s.text for s in each.segments]) for each in result.refinements] == [((0,), ["two"])]
    assert result.coverage.gaps == (Span(start_s=0, end_s=2),)
