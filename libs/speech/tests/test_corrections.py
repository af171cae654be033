"""What corrections make of a transcript, and how those of several callers come together."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sayit.speech.corrected import corrected
from sayit.speech.corrections import (
    MAX_CHANGES,
    Corrections,
    SegmentCorrection,
    all_of,
    checked_corrections,
    next_version,
    restoring,
)
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.rendering import Format, render
from sayit.speech.transcript import Coverage, Segment, Transcript, Usage, Word


def said(
    number: int, text: str, start_s: float, *, channel: int = 0, spaced: bool = True, words: bool = True
) -> Segment:
    """A segment whose words take a second each; without spaces each letter is a word."""
    parts = [f" {part}" for part in text.split()] if spaced else list(text)
    timed = [Word(text=one, start_s=start_s + i, end_s=start_s + i + 1, probability=0.5) for i, one in enumerate(parts)]
    return Segment(
        id=number,
        start_s=start_s,
        end_s=start_s + len(parts),
        text=text,
        language="en",
        channel=channel,
        words=tuple(timed) if words else (),
    )


def transcript(*segments: Segment) -> Transcript:
    """The model's."""
    return Transcript(
        segments=segments,
        language="en",
        language_probability=1.0,
        duration_s=100.0,
        coverage=Coverage(speech_detected_s=0, speech_transcribed_s=0),
        usage=Usage(audio_s=0, compute_s=0),
        model="m",
        preset="en",
    )


TALK = transcript(said(0, "one two three four", 0), said(1, "five six", 10), said(2, "seven eight", 20))


def after(*segments: SegmentCorrection, model: Transcript = TALK, **names: str) -> Transcript:
    """The transcript with these corrections, which are checked before."""
    channels = {name.removeprefix("c"): value for name, value in names.items()}
    return corrected(model, checked_corrections(Corrections(version=1, segments=segments, names=channels), model))


def times(segment: Segment) -> list[tuple[str, float, float]]:
    """Words without spaces, with their times."""
    return [(word.text.strip(), word.start_s, word.end_s) for word in segment.words]


def test_words_that_stay_keep_their_times_and_new_ones_share_what_is_left():
    """A segment's text is replaced; its times stay, and so do those of its words at both ends."""
    done = after(SegmentCorrection(segment=0, text="one  too,\tthirty four")).segments[0]
    assert (done.text, done.start_s, done.end_s) == ("one too, thirty four", 0, 4)
    assert times(done) == [("one", 0, 1), ("too,", 1, 1.8), ("thirty", 1.8, 3), ("four", 3, 4)]
    assert [word.probability for word in done.words] == [0.5, 1, 1, 0.5]
    more = after(SegmentCorrection(segment=1, text="five and a half six")).segments[1]
    assert [text for text, *_ in times(more)] == ["five", "and", "a", "half", "six"]
    assert all(11 == start == end for _, start, end in times(more)[1:4]), "there is no time between them"


def test_single_words_keep_their_times():
    """A word's text changes with the model's space before it; an empty one is removed."""
    done = after(SegmentCorrection(segment=0, words={1: "  zwei ", 2: ""})).segments[0]
    assert done.text == "one zwei four"
    assert times(done) == [("one", 0, 1), ("zwei", 1, 2), ("four", 3, 4)]


def test_a_segment_may_have_no_name_although_its_channel_has_one():
    """A line of a split segment, too."""
    done = after(SegmentCorrection(segment=0, text="one\ntwo", speaker="-\n"), c0="Kim").segments
    assert [one.speaker for one in done] == ["", "Kim", "Kim", "Kim"]


@pytest.mark.parametrize(
    "change",
    [SegmentCorrection(segment=0, text="one two\n\nthree four"), SegmentCorrection(segment=0, words={2: "\nthree"})],
)
def test_a_line_break_splits_a_segment(change):
    """The parts share its id and its time; the others keep theirs."""
    done = after(change).segments
    assert [(one.id, one.text, one.start_s, one.end_s) for one in done] == [
        (0, "one two", 0, 2),
        (0, "three four", 2, 4),
        (1, "five six", 10, 12),
        (2, "seven eight", 20, 22),
    ]
    assert [len(one.words) for one in done] == [2, 2, 2, 2]


