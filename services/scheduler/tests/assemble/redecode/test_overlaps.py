"""A hard seam whose sides disagree is heard once more, and stands as the look has it if that fits on both sides."""

from __future__ import annotations

from dataclasses import replace

from sayit.scheduler.assemble.redecode import Heard, redecode_requests
from sayit.speech.audio import seconds_of

from .helper import chunk, draft, had, heard, said, text

#: Twenty words, one a second; the chunks share 10 to 12 s.
WORDS = [f"word{letter}" for letter in "abcdefghijklmnopqrst"]


def recording(left: str, right: str) -> Heard:
    """Two chunks, of which these are the words from 0 to 12 s and from 10 to 20 s."""
    return heard(
        chunk(0, 0.0, 12.0, said(left, 0.0, 12.0), hard="end"),
        chunk(1, 10.0, 20.0, said(right, 10.0, 20.0), hard="start"),
        speech=[(0.0, 20.0)],
    )


AGREED = recording(" ".join(WORDS[:12]), " ".join(WORDS[10:]))
DISPUTED = recording(" ".join([*WORDS[:10], "xray", "yankee"]), " ".join(["zulu", "whiskey", *WORDS[12:]]))


def test_sides_that_agree_are_left_alone() -> None:
    """Equal words in the shared seconds need no look."""
    assert text(AGREED) == " ".join(WORDS)
    assert redecode_requests(AGREED, draft(AGREED)) == ()


def test_the_look_says_what_was_said_at_the_seam() -> None:
    """A window around the seam is asked for once; its words replace those of both sides, as refinements."""
    (redecode,) = redecode_requests(DISPUTED, draft(DISPUTED))
    assert (redecode.kind, seconds_of(redecode.start_sample), seconds_of(redecode.end_sample)) == ("seam", 3.0, 19.0)
    settled = replace(DISPUTED, redecodes=(had(redecode, said(" ".join(WORDS[3:19]), 3.0, 19.0)),))
    assert text(settled) == " ".join(WORDS)
    assert redecode_requests(settled, draft(settled)) == ()
    assert {index for refined in draft(settled).refinements for index in refined.chunk_indexes} == {0, 1}


def test_a_look_that_fits_on_neither_or_one_side_changes_nothing() -> None:
    """What it says outside of the seam must be what the chunks say there, and it must be as sure as they are."""
    (redecode,) = redecode_requests(DISPUTED, draft(DISPUTED))
    other = ["victor"] * 7
    for heard_words, probability in (
        ([*other, *WORDS[10:19]], 0.9),
        ([*WORDS[3:12], *other], 0.9),
        (WORDS[3:19], 0.3),
    ):
        segment = said(" ".join(heard_words), 3.0, 19.0, probability=probability)
        assert text(replace(DISPUTED, redecodes=(had(redecode, segment),))) == text(DISPUTED)


def test_without_a_text_the_seam_stays_as_it_was() -> None:
    """A look that was given up leaves the chunks as they are."""
    (redecode,) = redecode_requests(DISPUTED, draft(DISPUTED))
    assert text(replace(DISPUTED, redecodes=(had(redecode),))) == text(DISPUTED)
