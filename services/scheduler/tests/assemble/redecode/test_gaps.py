"""Speech without text is heard once more, and what was missing is put in its place."""

from __future__ import annotations

from dataclasses import replace

from sayit.scheduler.assemble.redecode import Heard, redecode_requests
from sayit.scheduler.jobs.channels import ChannelSpeech
from sayit.speech.audio import samples_of, seconds_of

from .helper import chunk, draft, had, heard, said, text

#: Somebody speaks from 0 to 16 s; from 6 to 9 s nothing was written.
BEFORE = said("one two three four five sixteen", 0.0, 6.0)
BEHIND = said("ten eleven twelve one two three four", 9.0, 16.0)
RECORDING = heard(chunk(0, 0.0, 16.0, BEFORE, BEHIND), speech=[(0.0, 16.0)])


def looked(recording: Heard, *segments: object) -> Heard:
    """The same after its one look."""
    (redecode,) = (each for each in redecode_requests(recording, draft(recording)) if each.kind == "gap")
    return replace(recording, redecodes=(had(redecode, *segments),))  # type: ignore[arg-type]


def test_a_gap_is_heard_once_in_another_window() -> None:
    """The look has audio around the gap and may sample; the same place is never asked for again."""
    (redecode,) = redecode_requests(RECORDING, draft(RECORDING))
    assert (redecode.kind, seconds_of(redecode.start_sample), seconds_of(redecode.end_sample)) == ("gap", 3.0, 12.0)
    assert redecode.overrides.word_timestamps
    assert redecode.overrides.temperatures == (0.0, 0.4)
    for given_up in (looked(RECORDING), looked(RECORDING, said("four five", 3.0, 5.0))):
        assert redecode_requests(given_up, draft(given_up)) == ()
        assert text(given_up) == text(RECORDING)


def test_a_short_recording_is_not_decoded_again_as_it_was() -> None:
    """Where the window around the gap is the chunk itself, the same text would come again, and the answer later."""
    short = heard(chunk(0, 0.4, 5.0, said("one two three", 0.4, 2.0)), speech=[(0.4, 5.0)])
    assert draft(short).coverage.gaps
    assert redecode_requests(short, draft(short)) == ()


def test_only_what_was_missing_is_added() -> None:
    """Words that the chunk has, and a neighbour's that slipped into the gap, are not doubled; watchers are told."""
    again = said("four five sixteen seventeen eighteen nine ten eleven twelve", 3.1, 12.1)
    filled = looked(RECORDING, again)
    assert (
        text(filled) == "one two three four five sixteen seventeen eighteen nine ten eleven twelve one two three four"
    )
    now = draft(filled)
    assert now.coverage.gaps == ()
    assert [refined.chunk_indexes for refined in now.refinements] == [(0,)]


def test_what_nobody_spoke_is_not_added() -> None:
    """Text beside detected speech, or text that the model itself doubts, fills nothing."""
    spoken = ((0, samples_of(7.0)), (samples_of(9.0), samples_of(16.0)))
    silent = replace(RECORDING, speech=(ChannelSpeech(channel=0, spans=spoken),))
    invented = said("thank you for watching", 7.5, 8.9)
    assert text(looked(silent, invented)) == text(silent)
    doubtful = replace(said("seventeen eighteen", 6.5, 8.5), avg_logprob=-1.4)
    assert text(looked(RECORDING, doubtful)) == text(RECORDING)


def test_a_segment_that_ends_early_is_no_gap() -> None:
    """Where the text beside a gap is short of time, the model's times are wrong and nothing is missing."""
    hurried = said("one two three four five sixteen", 0.0, 4.0)
    recording = heard(
        chunk(0, 0.0, 14.0, hurried, said("one two three", 6.0, 9.0), said("four five sixteen", 9.0, 12.0)),
        speech=[(0.0, 4.8), (6.0, 12.0)],
    )
    assert draft(recording).coverage.gaps != ()
    assert redecode_requests(recording, draft(recording)) == ()


def test_a_segment_that_is_far_too_long_is_heard_once_more() -> None:
    """The model lost the thread inside a segment: a look that hears more, as surely, replaces it."""
    thin = said("seventeen and twenty of diamonds", 0.0, 6.0, probability=0.4)
    fast = "sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy"
    fine = [said(fast, start, start + 5.0) for start in (6.0, 11.0)]
    recording = heard(chunk(0, 0.0, 16.0, thin, *fine), speech=[(0.0, 16.0)])
    full = "seventeen of clubs and eight of spades and twenty of diamonds"
    assert text(looked(recording, said(full, 0.0, 6.0))).startswith(f"{full} sixteen")
    assert text(looked(recording, said(full, 0.0, 6.0, probability=0.2))) == text(recording)


def test_looks_have_a_bound() -> None:
    """However many gaps there are, looks cost a share of the chunks, and the longest gaps come first."""
    chunks = [
        chunk(index, start, start + 20.0, said("one two three four five", start, start + 5.0))
        for index, start in enumerate(20.0 * place for place in range(12))
    ]
    lengths = [8.0 + index % 3 for index in range(12)]
    recording = heard(
        *chunks, speech=[(index * 20.0, index * 20.0 + 5.0 + length) for index, length in enumerate(lengths)]
    )
    redecodes = redecode_requests(recording, draft(recording))
    assert len(redecodes) == 3
    assert {seconds_of(redecode.end_sample - redecode.start_sample) for redecode in redecodes} == {16.0}