def test_a_segment_joins_the_one_before_it_in_its_channel():
    """Also across another channel's, and what was split or removed before it; the first one has none before it."""
    calls = transcript(said(0, "hello there", 0, channel=1), said(1, "yes", 1, channel=2), said(2, "you", 3, channel=1))
    done = after(
        SegmentCorrection(segment=0, joined=True, text="hello\nthere"),
        SegmentCorrection(segment=2, joined=True),
        model=calls,
    )
    assert [(one.id, one.text, one.start_s, one.end_s) for one in done.segments] == [
        (0, "hello", 0, 1),
        (0, "there you", 1, 4),
        (1, "yes", 1, 2),
    ]
    assert len(done.segments[1].words) == 2


def test_a_text_without_spaces_is_matched_by_its_letters():
    """As Japanese is written: letters at both ends keep their times, and nothing gets a space."""
    model = transcript(said(0, "今日は雨です", 0, spaced=False), said(1, "ね", 6, spaced=False))
    done = after(
        SegmentCorrection(segment=0, text="今日は晴れです"), SegmentCorrection(segment=1, joined=True), model=model
    )
    assert [one.text for one in done.segments] == ["今日は晴れですね"]
    assert times(done.segments[0])[2:6] == [("は", 2, 3), ("晴", 3, 3.5), ("れ", 3.5, 4), ("で", 4, 5)]


def test_without_words_a_split_goes_by_the_letters():
    """A segment whose words were not asked for gets none."""
    model = transcript(said(0, "aaa bbb", 0, words=False))
    done = after(SegmentCorrection(segment=0, text="aaa\nb"), model=model).segments
    assert [(one.text, one.start_s, one.end_s, one.words) for one in done] == [("aaa", 0, 1.5, ()), ("b", 1.5, 2, ())]


def test_names_are_in_every_form():
    """A channel's name, and a segment's own before it; removed text is gone from subtitles, too."""
    call = transcript(said(0, "hello", 0, channel=1), said(1, "yes", 2, channel=2), said(2, "no", 4, channel=2))
    done = after(
        SegmentCorrection(segment=2, speaker="Lee"), SegmentCorrection(segment=0, text=""), model=call, c2="Kim  B"
    )
    assert [one.speaker for one in done.segments] == ["Kim B", "Lee"]
    assert render(done, Format.TXT) == "Kim B: yes\nLee: no\n"
    assert "hello" not in render(done, Format.SRT)
    assert "<v Lee>" in render(done, Format.VTT)


def test_each_part_of_a_split_segment_may_have_another_speaker():
    """A line of `speaker` for each part, also where one was removed; an empty one leaves the channel's name."""
    split = SegmentCorrection(segment=0, words={1: "\n", 2: "\nthree", 3: "\nfour"}, speaker="Kim\nPark\n\nLee  B")
    done = after(split, SegmentCorrection(segment=1, text="five\nsix", speaker="Kim"), c0="Choi")
    assert [(one.speaker, one.text) for one in done.segments] == [
        *[("Kim", "one"), ("Choi", "three"), ("Lee B", "four")],
        *[("Kim", "five"), ("Kim", "six"), ("Choi", "seven eight")],
    ]
    assert render(done, Format.TXT).startswith("Kim: one\nChoi: three\nLee B: four\n")
    plain = checked_corrections(Corrections(segments=(SegmentCorrection(segment=0, speaker=" \n "),)), TALK)
    assert plain.segments[0].speaker == ""


def test_a_split_begins_a_paragraph():
    """In Markdown, as on the page."""
    done = after(SegmentCorrection(segment=0, words={2: "\nthree"}))
    assert render(done, Format.MD) == (
        "**00:00:00** one two\n\n**00:00:02** three four\n\n**00:00:10** five six\n\n**00:00:20** seven eight\n"
    )


lines = st.lists(st.sampled_from(["one", "two", "x", "three four", "seven", "é", "Z Z Z"]), max_size=6).map("\n".join)
changes = st.builds(
    lambda number, text, words, joined: SegmentCorrection(
        segment=number,
        text=text,
        words={} if text is not None else {p: t for p, t in words.items() if p < 2},
        joined=joined,
    ),
    st.integers(0, 2),
    st.none() | lines,
    st.dictionaries(st.integers(0, 1), lines, max_size=2),
    st.booleans(),
)


@settings(max_examples=80)
@given(st.lists(changes, max_size=3, unique_by=lambda change: change.segment))
def test_times_stay_in_order_whatever_is_corrected(found):
    """Segments do not overlap, words lie inside of theirs and in order, and every text is what its words say."""
    done = after(*found)
    end_s = 0.0
    for segment in done.segments:
        assert end_s <= segment.start_s <= segment.end_s
        end_s = segment.start_s
        for word in segment.words:
            assert end_s <= word.start_s <= word.end_s <= segment.end_s
            end_s = word.end_s
        end_s = segment.end_s
        assert "".join(word.text for word in segment.words).split() == segment.text.split()


