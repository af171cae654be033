"""A stretch for which far too little was written is heard again in pieces, or is a gap."""

from __future__ import annotations

from dataclasses import replace

from sayit.scheduler.assemble.redecode import Heard, redecode_requests
from sayit.scheduler.jobs.channels import ChannelSpeech
from sayit.scheduler.jobs.redecodes import Redecode, RedecodeRequest
from sayit.speech.audio import samples_of, seconds_of
from sayit.speech.options import Options, Task

from .helper import chunk, draft, had, heard, said, text

#: A phrase of 1.7 s that is said six times, as Whisper writes it.
ONCE = said("seven of clubs", 0.0, 10.2)
RECORDING = heard(chunk(0, 0.0, 10.2, ONCE), speech=[(0.0, 10.2)])


def asked(recording: Heard) -> list[RedecodeRequest]:
    """The pieces that are asked for."""
    return [each for each in redecode_requests(recording, draft(recording)) if each.kind == "pieces"]


def seconds(recording: Heard) -> list[tuple[float, float]]:
    """The same as times."""
    return [(seconds_of(each.start_sample), seconds_of(each.end_sample)) for each in asked(recording)]


def after(*texts: str, recording: Heard = RECORDING) -> Heard:
    """The recording with what its pieces say; nothing where a text is empty."""
    pieces = asked(recording)
    redecodes = [
        had(piece, *([said(words, seconds_of(piece.start_sample), seconds_of(piece.end_sample))] if words else []))
        for piece, words in zip(pieces, texts, strict=True)
    ]
    return replace(recording, redecodes=tuple(redecodes))


def test_pieces_are_about_as_long_as_the_text_takes() -> None:
    """They cover the segment without overlap, and are asked for once."""
    assert seconds(RECORDING) == [(0.0, 2.55), (2.55, 5.1), (5.1, 7.65), (7.65, 10.2)]
    assert asked(after("", "", "", "")) == []


def test_pieces_are_cut_where_it_is_quiet() -> None:
    """Near its place a cut takes the quietest fifth of a second."""
    levels = bytearray([60] * 51)
    levels[11] = levels[27] = 20
    quiet = replace(RECORDING, speech=(ChannelSpeech(channel=0, spans=((0, samples_of(10.2)),), levels=bytes(levels)),))
    assert seconds(quiet)[0] == (0.0, 2.3)
    assert seconds(quiet)[1] == (2.3, 5.5)


def test_a_piece_is_in_the_language_that_was_heard() -> None:
    """So short a piece says little of its language; one that the request names holds anyway."""
    assert {each.overrides.language for each in asked(RECORDING)} == {None}
    detected = replace(RECORDING, options=Options(language="auto"))
    assert {each.overrides.language for each in asked(detected)} == {"en"}


def test_what_the_pieces_say_takes_the_segments_place() -> None:
    """Every repetition is there then, and no gap is."""
    heard_all = after("seven of clubs", "seven of clubs seven", "of clubs seven of clubs", "seven of clubs")
    assert text(heard_all).count("seven") == 5
    assert draft(heard_all).coverage.gaps == ()
    assert asked(heard_all) == []


def test_pieces_that_say_no_more_change_nothing_and_the_rest_is_a_gap() -> None:
    """A text is not exchanged for less, for an unsure one, or while a piece is missing."""
    doubtful = replace(said("invented text that nobody said", 0.0, 2.5), avg_logprob=-1.4)
    first, *others = asked(RECORDING)
    for left in (
        after("", "", "", ""),
        after("clubs", "", "", ""),
        replace(RECORDING, redecodes=(had(first, doubtful), *(had(each) for each in others))),
        replace(RECORDING, redecodes=(had(first, said("seven of clubs seven of clubs", 0.0, 2.5)),)),
    ):
        assert text(left) == "seven of clubs"
        assert sum(gap.duration_s for gap in draft(left).coverage.gaps) > 5


def test_another_text_is_not_the_same_said_again() -> None:
    """Half of what was written is in the new text, which is as sure or beyond doubt, and every piece was decoded."""
    again = ["seven of clubs seven of clubs"] * 4
    assert text(after(*again)) != "seven of clubs"
    unsure = replace(after(*again), redecodes=tuple(_unsure(each) for each in after(*again).redecodes))
    for other in (after(*["thank you for watching everyone"] * 4), after(*again[:3], ""), unsure):
        assert text(other) == "seven of clubs"


def _unsure(redecode: Redecode) -> Redecode:
    assert redecode.output is not None
    segments = tuple(replace(segment, avg_logprob=-0.8) for segment in redecode.output.segments)
    return replace(redecode, output=replace(redecode.output, segments=segments))


def test_segments_are_asked_for_as_a_whole() -> None:
    """Of two in a short recording the first is heard in pieces; the rest of the room is too small for the second."""
    second = heard(chunk(0, 0.0, 20.4, ONCE, said("eight of hearts", 10.2, 20.4)), speech=[(0.0, 20.4)])
    assert len(asked(second)) == 4
    assert asked(after("clubs", "clubs", "clubs", "clubs", recording=second)) == []


def test_a_gap_is_not_asked_for_beside_pieces() -> None:
    """Where text stands around it, a window of the usual length would say the phrase twice, and that would stand."""
    around = said("one two three four five six seven eight nine ten", 10.2, 14.0)
    more = heard(chunk(0, 0.0, 30.0, ONCE, around), speech=[(0.0, 14.0)])
    assert {each.kind for each in redecode_requests(more, draft(more))} == {"pieces"}


def test_what_has_no_letters_or_is_translated_is_not_heard_in_pieces() -> None:
    """A note for music is a gap; the parts of a sentence are not translated as the sentence is."""
    music = heard(chunk(0, 0.0, 10.2, said("♪ ♪", 0.0, 10.2)), speech=[(0.0, 10.2)])
    assert draft(music).coverage.gaps != ()
    for other in (music, replace(RECORDING, options=Options(language="en", task=Task.TRANSLATE))):
        assert asked(other) == []


def test_scripts_whose_letters_say_little_of_their_length_are_not_judged() -> None:
    """Amharic's letters are syllables, Arabic's vowels are not written."""
    for words in ("ሰላም ለሁሉም ሰው ይሁን", "السلام عليكم ورحمة الله وبركاته"):
        spoken = heard(chunk(0, 0.0, 10.0, said(words, 0.0, 10.0)), speech=[(0.0, 10.0)])
        assert draft(spoken).coverage.gaps == ()


def test_a_slow_voice_is_left_alone() -> None:
    """Learners and children say half as much in a second as others do: such a sentence has 5.5 s of speech."""
    slow = heard(chunk(0, 0.0, 5.5, said("there is no way I can get by this", 0.0, 5.5)), speech=[(0.0, 5.5)])
    assert redecode_requests(slow, draft(slow)) == ()