def version(number: int, *segments: SegmentCorrection, **names: str) -> Corrections:
    """What a version changed."""
    return Corrections(version=number, segments=segments, names={n.removeprefix("c"): v for n, v in names.items()})


A, B = SegmentCorrection(segment=0, text="a"), SegmentCorrection(segment=1, text="b")


def test_what_does_not_touch_comes_together():
    """Two callers who knew the same version correct different segments; a third one, a name."""
    second = next_version(TALK, [version(1, A)], version(0, B), 0)
    assert second == version(2, B)
    third = next_version(TALK, [version(1, A), second], version(0, c0="Kim"), 1)
    assert third == version(3, c0="Kim")
    assert all_of([version(1, A), second, third]) == version(3, A, B, c0="Kim")


@pytest.mark.parametrize(
    ("theirs", "mine"),
    [
        (version(1, A), version(0, replace(A, text="other"))),
        (version(1, A), version(0, SegmentCorrection(segment=1, joined=True))),
        (version(1, SegmentCorrection(segment=1, joined=True)), version(0, A)),
        (version(1, c1="Kim"), version(0, c1="Lee")),
    ],
)
def test_what_touches_is_refused(theirs, mine):
    """The same segment, one that is joined to it, the same name; the error says the newest version."""
    with pytest.raises(SayItError) as error:
        next_version(TALK, [theirs], mine, 0)
    assert error.value.kind is ErrorKind.VERSION_CONFLICT
    assert (error.value.details["version"], error.value.details["expected"]) == ("1", "0")
    assert next_version(TALK, [theirs], mine, 1) is not None, "a caller who knows of it may"


def test_a_repeated_correction_is_in_force_already():
    """A caller whose answer was lost sends it again; what an earlier state has is a conflict for one who missed it."""
    assert next_version(TALK, [version(1, A)], version(0, A), 0) is None
    assert next_version(TALK, [], version(0, SegmentCorrection(segment=0)), 0) is None
    both = next_version(TALK, [version(1, A)], version(0, A, B), 0)
    assert both == version(2, B)


def test_a_version_of_the_future_is_a_conflict():
    """A caller that knows more than the server, which was restored from a backup, is told its version."""
    with pytest.raises(SayItError) as error:
        next_version(TALK, [version(1, A)], version(0, B), 7)
    assert (error.value.kind, error.value.details["version"]) == (ErrorKind.VERSION_CONFLICT, "1")


def test_an_earlier_version_is_restored_by_a_new_one():
    """What came later is taken back, what was taken back comes again."""
    one, two = version(1, A, c1="Kim"), version(2, SegmentCorrection(segment=0), B, c1="")
    now, then = all_of([one, two]), all_of([one])
    again = next_version(TALK, [one, two], restoring(now, then), 2)
    assert again is not None
    assert all_of([one, two, again]) == replace(then, version=3)
    assert all_of([one, two, again, replace(restoring(then, all_of([])), version=4)]) == version(4)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (version(0, SegmentCorrection(segment=9)), "segments"),
        (version(0, A, A), "segments"),
        (version(0, SegmentCorrection(segment=1, text="a", words={0: "b"})), "segments"),
        (version(0, SegmentCorrection(segment=1, words={2: "b"})), "segments"),
        (version(0, SegmentCorrection(segment=1, text="x" * 5001)), "text"),
        (version(0, SegmentCorrection(segment=1, text="x\0")), "text"),
        (version(0, SegmentCorrection(segment=1, words={0: "x" * 201})), "words"),
        (version(0, SegmentCorrection(segment=1, speaker="x" * 101)), "speaker"),
        (version(0, cfront="Kim"), "names"),
        (version(0, c1="\x1b"), "names"),
        (version(0, *[A] * (MAX_CHANGES + 1)), "segments"),
    ],
)
def test_what_cannot_be_is_refused(wrong, field):
    """Segments and words that are not there, texts that are too long or no text: with the field at fault."""
    with pytest.raises(SayItError) as error:
        checked_corrections(wrong, TALK)
    assert (error.value.kind, error.value.field) == (ErrorKind.INVALID_ARGUMENT, field)
